import datetime as dt
import ipaddress
import os
import shlex
import subprocess
import sys

import pytest
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typer.testing import CliRunner

from app.commands.certificates import certificates, names_of_this_machine
from app.errors import KeyUnavailable, SettingsError, StoreBusy, UsageError
from app.vault.certificates import checked_name, common_name
from app.vault.tls import server_context


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KB_KEY_FILE", str(tmp_path / "keys" / "store.key"))
    monkeypatch.setattr("app.vault.hygiene.harden_process", lambda: None)  # it is for the life of a process
    return tmp_path / "keys" / "tls"


@pytest.fixture
def init(folder):
    application = typer.Typer()
    application.add_typer(certificates, name="certificates")

    def run(*arguments):
        ran = CliRunner().invoke(application, ["certificates", "init", *arguments])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran

    return run


def read(file):
    return x509.load_pem_x509_certificates(file.read_bytes())


def names_in(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(one.value) for one in names]


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def days_of(certificate):
    return (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / dt.timedelta(days=1)


def make_authority(folder, *, ends=None, ca=True, mode=0o600):
    """Write an authority of our own making into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = common_name("an authority")
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(days=20)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(begins).not_valid_after(ends or begins + dt.timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "authority.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "authority.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "authority.key").chmod(mode)
    return certificate


def test_the_authority_may_sign_servers_for_ten_years_and_nothing_below_them(init, folder):
    init()

    (authority,) = read(folder / "authority.pem")
    assert extension(authority, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    assert extension(authority, x509.BasicConstraints).critical
    usage = extension(authority, x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert 3_650 <= days_of(authority) <= 3_653
    assert authority.public_key().curve.name == "secp256r1"
    authority.verify_directly_issued_by(authority)


def test_the_server_certificate_is_for_servers_alone_and_under_the_authority(init, folder):
    init()

    server, issuer = read(folder / "server.pem")
    assert [issuer] == read(folder / "authority.pem")
    server.verify_directly_issued_by(issuer)
    assert not extension(server, x509.BasicConstraints).value.ca
    usage = extension(server, x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert list(extension(server, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert (
        extension(server, x509.AuthorityKeyIdentifier).value.key_identifier
        == extension(issuer, x509.SubjectKeyIdentifier).value.digest
    )
    assert days_of(server) == 825
    assert server.public_key().curve.name == "secp256r1"
    assert server.public_key() != issuer.public_key()


def test_it_names_this_machine_and_what_was_asked(init, folder):
    init("--name", "KB.Hospital.LAN.", "--name", "10.20.30.40", "--name", "[fd00::12]", "--name", "中文.lan")

    names = names_in(read(folder / "server.pem")[0])
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert set(names_of_this_machine()) <= set(names)
    assert {"kb.hospital.lan", "10.20.30.40", "fd00::12", "xn--fiq228c.lan"} <= set(names)
    assert len(names) == len(set(names))


def test_addresses_are_held_as_addresses(init, folder):
    init("--name", "10.20.30.40")

    names = extension(read(folder / "server.pem")[0], x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("10.20.30.40") in names.get_values_for_type(x509.IPAddress)
    assert "10.20.30.40" not in names.get_values_for_type(x509.DNSName)


def test_keys_are_for_their_owner_alone_and_nothing_is_left_beside(init, folder):
    init()

    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert modes == {
        "authority.pem": 0o644, "authority.key": 0o600, "server.pem": 0o644, "server.key": 0o600,
        "certificates.lock": 0o600,
    }  # fmt: skip
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_call_renews_the_certificate_under_the_same_authority_and_keeps_its_names(init, folder):
    first = init("--name", "kb.hospital.lan").stdout
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    second = init("--days", "90").stdout

    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert before["authority.pem"] == after["authority.pem"]
    assert before["authority.key"] == after["authority.key"]
    assert before["server.pem"] != after["server.pem"]
    assert before["server.key"] != after["server.key"]
    server, issuer = read(folder / "server.pem")
    server.verify_directly_issued_by(issuer)
    assert "kb.hospital.lan" in names_in(server)
    assert days_of(server) == 90
    assert "(new)" in first
    assert "the one that was there" in second


def test_names_that_are_given_replace_former_ones(init, folder):
    init("--name", "old.lan")
    init("--name", "new.lan")

    names = names_in(read(folder / "server.pem")[0])
    assert "new.lan" in names
    assert "old.lan" not in names


def test_a_damaged_server_certificate_is_renewed(init, folder):
    init()
    (folder / "server.pem").write_bytes(b"nonsense")
    (folder / "server.key").unlink()

    init()

    server_context(folder / "server.pem", folder / "server.key")


def test_the_command_that_is_printed_is_the_one_that_serves(init, folder):
    said = init().stdout

    line = next(line for line in said.splitlines() if " serve " in line)
    words = shlex.split(line)
    assert words[:6] == ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
    options = dict(zip(words[6::2], words[7::2], strict=True))
    server_context(folder / "server.pem", folder / "server.key")
    assert options == {"--tls-cert": str(folder / "server.pem"), "--tls-key": str(folder / "server.key")}


def test_it_is_said_how_clients_trust_the_authority_and_how_to_compare_it(init, folder):
    said = init().stdout

    (authority,) = read(folder / "authority.pem")
    assert authority.fingerprint(hashes.SHA256()).hex(":").upper() in said
    for client in ("Windows", "Debian, Ubuntu", "macOS", "Firefox"):
        assert sum(line.strip().startswith(client) for line in said.splitlines()) == 1
    assert "PRIVATE KEY" not in said


@pytest.mark.parametrize(
    "name",
    ["", " ", "https://kb.lan", "kb.lan:8000", "*.lan", "-kb.lan", "kb..lan", "10.0.0.300", "0.0.0.0", "::",
     "fe80::1%eth0", "a" * 64, ".".join(["a" * 60] * 5), "kb lan", "kb\n.lan", "kb.lan/x", "[", "é" * 80],
)  # fmt: skip
def test_what_is_no_name_is_refused_before_anything_is_written(init, folder, name):
    with pytest.raises(UsageError, match="neither a host name nor an address") as refused:
        init("--name", name)

    assert "--name" in refused.value.advice
    assert not folder.exists()


@pytest.mark.parametrize("days", ["0", "826", "-1", "x"])
def test_days_that_clients_would_not_take_are_a_usage_error(init, folder, days):
    assert init("--days", days).exit_code == 2
    assert not folder.exists()


def test_an_address_is_written_in_one_way():
    assert checked_name("FD00:0:0::0012") == "fd00::12"


@pytest.mark.parametrize("name", ["authority.pem", "authority.key"])
@pytest.mark.parametrize(
    "content", [None, b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_authority_is_named_and_left_as_it_is(init, folder, name, content):
    init()
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    with pytest.raises(KeyUnavailable, match="damaged") as refused:
        init()

    assert name in str(refused.value)
    assert str(folder) in refused.value.advice
    assert "\n" not in str(refused.value) + refused.value.advice
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_key_of_another_authority_is_refused(init, folder, tmp_path):
    init()
    make_authority(tmp_path / "other")
    (folder / "authority.key").write_bytes((tmp_path / "other" / "authority.key").read_bytes())

    with pytest.raises(KeyUnavailable, match="is not the key of"):
        init()


def test_an_authority_that_ended_or_is_none_or_is_open_is_refused(init, folder):
    make_authority(folder, ends=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    with pytest.raises(KeyUnavailable, match="ended on"):
        init()
    make_authority(folder, ca=False)
    with pytest.raises(KeyUnavailable, match="no certificate of an authority"):
        init()
    make_authority(folder, mode=0o640)
    with pytest.raises(KeyUnavailable, match="can be read by others") as refused:
        init()
    assert "chmod 600" in refused.value.advice
    assert not (folder / "server.pem").exists()


def test_a_certificate_does_not_outlive_its_authority(init, folder):
    authority = make_authority(folder)

    init()

    assert read(folder / "server.pem")[0].not_valid_after_utc == authority.not_valid_after_utc


def test_a_folder_that_cannot_be_written_is_one_error(init, folder):
    folder.parent.mkdir()
    folder.write_text("a file in its place")

    with pytest.raises(KeyUnavailable, match="cannot be written") as refused:
        init()

    assert "KB_KEY_FILE" in refused.value.advice


def test_two_at_once_make_one_authority(folder):
    program = [sys.executable, "-m", "app", "certificates", "init"]
    running = [
        subprocess.Popen(program, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]

    fingerprints = {
        line.split()[1] for (out, _), _ in ended for line in out.splitlines() if line.startswith("  SHA-256")
    }
    assert len(fingerprints) == 1
    assert {code for _, code in ended} <= {0, 3}
    assert all("is running" in err for (_, err), code in ended if code)
    server, issuer = read(folder / "server.pem")
    server.verify_directly_issued_by(issuer)
    server_context(folder / "server.pem", folder / "server.key")


def test_one_that_runs_keeps_another_out(init, folder):
    from app.database.locks import hold_for_life

    folder.mkdir(parents=True)
    with hold_for_life(folder / "certificates.lock", what="another"), pytest.raises(StoreBusy):
        init()


@pytest.fixture
def pair(init, folder):
    init()
    return folder / "server.pem", folder / "server.key"


def refused_by_tls(cert, key):
    with pytest.raises(SettingsError) as refused:
        server_context(cert, key)
    told = f"{refused.value} | {refused.value.advice}"
    assert "\n" not in told
    return told


def test_files_that_are_missing_are_named_with_their_option(pair, tmp_path):
    cert, key = pair

    told = refused_by_tls(tmp_path / "no.pem", key)
    assert "no.pem is not there" in told
    assert "certificates init" in told
    assert "--tls-cert" in told
    assert "--tls-key" in refused_by_tls(cert, tmp_path / "no.key")


def test_folders_and_other_files_are_no_certificates_or_keys(pair, tmp_path):
    cert, key = pair
    other = tmp_path / "other"
    other.write_bytes(b"\x00 something else")

    assert "Is a directory" in refused_by_tls(tmp_path, key)
    assert "Is a directory" in refused_by_tls(cert, tmp_path)
    assert "holds no certificate in PEM" in refused_by_tls(other, key)
    assert "holds no certificate in PEM" in refused_by_tls(key, key)
    assert "holds no private key in PEM" in refused_by_tls(cert, other)
    assert "holds no private key in PEM" in refused_by_tls(cert, cert)


def test_a_key_of_another_certificate_is_refused(pair, init, tmp_path):
    cert, key = pair
    former = tmp_path / "former.key"
    former.write_bytes(key.read_bytes())
    init()

    assert "does not belong to" in refused_by_tls(cert, former)


def test_a_key_with_a_password_is_refused_and_never_asked_for(pair, tmp_path):
    cert, key = pair
    locked = tmp_path / "locked.key"
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )

    assert "locked by a password" in refused_by_tls(cert, locked)


@pytest.mark.parametrize(("begins", "ends", "said"), [(-9, -1, "ended on"), (1, 9, "holds only from")])
def test_a_certificate_that_does_not_hold_today_is_refused(tmp_path, begins, ends, said):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now + dt.timedelta(days=begins)).not_valid_after(now + dt.timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )

    assert said in refused_by_tls(tmp_path / "server.pem", tmp_path / "server.key")
