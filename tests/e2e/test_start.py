"""Starting and stopping: what stands in the way is said, and Ctrl-C leaves a whole store."""

import datetime as dt
import ipaddress
import json
import re
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.machine import REPOSITORY, Machine, alive, loose_ends, nothing, until

USAGE, STORE = 2, 3
TORQUE = "tightening torque of the star-wheel hub"


@pytest.fixture(scope="module")
def shelf(make_machine: Callable[..., Machine]) -> Machine:
    """A small store that nothing serves."""
    machine = make_machine()
    machine.init()
    machine.ingest(str(REPOSITORY / "tests" / "documents" / "files"))
    return machine


def refused(machine: Machine, *arguments: str, **extra: str) -> tuple[int, str]:
    done = machine.run("app", *arguments, timeout_s=60, **extra)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_second_service_on_one_store_says_so(shelf: Machine):
    with shelf.serve() as serving:
        code, said = refused(shelf, "serve", "--port", "0")
        assert code == STORE
        assert re.search(r"a service|another|already", said), said
        assert serving.api.search(TORQUE)["hits"], "the first goes on"
        assert shelf.app("search", TORQUE), "and its socket too"


def test_a_port_that_is_taken_is_said_at_once(shelf: Machine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = refused(shelf, "serve", "--port", str(taken.getsockname()[1]))
    assert code == USAGE
    assert "--port" in said


def test_plain_http_for_all_the_world_is_refused_and_both_flags_are_named(shelf: Machine):
    code, said = refused(shelf, "serve", "--host", "0.0.0.0", "--port", "0")
    assert code == USAGE
    assert "--tls-cert" in said
    assert "--tls-key" in said
    code, said = refused(shelf, "serve", "--port", "0", "--tls-cert", "only.pem")
    assert code == USAGE


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("search", "x"), ("users", "list")])
def test_a_missing_or_wrong_key_is_store_trouble_and_named(shelf: Machine, tmp_path: Path, command: tuple[str, ...]):
    missing = tmp_path / "missing.key"
    code, said = refused(shelf, *command, KB_KEY_FILE=str(missing))
    assert code == STORE
    assert str(missing) in said
    assert "KB_KEY_FILE" in said

    wrong = tmp_path / "wrong.key"
    wrong.write_text("0" * 64)
    wrong.chmod(0o600)
    code, said = refused(shelf, *command, KB_KEY_FILE=str(wrong))
    assert code == STORE
    assert "another store" in said


def test_a_key_that_others_can_read_is_refused(shelf: Machine, tmp_path: Path):
    copy = tmp_path / "open.key"
    copy.write_bytes(shelf.key_file.read_bytes())
    copy.chmod(0o644)
    code, said = refused(shelf, "users", "list", KB_KEY_FILE=str(copy))
    assert code == STORE
    assert "chmod 600" in said


def test_no_store_and_one_too_many_are_said(shelf: Machine, tmp_path: Path):
    code, said = refused(shelf, "serve", "--port", "0", KB_DATA_DIR=str(tmp_path / "none"))
    assert code == STORE
    assert "init" in said
    before = (shelf.data / "store.json").read_bytes()
    assert refused(shelf, "init")[0] == STORE
    assert (shelf.data / "store.json").read_bytes() == before


def test_a_misspelt_setting_stops_the_start(shelf: Machine):
    code, said = refused(shelf, "serve", KB_SERVER__PROT="8000")
    assert code == USAGE
    assert "prot" in said


def test_an_ingest_of_nothing_and_of_refused_files_exits_as_promised(shelf: Machine, tmp_path: Path):
    assert shelf.run("ingest", str(tmp_path / "nowhere")).returncode == USAGE
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "fine.txt").write_text("Fine as it is.")
    report = shelf.ingest(str(tmp_path), "--knowledge-base", "mixed", code=1)
    assert [one["file"] for one in report["refused"]] == ["broken.pdf"]
    assert report["refused"][0]["reason"]
    assert report["taken"] == 1
    wrong = shelf.run("ingest", str(tmp_path), KB_KEY_FILE=str(tmp_path / "missing.key"))
    assert wrong.returncode == STORE


def test_search_and_ask_answer_in_process_where_nothing_serves(shelf: Machine):
    found = json.loads(shelf.app("search", TORQUE, "--json"))
    assert "filler-manual.pdf" in {hit["external_id"] for hit in found["hits"]}
    assert found["timings_ms"]["vectors_by"] in {"chroma", "exact"}
    assert not shelf.ram_folders()
    assert json.loads(shelf.app("ask", TORQUE, "--json"))["index"]["pending"] == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "strongroom test")])
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_tls_speaks_1_3_and_nothing_older(shelf: Machine, tmp_path: Path):
    cert_file, key_file = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(cert_file))
    serving = shelf.begin_serving(
        "--host", "127.0.0.1", "--tls-cert", str(cert_file), "--tls-key", str(key_file), verify=trusting
    )
    try:
        assert serving.url.startswith("https://")
        assert serving.api.search(TORQUE)["hits"]
        host, port = serving.url.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port))) as raw, trusting.wrap_socket(raw, server_hostname=host) as tls:
            assert tls.version() == "TLSv1.3"
        older = ssl.create_default_context(cafile=str(cert_file))
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection((host, int(port))) as raw, pytest.raises(ssl.SSLError):
            older.wrap_socket(raw, server_hostname=host)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{host}:{port}/healthz", trust_env=False)
        assert shelf.app("search", TORQUE), "the socket of the commands speaks on"
    finally:
        serving.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_service_and_its_worker_and_seals_snapshots(shelf: Machine, number: signal.Signals):
    with shelf.serve() as serving:
        worker = serving.worker()
        started = serving.descendants()
        serving.api.search(TORQUE)
        serving.stop(number)
    assert not alive(worker)
    until("all its processes end", lambda: not [one for one in started if alive(one)], timeout_s=5)
    assert "Traceback" not in serving.stderr.read_text()
    assert nothing(loose_ends(shelf)), loose_ends(shelf)
    assert len(list((shelf.data / "snapshots").iterdir())) >= 2
    assert not shelf.ram_folders()
    assert not (shelf.ram / shelf.store_id / "serve.sock").exists()


def test_snapshots_that_were_tampered_with_are_dropped_and_built_anew(shelf: Machine):
    with shelf.serve() as serving:
        before = serving.api.search(TORQUE)["hits"]
    for file in (shelf.data / "snapshots").iterdir():
        sealed = bytearray(file.read_bytes())
        sealed[len(sealed) // 2] ^= 1
        file.write_bytes(sealed)
    with shelf.serve() as serving:
        assert serving.stderr.read_text().count("snapshot dropped") >= 2
        assert serving.api.search(TORQUE)["hits"] == before
        until(
            "Chroma was filled anew",
            lambda: serving.api.search(TORQUE)["timings_ms"]["vectors_by"] == "chroma",
            timeout_s=10,
        )
    assert nothing(loose_ends(shelf))
