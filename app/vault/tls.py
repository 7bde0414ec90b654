"""The TLS that the service speaks: 1.3 alone, with a certificate and key that are looked at before anything starts."""

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509

from app.errors import SettingsError

RENEW = "Run 'python -m app certificates init' for new ones, or name the right file with"


def server_context(tls_cert: Path, tls_key: Path) -> tuple[ssl.SSLContext, dt.datetime]:
    """Return a context for TLS 1.3 alone, and when its certificate ends.

    Raises:
        SettingsError: a file is missing, unreadable or something else, the two do not belong together, or the
            certificate does not hold today.
    """
    chain = read_certificates(tls_cert)
    key_text = read_named(tls_key, "key", "--tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        # The empty password keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(tls_cert, tls_key, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        if b"PRIVATE KEY-----" not in key_text:
            raise SettingsError(f"{tls_key} holds no private key in PEM", advice=f"{RENEW} --tls-key.") from error
        if b"ENCRYPTED" in key_text:
            raise SettingsError(
                f"the key {tls_key} is locked by a password",
                advice=f"Unlock it into a file of mode 0600 (openssl pkey -in {tls_key} -out ...), and name that one.",
            ) from error
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"the key {tls_key} does not belong to the certificate {tls_cert}", advice=f"{RENEW} --tls-key."
            ) from error
        raise SettingsError(
            f"TLS cannot use {tls_cert} with {tls_key}: {reason or type(error).__name__}",
            advice=f"{RENEW} --tls-cert and --tls-key.",
        ) from error
    return context, min(certificate.not_valid_after_utc for certificate in chain)


def read_certificates(tls_cert: Path) -> list[x509.Certificate]:
    """Read a chain of certificates that all hold today.

    Raises:
        SettingsError: as ``server_context``.
    """
    text = read_named(tls_cert, "certificate", "--tls-cert")
    try:
        chain = x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise SettingsError(f"{tls_cert} holds no certificate in PEM", advice=f"{RENEW} --tls-cert.") from error
    now = dt.datetime.now(dt.UTC)
    for certificate in chain:
        if certificate.not_valid_after_utc <= now:
            raise SettingsError(
                f"the certificate {tls_cert} ended on {certificate.not_valid_after_utc:%Y-%m-%d}",
                advice=f"{RENEW} --tls-cert.",
            )
        if certificate.not_valid_before_utc > now:
            raise SettingsError(
                f"the certificate {tls_cert} holds only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                advice="Set the clock of this machine right ('date' shows it), or name another file with --tls-cert.",
            )
    return chain


def read_named(file: Path, what: str, option: str) -> bytes:
    """Read a file that the command line names.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise SettingsError(f"the TLS {what} {file} is not there", advice=f"{RENEW} {option}.") from error
    except OSError as error:
        raise SettingsError(
            f"the TLS {what} {file} cannot be read: {error.strerror}",
            advice=f"Let the user who runs this read it (ls -l {file}), or name another file with {option}.",
        ) from error
