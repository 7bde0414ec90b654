"""start: what ``make run`` does. A store if there is none, the service at once, and the documents beside it."""

import errno
import os
import shlex
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.commands.children import INGEST_END_S, INIT_END_S, SERVICE_END_S, Child, Children
from app.commands.credentials import first_login_file
from app.commands.output import say
from app.commands.serve import LOOPBACK, listening, refuse_plain_http, url_host
from app.errors import SettingsError, StoreBusy, StoreFull, StoreMissing, StrongroomError
from app.settings import Settings, load_settings

SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "documents" / "files"
SAMPLE_QUESTIONS = (
    "头孢他啶的单次剂量是多少，隔多久给一次？",
    "What is the tightening torque of the star-wheel hub?",
)
ADMINISTRATOR = "admin"
TAKEN_IN, REFUSED, USAGE = 0, 1, 2
LATE_S = 15.0
MIB = 2**20
LEAST_DISK_BYTES = 64 * MIB
FIRST_FREE_FOR_ALL = 1_024
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach ourselves, not where to listen


def start(
    docs: Annotated[
        str | None, typer.Option(help="Folder or file to take in; without, a new store gets the samples.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    # readable=False: serve says what is wrong with the files.
    tls_cert: Annotated[Path | None, typer.Option(readable=False, help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(readable=False, help="Its key, PEM.")] = None,
) -> None:
    """Make a store if there is none, serve, and ingest a folder; Ctrl-C ends all of it."""
    from app.vault.hygiene import harden_process

    harden_process()
    settings = load_settings()
    bare = host.removeprefix("[").removesuffix("]") if host else host  # as IPv6 stands in an address
    settings = on(settings, **{name: value for name, value in (("host", bare), ("port", port)) if value is not None})
    if settings.server.host not in LOOPBACK and tls_cert is None:
        refuse_plain_http(settings)
    refuse_second_service(settings)
    settings = on(settings, port=free_port(settings))
    here = ANY_ADDRESS.get(settings.server.host, settings.server.host)
    url = f"http{'s' if tls_cert else ''}://{url_host(on(settings, host=here))}:{settings.server.port}"
    arguments = ["--quiet", "--host", settings.server.host, "--port", str(settings.server.port)]
    arguments += ["--tls-cert", str(tls_cert)] if tls_cert else []
    arguments += ["--tls-key", str(tls_key)] if tls_key else []
    code = 0
    with Children() as children:
        made = make_store(settings, children)
        service = children.start("app", "serve", *arguments, end_s=SERVICE_END_S)
        wait_until_ready(settings, children, service)
        password = where_password_is(settings, made=made)
        say(f"\nStrongroom answers at {url}: user {ADMINISTRATOR}, password {password}.")
        docs = str(SAMPLES) if docs is None and made else docs
        taken = docs is not None and take_in(settings, docs, children, service)
        if service.code is None:
            say("\n".join(("", *sign_in_lines(settings, url, password, made=made), *next_lines(docs, taken=taken))))
        code = children.wait(service) or 0
        say(f"The service ended by itself ({code}), see above.")
        code = code if code > 0 else 1
    raise typer.Exit(code)


def refuse_second_service(settings: Settings) -> None:
    """Stop where this store is served already.

    Raises:
        StoreBusy: it is.
    """
    from app.database.locks import is_held

    if is_held(settings.data_dir / "locks" / "serve.lock"):
        raise StoreBusy(
            f"a service runs on the store in {settings.data_dir} already",
            advice=f"Use it ('{command('ingest')} FOLDER' takes documents in), or stop it where it was started.",
        )


def on(settings: Settings, **changes: str | int) -> Settings:
    """Return the settings with another host or port."""
    return settings.model_copy(update={"server": settings.server.model_copy(update=changes)})


def free_port(settings: Settings) -> int:
    """Return the port if it can be listened on; for 0 one that is free.

    Raises:
        SettingsError: it cannot; the advice names one that can, if another holds it.
    """
    host, port = settings.server.host, settings.server.port
    try:
        return try_port(settings)
    except SettingsError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise SettingsError(
            f"cannot listen on {host} port {port}: {cause.strerror}",
            advice=f"Run 'make run PORT={next_free(settings)}', or stop what uses port {port}.",
        ) from error


def next_free(settings: Settings) -> int:
    """Return a free port above one that is not ours to use."""
    for other in range(max(settings.server.port + 1, FIRST_FREE_FOR_ALL), 65_536):
        with suppress(SettingsError):
            return try_port(on(settings, port=other))
    return try_port(on(settings, port=0))


def try_port(settings: Settings) -> int:
    """Bind for a moment, as serve will, and return the port."""
    with listening(settings) as bound:
        return int(bound.getsockname()[1])


def make_store(settings: Settings, children: Children) -> bool:
    """Make the store if there is none, and return whether it was made.

    Raises:
        StoreFull: the disk has no room for one.
        typer.Exit: it cannot be made; init has said why.
    """
    from app.database.store import read_manifest

    try:
        read_manifest(settings.data_dir)
    except StoreMissing:
        refuse_full_disk(settings.data_dir.absolute())
        # Its stdout is no terminal and goes nowhere: the credentials go to a file beside the key. Once begun it is left
        # to finish: a store without its first administrator is of no use.
        code = children.wait(children.start("app", "init", quiet=True, end_signal=None, end_s=INIT_END_S))
        if code:
            raise typer.Exit(code if code > 0 else 1) from None
        return True
    return False


def refuse_full_disk(data_dir: Path) -> None:
    """Stop before half a store is made.

    Raises:
        StoreFull: the disk has no room for one.
    """
    free = shutil.disk_usage(next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())).free
    if free < LEAST_DISK_BYTES:
        raise StoreFull(
            f"{free // MIB} MiB are free on the disk of {data_dir}; a store begins with {LEAST_DISK_BYTES // MIB}",
            advice="Free some space, or set KB_DATA_DIR to a folder on another disk.",
        )


def wait_until_ready(settings: Settings, children: Children, service: Child) -> None:
    """Wait until searches are right, however long a large store takes to open.

    Raises:
        typer.Exit: the service ended; it has said why.
    """
    waited, told = 0.0, False
    while not is_ready(settings):
        if service.code is not None:
            raise typer.Exit(service.code if service.code > 0 else 1)
        if waited > LATE_S and not told:
            say("Opening the store takes longer than usual; its indexes are built anew.")
            told = True
        children.pause()
        waited += 0.1


def is_ready(settings: Settings) -> bool:
    """Whether the service takes connections, and says on the store's socket that its indexes follow the store."""
    import httpx

    from app.database.store import read_manifest
    from app.knowledge.ram import socket_file

    manifest, _ = read_manifest(settings.data_dir)
    transport = httpx.HTTPTransport(uds=str(socket_file(settings, manifest.store_id)))
    try:
        host = settings.server.host
        socket.create_connection((ANY_ADDRESS.get(host, host), settings.server.port), timeout=5).close()
        with httpx.Client(transport=transport, base_url="http://strongroom", timeout=5) as client:
            return client.get("/readyz").status_code == 200
    except (OSError, httpx.HTTPError):
        return False


def take_in(settings: Settings, docs: str, children: Children, service: Child) -> bool:
    """Ingest a folder beside the service, or say why not; return whether its documents are in."""
    trouble = why_not(settings, docs)
    if trouble is not None:
        say(f"Nothing is taken in: {trouble}. The service runs; '{command('ingest')} FOLDER' takes a folder in.")
        return False
    say(f"Taking in {docs}: found by words within seconds, by meaning as soon as that is computed.")
    again = f"'{command('ingest')} {shlex.quote(docs)}'"
    path = str(Path(docs).expanduser())
    # Ctrl-C is what an ingest ends well by; what it has read stays.
    ingest = children.start("ingest", "--", path, end_signal=signal.SIGINT, end_s=INGEST_END_S)
    code = children.wait(ingest, beside=service)
    if code is None:
        return False
    if code < 0:
        name = signal.Signals(-code).name
        say(f"The ingest was killed ({name}); what it has read stays, the service runs. {again} goes on.")
    elif code == REFUSED:
        say("The files listed above were refused; all others are in.")
    elif code != TAKEN_IN:
        say(f"The ingest stopped, see above; what it has read stays, the service runs. {again} goes on.")
    return code in (TAKEN_IN, REFUSED)


def why_not(settings: Settings, docs: str) -> str | None:
    """Return what keeps a folder from being taken in; None if nothing does."""
    from app.commands.room import find_lack

    if not docs.strip():
        return "DOCS names no folder"
    try:
        path = Path(docs).expanduser()
        if not path.exists():
            return f"{docs} does not exist"
        if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            return f"{docs} may not be read by this user"
        lack = find_lack(settings, path)
    except StrongroomError as error:
        return str(error)
    except (OSError, RuntimeError):  # a folder above it is closed to us; no such home folder
        return f"{docs} cannot be opened"
    return None if lack is None else str(lack)


def where_password_is(settings: Settings, *, made: bool) -> str:
    """Return where the first administrator's password is."""
    from app.database.store import read_manifest

    manifest, _ = read_manifest(settings.data_dir)
    file = first_login_file(settings.key_file_for(manifest.store_id))
    if made:
        return f"in {file}"
    return f"as before (the first one is in {file})" if file.exists() else "as before"


def sign_in_lines(settings: Settings, url: str, password: str, *, made: bool) -> list[str]:
    """Return how to sign in, and what is still to be done about the recovery key."""
    from app.vault.keyring import of_kind, read_keyring
    from app.vault.recovery_key import KIND

    lines = [
        f"page          {url}",
        f"user name     {ADMINISTRATOR}",
        f"password      {password}",
    ]
    if not made:
        lines.append(f"new password  {command('app')} users reset-password {ADMINISTRATOR}")
    if settings.server.host not in LOOPBACK:
        lines.insert(1, "              (other machines: a name that is in the certificate, with the same port)")
    _, slots = read_keyring(settings.data_dir)
    recovery = of_kind(slots, KIND)
    if recovery and recovery[0].confirmed is None:
        where = "in the same file; keep" if made else "keep"
        lines.append(
            f"recovery key  {where} it on paper, apart from this machine, then: {command('app')} keys confirm-recovery"
        )
    return lines


def next_lines(docs: str | None, *, taken: bool) -> list[str]:
    """Return what to try now."""
    ask = f"{command('app')} ask"
    if taken and docs is not None and Path(docs).expanduser().resolve() == SAMPLES:
        lines = ["Ask on the page, or in another terminal:", *(f'  {ask} "{one}"' for one in SAMPLE_QUESTIONS)]
    elif docs is None:
        lines = [f"Nothing new was taken in: 'make run DOCS=FOLDER' or '{command('ingest')} FOLDER' takes a folder in."]
    else:
        lines = [f'Ask about your documents on the page, or in another terminal: {ask} "..."']
    return ["", *lines, "Ctrl-C ends everything."]


def command(package: str) -> str:
    """Return how to run one of our packages from this folder, also without an activated environment."""
    python = Path(sys.executable)
    here = Path.cwd()
    shown = python.relative_to(here) if python.is_relative_to(here) else python
    return f"{shlex.quote(str(shown))} -m {package}"
