"""Certificates for TLS: a local authority and server certificates under it.

The profile is RFC 5280 as browsers take it: ECDSA on P-256, names in the subject alternative name alone, and a server
certificate of at most 825 days, beyond which Apple's systems refuse it.
"""

import datetime as dt
import ipaddress
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.errors import KeyUnavailable, UsageError
from app.vault.sealed_file import write_durably

AUTHORITY_DAYS = 3_652  # ten years
SKEW = dt.timedelta(minutes=10)  # clients whose clock is behind take a new certificate at once
MOST_NAME_CHARS = 253
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Authority:
    """A local authority.

    Attributes:
        certificate: what clients trust.
        key: signs server certificates.
        is_new: whether this call made it.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    is_new: bool

    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as browsers show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the files of a folder lie."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate: what clients get."""
        return self.folder / "authority.pem"

    @property
    def authority_key(self) -> Path:
        """The authority's key: who has it can pass for any server before these clients."""
        return self.folder / "authority.key"

    @property
    def server(self) -> Path:
        """The server's certificate, then the authority's."""
        return self.folder / "server.pem"

    @property
    def server_key(self) -> Path:
        """The server's key."""
        return self.folder / "server.key"


def checked_name(text: str) -> str:
    """Return a host name or address as a certificate holds it: lower case, other scripts in their ASCII form.

    Raises:
        UsageError: it is neither.
    """
    name = text.strip().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        if not address.is_unspecified and "%" not in name:
            return str(address)
    try:
        name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) <= MOST_NAME_CHARS and all(map(LABEL.fullmatch, labels)) and not labels[-1].isdigit():
        return name
    raise UsageError(
        f"{text!r} is neither a host name nor an address of this service",
        advice="Give it without scheme, port and path, such as --name kb.hospital.lan",
    )


def find_or_make_authority(files: TlsFiles, *, host: str) -> Authority:
    """Return the authority of a folder, made if there is none; one that is there is never replaced.

    Raises:
        KeyUnavailable: a part of it is missing, damaged, readable by others or over its time.
    """
    there = [os.path.lexists(file) for file in (files.authority, files.authority_key)]
    if all(there):
        return read_authority(files)
    if any(there):
        kept, lost = (files.authority, files.authority_key) if there[0] else (files.authority_key, files.authority)
        raise damaged(files, f"{lost} is missing beside {kept.name}")
    key = ec.generate_private_key(ec.SECP256R1())
    # A part by chance: whoever makes a second authority can tell the two apart in a list of a browser.
    name = common_name(f"Strongroom authority {secrets.token_hex(3)} {host}")
    builder = builder_for(name, name, key.public_key(), days=AUTHORITY_DAYS)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_durably(files.authority_key, [pem_of(key)])
    write_public(files.authority, [certificate])
    return Authority(certificate, key, is_new=True)


def read_authority(files: TlsFiles) -> Authority:
    """Read an authority and check that it is one.

    Raises:
        KeyUnavailable: as ``find_or_make_authority``.
    """
    try:
        if files.authority_key.stat().st_mode & 0o077:
            raise KeyUnavailable(
                f"{files.authority_key} can be read by others", advice=f"Run: chmod 600 {files.authority_key}"
            )
        certificate = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = serialization.load_pem_private_key(files.authority_key.read_bytes(), None)
        certificate.verify_directly_issued_by(certificate)
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except OSError as error:
        raise KeyUnavailable(
            f"the authority in {files.folder} cannot be read: {error.strerror}",
            advice="Run this as the user who made it.",
        ) from error
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise damaged(files, f"{files.authority} or {files.authority_key.name} is no longer what it was") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise damaged(files, f"{files.authority_key} is not the key of {files.authority.name}")
    if not is_authority:
        raise damaged(files, f"{files.authority} is no certificate of an authority")
    if certificate.not_valid_after_utc <= now():
        raise KeyUnavailable(
            f"the authority in {files.folder} ended on {certificate.not_valid_after_utc:%Y-%m-%d}",
            advice=f"Move it away (mv {files.folder} {files.folder}.old); run this again; clients trust the new one.",
        )
    return Authority(certificate, key, is_new=False)


def damaged(files: TlsFiles, what: str) -> KeyUnavailable:
    """Return the error of an authority that is not whole; it is left as it is."""
    return KeyUnavailable(
        f"the authority is damaged: {what}",
        advice=f"Put the file back from a copy; or move all away (mv {files.folder} {files.folder}.old), run this"
        " again, and let clients trust the new authority.",
    )


def make_server_certificate(
    files: TlsFiles, authority: Authority, names: Iterable[str], *, days: int
) -> x509.Certificate:
    """Write a new key and certificate of the server; they replace the former ones.

    Args:
        files: where.
        authority: signs.
        names: host names and addresses, as ``checked_name`` returns them.
        days: how long it holds, at most 825, and never beyond the authority.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder_for(
        common_name("Strongroom service"), issuer.subject, key.public_key(), days=days, until=issuer.not_valid_after_utc
    )
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    write_durably(files.server_key, [pem_of(key)])
    write_public(files.server, [certificate, issuer])
    return certificate


def names_of(server: Path) -> list[str]:
    """Return the names in a server certificate; none where there is no such file or it is damaged."""
    try:
        certificate = x509.load_pem_x509_certificate(server.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []
    return names.get_values_for_type(x509.DNSName) + [str(one) for one in names.get_values_for_type(x509.IPAddress)]


def builder_for(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    days: int,
    until: dt.datetime | None = None,
) -> x509.CertificateBuilder:
    """Return what every certificate of ours begins with."""
    begins = now() - SKEW
    ends = begins + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends if until is None else min(ends, until))
    )


def usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    """Return what a key may do, and nothing else."""
    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def common_name(text: str) -> x509.Name:
    """Return a distinguished name that people see in lists; 64 characters are the most it takes."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64].strip())])


def general_name(name: str) -> x509.GeneralName:
    """Return a checked name as a certificate holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as TLS servers read it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_public(file: Path, certificates: list[x509.Certificate]) -> None:
    """Write certificates for everybody to read."""
    write_durably(file, [one.public_bytes(serialization.Encoding.PEM) for one in certificates])
    file.chmod(0o644)


def now() -> dt.datetime:
    """Return the time."""
    return dt.datetime.now(dt.UTC)
