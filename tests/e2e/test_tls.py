"""TLS as another machine meets it: the authority that we make, 1.3 alone, and no word of plain HTTP to others."""

import datetime as dt
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.machine import REPOSITORY, Machine, Serving, until

DONE, USAGE = 0, 2
NAME = "kb.hospital.lan"
START = REPOSITORY / "docker" / "start.sh"


@pytest.fixture(scope="module")
def hospital(make_machine: Callable[..., Machine]) -> Machine:
    """An empty store with certificates for another host name."""
    machine = make_machine()
    machine.init()
    machine.app("certificates", "init", "--name", NAME)
    return machine


def tls(machine: Machine, name: str) -> Path:
    return machine.key_dir / "tls" / name


def trusting(machine: Machine) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls(machine, "authority.pem")))


@pytest.fixture(scope="module")
def serving(hospital: Machine) -> Iterator[Serving]:
    """The service on all addresses of this machine, as the printed command starts it."""
    said = hospital.app("certificates", "init")
    command = shlex.split(next(line for line in said.splitlines() if " serve " in line))
    assert command[:4] == ["python", "-m", "app", "serve"]
    assert command[4:6] == ["--host", "0.0.0.0"]
    process, _, err = hospital.start("app", *command[3:], "--port", "0")
    serving = reached(hospital, process, err)
    yield serving
    serving.stop()


def reached(machine: Machine, process: "subprocess.Popen[bytes]", err: Path) -> Serving:
    """Wait until a service on all addresses is ready, as a client that trusts its authority sees it."""

    def port() -> str | None:
        assert process.poll() is None, err.read_text()
        found = re.search(r"^https://0\.0\.0\.0:(\d+)$", err.read_text(), re.MULTILINE)
        return found[1] if found else None

    url = f"https://127.0.0.1:{until('it serves', port)}"
    client = httpx.Client(base_url=url, verify=trusting(machine), trust_env=False)

    def ready() -> bool:
        try:
            return client.get("/readyz").status_code == 200
        except httpx.ConnectError:
            return False

    until("it is ready", ready)
    return Serving(machine, process, url, client, err)


def port_of(serving: Serving) -> int:
    return int(serving.url.rsplit(":", 1)[1])


def health(serving: Serving, context: ssl.SSLContext, name: str) -> tuple[str | None, bytes]:
    """Ask for the health of a service under a host name that stands for this machine."""
    with (
        socket.create_connection(("127.0.0.1", port_of(serving)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as connection,
    ):
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        reply = b""
        while piece := connection.recv(65_536):
            reply += piece
        return connection.version(), reply


def refused(machine: Machine, *arguments: str) -> tuple[int, str]:
    done = machine.run("app", "serve", "--port", "0", *arguments, timeout_s=60)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    return done.returncode, done.stderr


def test_another_machine_that_trusts_the_authority_gets_an_answer_over_tls_1_3(hospital: Machine, serving: Serving):
    version, reply = health(serving, trusting(hospital), NAME)
    assert version == "TLSv1.3"
    assert reply.startswith(b"HTTP/1.1 200")


def test_addresses_of_this_machine_are_in_the_certificate(hospital: Machine, serving: Serving):
    for name in ("localhost", "127.0.0.1"):
        assert b" 200 " in health(serving, trusting(hospital), name)[1]


def test_a_client_that_knows_only_tls_1_2_is_refused(hospital: Machine, serving: Serving):
    older = trusting(hospital)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError) as refusal:
        health(serving, older, NAME)
    assert not isinstance(refusal.value, ssl.SSLCertVerificationError), "it does trust the certificate"


def test_a_client_without_the_authority_refuses_us(serving: Serving):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get"):
        health(serving, ssl.create_default_context(), NAME)


def test_a_client_that_asked_for_another_name_refuses_us(hospital: Machine, serving: Serving):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        health(serving, trusting(hospital), "bank.hospital.lan")


def test_plain_http_gets_nothing_on_the_port_of_tls(serving: Serving):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port_of(serving)}/healthz", trust_env=False)


def test_clients_that_say_nothing_or_nonsense_hold_nobody_up(hospital: Machine, serving: Serving):
    silent = [socket.create_connection(("127.0.0.1", port_of(serving))) for _ in range(20)]
    try:
        for one in silent[:10]:
            one.sendall(b"\x16\x03\x01\xff\xff" + bytes(200))
        assert b" 200 " in health(serving, trusting(hospital), NAME)[1]
    finally:
        for one in silent:
            one.close()
    assert "Traceback" not in serving.stderr.read_text()


def test_a_renewed_certificate_needs_no_new_trust_and_one_that_ends_soon_is_said(machine: Machine):
    machine.init()
    machine.app("certificates", "init", "--name", NAME)
    trusted = trusting(machine)
    before = tls(machine, "server.pem").read_bytes()
    machine.app("certificates", "init", "--days", "20")
    assert tls(machine, "server.pem").read_bytes() != before
    files = ("--tls-cert", str(tls(machine, "server.pem")), "--tls-key", str(tls(machine, "server.key")))
    serving = machine.begin_serving("--host", "127.0.0.1", *files, verify=trusted)
    assert b" 200 " in health(serving, trusted, NAME)[1]
    assert "certificates init" in serving.stderr.read_text()
    serving.stop()


def test_another_host_without_tls_is_refused_with_both_commands(hospital: Machine):
    for host in ("0.0.0.0", "::", NAME):
        code, said = refused(hospital, "--host", host)
        assert code == USAGE
        assert "python -m app certificates init" in said
        serve = f"python -m app serve --host {host} --tls-cert {tls(hospital, 'server.pem')}"
        assert f"{serve} --tls-key {tls(hospital, 'server.key')}" in said


def expired(folder: Path) -> tuple[str, str]:
    """Write a certificate that ended yesterday, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "former")])
    ends = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(ends - dt.timedelta(days=30)).not_valid_after(ends).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "former.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "former.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "former.pem"), str(folder / "former.key")


def test_files_that_cannot_serve_are_said_at_start_in_one_line_with_advice(hospital: Machine, tmp_path: Path):
    cert, key = str(tls(hospital, "server.pem")), str(tls(hospital, "server.key"))
    old_cert, old_key = expired(tmp_path)
    for files, what in (
        ((old_cert, old_key), "ended on"),
        ((str(tmp_path / "none.pem"), key), "is not there"),
        ((cert, str(tmp_path / "none.key")), "is not there"),
        ((cert, old_key), "does not belong to"),
        ((key, key), "holds no certificate"),
        ((cert, str(tmp_path)), "cannot be read"),
    ):
        code, said = refused(hospital, "--host", "127.0.0.1", "--tls-cert", files[0], "--tls-key", files[1])
        assert code == USAGE, said
        assert what in said.splitlines()[0]
        assert "--tls-" in said.splitlines()[1]


def test_an_address_of_no_interface_here_is_said(hospital: Machine):
    files = ("--tls-cert", str(tls(hospital, "server.pem")), "--tls-key", str(tls(hospital, "server.key")))
    for host in ("192.0.2.7", "no-such-host.invalid"):
        code, said = refused(hospital, "--host", host, *files)
        assert code == USAGE
        assert host in said
        assert "--host" in said.splitlines()[1]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_served_and_named_as_browsers_take_it(machine: Machine, host: str):
    machine.init()
    with machine.serve("--host", host) as serving:
        assert re.fullmatch(r"http://\[::1\]:\d+", serving.url)
        assert serving.api.get("/readyz")


def test_a_container_makes_store_and_certificates_once_and_shows_no_credential(machine: Machine):
    # A shell finds python as in the image: by PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said, authorities = [], []
    for _ in range(2):
        out, err = machine.log_file("start.out"), machine.log_file("start.err")
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                ["sh", str(START), "--port", "0"], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                cwd=machine.cwd, env=machine.environment | {"PATH": path, "STRONGROOM_HOST": NAME},
                start_new_session=True,
            )  # fmt: skip
        machine.processes.append(process)
        serving = reached(machine, process, err)
        assert b" 200 " in health(serving, trusting(machine), NAME)[1]
        assert serving.stop() in {DONE, -signal.SIGTERM}
        said.append(out.read_text() + err.read_text())
        authorities.append(tls(machine, "authority.pem").read_bytes())
    login = machine.key_file.with_name("store-first-login.json")
    assert login.stat().st_mode & 0o777 == 0o600
    assert str(login) in said[0]
    secrets = re.findall(r'"(?:password|api_key|recovery_key)": "([^"]+)"', login.read_text())
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in "".join(said)]
    assert authorities[0] == authorities[1]
    assert "Store made" in said[0]
    assert "Store made" not in said[1]
