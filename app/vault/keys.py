"""Keys: one random root key per store, everything else derived from it by purpose, or random itself.

HKDF-SHA256 (RFC 5869). A purpose is used for one thing only. What must be destroyable by itself (the key
of an original or a snapshot) is random and lies in its catalogue row: what is derivable cannot be destroyed.
"""

import hashlib
import hmac
import secrets
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import NotFound

KEY_BYTES = 32


class Purpose(StrEnum):
    """What a derived key is for; no key has two uses."""

    CATALOGUE = "catalogue database"
    JOURNAL = "journal database"
    MANIFEST = "store manifest"
    API_KEYS = "api key hashes"
    SESSIONS = "session token hashes"
    AUDIT_QUERIES = "question fingerprints in the audit trail"
    CHUNK_IDS = "opaque chunk ids"
    CONTENT = "content fingerprints"


def new_key() -> bytes:
    """Return 32 random bytes from the operating system."""
    return secrets.token_bytes(KEY_BYTES)


def derive(root_key: bytes, purpose: Purpose) -> bytes:
    """Return the 32-byte key of ``purpose`` (HKDF-SHA256, no salt: the root key is uniform)."""
    if len(root_key) != KEY_BYTES:
        raise ValueError(f"a root key has {KEY_BYTES} bytes, not {len(root_key)}")
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"strongroom v1|{purpose}".encode())
    return hkdf.derive(root_key)


def derive_slot_key(secret: bytes, kind: str) -> bytes:
    """Return the key that wraps the root key in a slot of this kind, from the slot's own uniform 32-byte secret."""
    if len(secret) != KEY_BYTES:
        raise ValueError(f"the secret of a slot has {KEY_BYTES} bytes, not {len(secret)}")
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"strongroom slot v1|{kind}".encode())
    return hkdf.derive(secret)


def keyed_hash(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 of ``message``: equal messages can be recognised, nothing can be read."""
    return hmac.new(key, message, hashlib.sha256).digest()


def same(first: bytes, second: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(first, second)


class OpaqueIds:
    """Shows row numbers to the outside as ids that tell nothing about age or number.

    One AES-256 block: zero (8 bytes) | row number (8). A forged id decrypts to a number with
    probability 2**-64; every use is checked against permissions anyway.
    """

    def __init__(self, key: bytes) -> None:
        """Take the 32-byte key of this kind of id."""
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - one block, a permutation of ids

    def show(self, number: int) -> str:
        """Return the 32-character id of a row number (1 .. 2**63 - 1)."""
        encryptor = self._cipher.encryptor()
        return (encryptor.update(number.to_bytes(16, "big")) + encryptor.finalize()).hex()

    def number(self, shown: str) -> int:
        """Return the row number behind an id.

        Raises:
            NotFound: not an id of this store.
        """
        try:
            block = bytes.fromhex(shown)
        except ValueError:
            block = b""
        if len(block) == 16:
            decryptor = self._cipher.decryptor()
            number = int.from_bytes(decryptor.update(block) + decryptor.finalize(), "big")
            if 0 < number < 2**63:
                return number
        raise NotFound("no such passage")
