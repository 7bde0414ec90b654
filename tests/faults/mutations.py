"""Mutations of a file: the same seed gives the same mutant.

A mutation works on the bytes as they lie, or inside: in a member of a ZIP file, a stream of a PDF, a part of a mail,
which is then packed again, so that the damage comes past the container.
"""

import email
import email.policy
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import StreamObject

MOST_FLIPS = 32
MOST_RUN = 512
NESTED = 5_000
NUMBER = re.compile(rb"-?\d{1,10}")
NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483647", b"4294967296", b"9" * 18, b"9" * 400, b"1e308", b"NaN")
WORDS = tuple(struct.pack("<I", number) for number in (0, 1, 0x7F, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
TOKEN = re.compile(rb"<[A-Za-z][\w:]*[^<>]{0,80}>|<<|\[|\(|\{|> ")
Mutation = Callable[[bytes, Random], bytes]


def flip_bits(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randint(1, MOST_FLIPS)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, random: Random) -> bytes:
    at, length = random.randrange(len(content)), random.randint(1, MOST_RUN)
    run = random.choice((bytes(length), b"\xff" * length, random.randbytes(length), b"A" * length))
    return content[:at] + run[: len(content) - at] + content[at + length :]


def truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(1, len(content) + 1)]


def duplicate(content: bytes, random: Random) -> bytes:
    first, last = sorted((random.randrange(len(content)), random.randrange(len(content))))
    return content[:last] + content[first:last] * random.choice((1, 1, 3)) + content[last:]


def remove(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + content[at + random.randint(1, MOST_RUN) :] or content


def inflate_numbers(content: bytes, random: Random) -> bytes:
    """Put extreme numbers in the place of those that stand in ASCII."""
    found = list(NUMBER.finditer(content))
    for match in sorted(random.sample(found, min(len(found), random.randint(1, 4))), key=lambda m: -m.start()):
        content = content[: match.start()] + random.choice(NUMBERS) + content[match.end() :]
    return content


def inflate_words(content: bytes, random: Random) -> bytes:
    """Put extreme binary numbers anywhere."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed))
        changed[at : at + 4] = random.choice(WORDS)[: len(changed) - at]
    return bytes(changed)


def nest(content: bytes, random: Random) -> bytes:
    """Repeat something that opens thousands of times."""
    found = list(TOKEN.finditer(content))
    if not found:
        return overwrite(content, random)
    match = random.choice(found)
    return content[: match.end()] + match.group() * NESTED + content[match.end() :]


PLAIN: tuple[Mutation, ...] = (
    flip_bits, overwrite, truncate, duplicate, remove, inflate_numbers, inflate_words, nest,
)  # fmt: skip


def in_zip(content: bytes, random: Random) -> bytes | None:
    """Mutate one member of a ZIP file; None if it is none."""
    if not content.startswith(b"PK"):
        return None
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        chosen = random.choice([name for name in old.namelist() if old.getinfo(name).file_size])
        for name in old.namelist():
            member = old.read(name)
            if name == chosen:
                member = random.choice(PLAIN)(member, random)
            new.writestr(zipfile.ZipInfo(name), member, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def in_pdf(content: bytes, random: Random) -> bytes | None:
    """Mutate one stream of a PDF as it is expanded; None if it is none or cannot be opened."""
    if not content.startswith(b"%PDF"):
        return None
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            return None
        writer = PdfWriter(clone_from=reader)
        streams = [one for one in (found.get_object() for found in writer._objects if found) if is_stream(one)]
        stream = random.choice(streams)
        whole = zlib.decompress(stream._data) if stream.get("/Filter") == "/FlateDecode" else stream._data
        changed = random.choice(PLAIN)(whole, random)
        stream._data = zlib.compress(changed) if stream.get("/Filter") == "/FlateDecode" else changed
        buffer = io.BytesIO()
        writer.write(buffer)
    except (PyPdfError, ValueError, zlib.error):
        return None
    return buffer.getvalue()


def is_stream(value: object) -> bool:
    return isinstance(value, StreamObject) and bool(value._data)


def in_mail(content: bytes, random: Random) -> bytes | None:
    """Mutate what one part of a mail carries, as it is decoded; None if it is none."""
    if not content.startswith(b"From:"):
        return None
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    part = random.choice([part for part in message.walk() if not part.is_multipart()])
    changed = random.choice(PLAIN)(part.get_payload(decode=True) or b"-", random)
    del part["Content-Transfer-Encoding"]
    part.set_payload(changed)
    email.encoders.encode_base64(part)
    return message.as_bytes()


INSIDE = (in_zip, in_pdf, in_mail)
MUTATIONS = {one.__name__: one for one in PLAIN} | {one.__name__: one for one in INSIDE}


def mutate(content: bytes, other: bytes, random: Random) -> tuple[str, bytes]:
    """Return the name of a mutation and what it makes of a file; ``other`` is what it may be spliced with."""
    for inside in INSIDE:
        if random.random() < 0.5 and (changed := inside(content, random)) is not None:
            return inside.__name__, changed or content
    if random.random() < 0.1:
        cut, back = random.randrange(1, len(content)), random.randrange(len(other))
        return "splice", content[:cut] + other[back:]
    mutation = random.choice(PLAIN)
    return mutation.__name__, mutation(content, random) or content
