"""Commands on TLS certificates: init."""

import fcntl
import shlex
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.output import say, show
from app.errors import KeyUnavailable, UsageError
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.vault.certificates import Authority, TlsFiles

LOCK_NAME = "certificates.lock"
MOST_DAYS = 825  # longer ones are refused by Apple's systems
SIOCGIFADDR = 0x8915  # from linux/sockios.h
IPV6_ADDRESSES = Path("/proc/net/if_inet6")
GLOBAL_SCOPE = "00"
TRUST = """\
  Windows          certutil -addstore -f Root authority.pem     (as administrator; Edge and Chrome take it too)
  Debian, Ubuntu   sudo cp authority.pem /usr/local/share/ca-certificates/strongroom.crt && sudo update-ca-certificates
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain authority.pem
  Firefox          Settings, Privacy & Security, View Certificates, Authorities, Import: authority.pem, for websites"""

certificates = typer.Typer(help="Certificates for TLS: init.", no_args_is_help=True)


@certificates.command("init")
def init(
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Host name or address under which browsers reach this service; repeatable."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long the certificate holds.")] = MOST_DAYS,
) -> None:
    """Make a local authority and a server certificate; later calls renew the certificate under the same authority.

    A renewal without --name keeps the names of the former certificate.
    """
    from app.database.locks import hold_for_life
    from app.vault.certificates import (
        TlsFiles,
        checked_name,
        find_or_make_authority,
        make_server_certificate,
        names_of,
    )
    from app.vault.hygiene import harden_process

    harden_process()
    files = TlsFiles(tls_folder(load_settings()))
    asked = [checked_name(one) for one in name or ()]
    try:
        files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_for_life(files.folder / LOCK_NAME, what="another 'certificates init'"):
            authority = find_or_make_authority(files, host=socket.gethostname())
            names = list(dict.fromkeys([*(asked or names_of(files.server)), *names_of_this_machine()]))
            made = make_server_certificate(files, authority, names, days=days)
    except OSError as error:
        raise KeyUnavailable(
            f"certificates cannot be written to {files.folder}: {error.strerror}",
            advice="Make that folder writable, or set KB_KEY_FILE: certificates lie in 'tls' beside the key file.",
        ) from error
    tell(files, authority, names, until=f"{made.not_valid_after_utc:%Y-%m-%d}")


def tell(files: "TlsFiles", authority: "Authority", names: list[str], *, until: str) -> None:
    """Print what was made, how to serve with it, and how clients come to trust it."""
    show(
        f"authority    {files.authority} ({'new' if authority.is_new else 'the one that was there'})\n"
        f"  SHA-256    {authority.fingerprint()}\n"
        f"certificate  {files.server}, until {until}\n"
        f"  names      {', '.join(names)}\n"
        f"\nServe with it:\n  {serve_command('0.0.0.0', files)}\n"  # noqa: S104 - what other machines reach
        f"\nGive authority.pem (no secret) to each client, compare the SHA-256, and trust it once:\n{TRUST}"
    )
    say(
        f"\nWho has {files.authority_key} can pass for any server before these clients: keep a copy apart from this"
        " machine and let nobody read it."
    )


def tls_folder(settings: Settings) -> Path:
    """Return where certificates lie: beside the key files."""
    return settings.key_file_for("any").parent / "tls"


def serve_command(host: str, files: "TlsFiles") -> str:
    """Return the command that serves other machines, as it can be pasted."""
    command = ["python", "-m", "app", "serve", "--host", host]
    return shlex.join([*command, "--tls-cert", str(files.server), "--tls-key", str(files.server_key)])


def names_of_this_machine() -> list[str]:
    """Return the host names and addresses under which this machine knows itself."""
    from app.vault.certificates import checked_name

    names = ["localhost", "127.0.0.1", "::1"]
    for found in (socket.gethostname(), socket.getfqdn(), *addresses()):
        with suppress(UsageError):  # a host name may be what no certificate can hold
            names.append(checked_name(found))
    return names


def addresses() -> list[str]:
    """Return the addresses of the network interfaces that other machines can reach."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, interface in socket.if_nameindex():
            with suppress(OSError):  # it has no address
                reply = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", interface.encode()))
                found.append(socket.inet_ntoa(reply[20:24]))
    with suppress(OSError):  # IPv6 is off
        for line in IPV6_ADDRESSES.read_text(encoding="ascii").splitlines():
            digits, _, _, scope, *_ = line.split()
            if scope == GLOBAL_SCOPE:
                found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)))
    return found
