r"""Sealed files, format v1: originals, snapshots, uploads waiting to be read.

AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015; the same as age and Tink):

    offset  bytes
    0       6     magic  b"SRSF\x00\x01"  (the last byte is the version)
    6       4     frame length f, big endian, 4 KiB .. 4 MiB of plaintext
    10      32    salt
    42      7     nonce prefix
    49      2     context length c
    51      c     context: what and where this file is
    51+c    ...   frames: ciphertext of f plaintext bytes (the last one 0..f) and a 16-byte tag each

    key   = HKDF-SHA256(file key, salt, info = "strongroom sealed file v1")
    nonce = prefix (7) | frame counter (4) | 1 for the last frame, else 0 (1)
    AAD   = SHA-256 of everything before the frames

So a frame cannot be moved, dropped, repeated or appended, and a file does not open in another place.
Every file has at least one frame. Salt and prefix are fresh at every write; no file is rewritten in place.
"""

import hashlib
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import SealBroken

MAGIC = b"SRSF\x00\x01"
FRAME_BYTES = 64 * 1024  # measured optimum of write and read speed
FRAME_RANGE = range(4 * 1024, 4 * 1024 * 1024 + 1)
TAG_BYTES = 16
HEADER = struct.Struct(">6sI32s7sH")
LAST_COUNTER = 2**32 - 1  # the counter has four bytes; more would repeat a nonce


def frame_key(file_key: bytes, salt: bytes) -> AESGCM:
    """Derive the key of one writing of one file."""
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"strongroom sealed file v1").derive(file_key))


def nonce_of(prefix: bytes, counter: int, *, last: bool) -> bytes:
    """Return the 12-byte nonce of a frame."""
    if counter > LAST_COUNTER:
        raise SealBroken("sealed file is too long for its frame counter")
    return prefix + struct.pack(">IB", counter, last)


def seal(source: Iterable[bytes], *, file_key: bytes, context: bytes) -> Iterator[bytes]:
    """Yield the sealed form of ``source`` for the place ``context`` (at most 65,535 bytes)."""
    salt, prefix = secrets.token_bytes(32), secrets.token_bytes(7)
    header = HEADER.pack(MAGIC, FRAME_BYTES, salt, prefix, len(context)) + context
    cipher, bound = frame_key(file_key, salt), hashlib.sha256(header).digest()
    yield header
    counter, waiting = 0, bytearray()
    for piece in source:
        waiting += piece
        # A full frame is held back until more comes: only then it is known not to be the last.
        while len(waiting) > FRAME_BYTES:
            yield cipher.encrypt(nonce_of(prefix, counter, last=False), bytes(waiting[:FRAME_BYTES]), bound)
            del waiting[:FRAME_BYTES]
            counter += 1
    yield cipher.encrypt(nonce_of(prefix, counter, last=True), bytes(waiting), bound)


def unseal(sealed: BinaryIO, *, file_key: bytes, context: bytes) -> Iterator[bytes]:
    """Yield the plaintext frame by frame; each is verified before it is given out.

    Nothing may be counted as done before the iterator ends: a missing end is an error.

    Raises:
        SealBroken: wrong key, wrong place, unknown version, changed, cut or lengthened bytes.
    """
    head = sealed.read(HEADER.size)
    if len(head) < HEADER.size:
        raise SealBroken("sealed file is cut in its header")
    magic, frame_bytes, salt, prefix, context_bytes = HEADER.unpack(head)
    if magic != MAGIC:
        raise SealBroken(f"not a sealed file of format 1 (starts with {magic.hex()})")
    if frame_bytes not in FRAME_RANGE:
        raise SealBroken(f"sealed file claims frames of {frame_bytes} bytes")
    found_context = sealed.read(context_bytes)
    if found_context != context:
        raise SealBroken("sealed file belongs to another place")
    cipher, bound = frame_key(file_key, salt), hashlib.sha256(head + found_context).digest()
    frame = sealed.read(frame_bytes + TAG_BYTES)
    counter = 0
    while True:
        following = sealed.read(frame_bytes + TAG_BYTES) if len(frame) == frame_bytes + TAG_BYTES else b""
        try:
            plain = cipher.decrypt(nonce_of(prefix, counter, last=not following), frame, bound)
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"sealed file does not open at frame {counter}") from error
        yield plain
        if not following:
            return
        frame = following
        counter += 1


def seal_bytes(plain: bytes, *, file_key: bytes, context: bytes) -> bytes:
    """Seal a small thing as a whole."""
    return b"".join(seal([plain], file_key=file_key, context=context))


def unseal_bytes(sealed: bytes, *, file_key: bytes, context: bytes) -> bytes:
    """Open a small thing as a whole.

    Raises:
        SealBroken: as ``unseal``.
    """
    return b"".join(unseal(BytesIO(sealed), file_key=file_key, context=context))


def write_durably(file: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file so that after a power cut it is there whole, or not at all.

    Written beside its place, fsynced, renamed, the folder fsynced; an existing file is replaced.
    """
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            for piece in pieces:
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there, for its owner alone, durably.

    Of two that make one at once one is refused, and none is overwritten.

    Raises:
        FileExistsError: something is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(file, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        sync_folder(file.parent)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
