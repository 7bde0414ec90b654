"""serve: the service, its socket for commands, and the ingest worker as a process of its own."""

import asyncio
import datetime as dt
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import SettingsError, UsageError
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    import ssl

    from app.api.metrics import Metrics
    from app.api.services import Services

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SOCKET_BACKLOG = 128
WORKER_RESTART_S = 2.0
WORKER_END_S = 30.0
GRACE_S = 20
RENEW_BEFORE = dt.timedelta(days=30)
NO_SUCH_ADDRESS = "Give an address of this machine with --host; 0.0.0.0 stands for all of them, :: for IPv6 too."


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    # readable=False: what is wrong with the files is said by us.
    tls_cert: Annotated[Path | None, typer.Option(readable=False, help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(readable=False, help="Its key, PEM.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log warnings and errors alone.")] = False,
) -> None:
    """Answer over HTTP, and on the store's socket for the other commands."""
    from app.logs import start_logs
    from app.vault.hygiene import harden_process

    harden_process()
    settings = load_settings()
    bare = host.removeprefix("[").removesuffix("]") if host else host  # as IPv6 stands in an address
    changes = {name: value for name, value in (("host", bare), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=changes)})
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("give --tls-cert and --tls-key together")
    tls = context_of(tls_cert, tls_key) if tls_cert and tls_key else None
    if settings.server.host not in LOOPBACK and tls is None:
        refuse_plain_http(settings)
    start_logs("warning" if quiet else settings.log_level)
    raise_open_files()
    asyncio.run(run(settings, tls))


def raise_open_files() -> None:
    """Take all the open files that the system allows: each connection is one, and often 1,024 are given unasked."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def run(settings: Settings, tls: "ssl.SSLContext | None") -> None:
    """Run both servers and the worker until a signal ends them."""
    import uvicorn

    from app.api.access import LocalOnly
    from app.api.application import create_app
    from app.api.local_socket import LocalProtocol
    from app.api.services import open_services
    from app.api.tcp_protocol import TimedProtocol
    from app.logs import get_log

    log = get_log(__name__)

    failures: list[BaseException] = []
    address: tuple[Any, ...] = ()

    @asynccontextmanager
    async def opened(metrics: "Metrics") -> "AsyncIterator[Services]":
        async with noting(failures, open_services(settings, metrics=metrics)) as services:
            with local_socket(settings, services.store.store_id) as bound:
                local = uvicorn.Server(
                    uvicorn.Config(
                        LocalOnly(application), http=LocalProtocol, lifespan="off", proxy_headers=False,
                        access_log=False, log_config=None,
                    )
                )  # fmt: skip
                # Only the main server handles signals.
                local.capture_signals = no_signals  # type: ignore[method-assign]
                serving = asyncio.create_task(local.serve(sockets=[bound]))
                worker = asyncio.create_task(keep_worker()) if settings.ingest.worker == "embedded" else None
                log.info("listening", host=settings.server.host, port=address[1], pid=os.getpid())
                sys.stderr.write(f"{'http' if tls is None else 'https'}://{url_host(settings)}:{address[1]}\n")
                try:
                    yield services
                finally:
                    local.should_exit = True
                    await serving
                    if worker is not None:
                        worker.cancel()
                        await asyncio.gather(worker, return_exceptions=True)

    application = create_app(opened, max_upload_bytes=settings.server.max_upload_bytes)
    server = uvicorn.Server(
        uvicorn.Config(
            application, http=TimedProtocol, proxy_headers=False, server_header=False, access_log=False,
            log_config=None, timeout_graceful_shutdown=GRACE_S,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
    )  # fmt: skip
    with listening(settings) as bound:
        address = bound.getsockname()
        try:
            await server.serve(sockets=[bound])
        except SystemExit:
            # uvicorn ends the process without a word when the application does not open.
            if not failures:
                raise
    if failures:
        raise failures[0]


@asynccontextmanager
async def noting(
    failures: list[BaseException], opening: "AbstractAsyncContextManager[Services]"
) -> "AsyncIterator[Services]":
    """Keep what stops the services from opening: uvicorn ends without a word about it."""
    async with AsyncExitStack() as stack:
        try:
            services = await stack.enter_async_context(opening)
        except BaseException as error:
            failures.append(error)
            raise
        yield services


def context_of(tls_cert: Path, tls_key: Path) -> "ssl.SSLContext":
    """Return the TLS to serve with, and say when its certificate ends soon."""
    from app.vault.tls import server_context

    context, ends = server_context(tls_cert, tls_key)
    if ends - dt.datetime.now(dt.UTC) < RENEW_BEFORE:
        sys.stderr.write(
            f"The certificate {tls_cert} ends on {ends:%Y-%m-%d}: run 'python -m app certificates init', then start"
            " again.\n"
        )
    return context


def refuse_plain_http(settings: Settings) -> None:
    """Name the two commands that let other machines in.

    Raises:
        UsageError: always.
    """
    from app.commands.certificates import serve_command, tls_folder
    from app.vault.certificates import TlsFiles

    host = settings.server.host
    raise UsageError(
        f"plain HTTP is served on loopback only, not on {host}",
        advice="For other machines run 'python -m app certificates init', then"
        f" '{serve_command(host, TlsFiles(tls_folder(settings)))}'; for this one alone keep --host 127.0.0.1.",
    )


def url_host(settings: Settings) -> str:
    """Return the host as it stands in an address."""
    host = settings.server.host
    return f"[{host}]" if ":" in host else host


@contextmanager
def no_signals() -> Iterator[None]:
    """Leave signals to the main server."""
    yield


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Bind the address before anything is opened, so that a port that is taken is said at once.

    Raises:
        SettingsError: the address cannot be bound.
    """
    host, port = settings.server.host, settings.server.port
    try:
        families = {info[0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"cannot listen on {host}: no such host name or address", advice=NO_SUCH_ADDRESS) from error
    # A name that stands for both, such as localhost, is IPv4, as it always was.
    family = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Head and body of a reply are two writes: without this the second waits 40 ms for the peer's delayed ACK.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {host} port {port}: {error.strerror}",
                advice=NO_SUCH_ADDRESS
                if error.errno == errno.EADDRNOTAVAIL
                else "Choose another port with --port, or stop what uses it.",
            ) from error
        yield bound


@contextmanager
def local_socket(settings: Settings, store_id: str) -> Iterator[socket.socket]:
    """Bind the store's socket, for this user alone; a stale one is replaced (we hold the serve lock)."""
    from app.knowledge.ram import socket_file, store_ram_dir

    store_ram_dir(settings, store_id)
    file = socket_file(settings, store_id)
    file.unlink(missing_ok=True)
    before = os.umask(0o077)
    try:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(file))
    finally:
        os.umask(before)
    bound.listen(SOCKET_BACKLOG)
    try:
        yield bound
    finally:
        bound.close()
        file.unlink(missing_ok=True)


async def keep_worker() -> None:
    """Keep the ingest worker running; one that dies is started again and takes its work up."""
    from app.logs import get_log

    log = get_log(__name__)
    while True:
        # exec only, and in our own process group no longer: Ctrl-C reaches us, and we end it.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ingest", "work", "--with-service"),
            stdin=subprocess.PIPE,  # closes when we are gone, which the worker takes as its end
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), WORKER_END_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            raise
        log.error("worker ended", returncode=code)
        await asyncio.sleep(WORKER_RESTART_S)
