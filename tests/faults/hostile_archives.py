"""Hostile ZIP files: bombs of every make, names that lead elsewhere, directories that lie."""

import io
import struct
import warnings
import zipfile
import zlib
from functools import partial

from tests.faults.attack import STOLEN, Attack
from tests.faults.words import ENGLISH

GOOD_MEMBER = ("good.txt", ENGLISH.encode())
ODD_NAMES = (
    "../../../../tmp/strongroom-slip.txt",
    "/tmp/strongroom-slip.txt",
    "C:\\slip.txt",
    "..\\..\\slip.txt",
    "nul\0.txt.exe",
    "CON.txt",
    "n" * 300 + ".txt",
    "\u202etxt.exe.txt",
    "😀.txt",
    "two\nlines.txt",
    "<img src=x onerror=alert(1)>.txt",
    "a/" * 500 + "b.txt",
    " .txt",
    ".txt",
    "-rf.txt",
    "\ud800.txt".encode("utf-8", "replace").decode(),
)
LINK = 0o120777 << 16


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write a ZIP file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # one name twice is what is wanted
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def expanding(megabytes: int) -> bytes:
    """Write a member that expands a thousand times."""
    return zip_of(GOOD_MEMBER, ("zeros.txt", bytes(megabytes * 10**6)))


def nested(levels: int, copies: int) -> bytes:
    """Write ZIP files in ZIP files, as 42.zip does: copies ** levels of them."""
    content = zip_of(("zeros.txt", bytes(4 * 10**6)))
    for _ in range(levels):
        content = zip_of(*((f"{number}.zip", content) for number in range(copies)))
    return content


def directory_entry(name: bytes, crc: int, packed: int, size: int, offset: int, method: int) -> bytes:
    """Write what a ZIP file's directory says of a member."""
    sizes = struct.pack("<IIIHHHHHII", crc, packed, size, len(name), 0, 0, 0, 0, 0, offset)
    return b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, method, 0, 0x21) + sizes + name


def with_directory(body: bytes, entries: list[bytes]) -> bytes:
    """End a ZIP file; more than 65,535 members take the large form."""
    directory, count = b"".join(entries), len(entries)
    end = b""
    if count > 0xFFFE:
        at = len(body) + len(directory)
        end = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), len(body))
        end += b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
    shown = min(count, 0xFFFF)
    end += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, shown, shown, len(directory), len(body), 0)
    return body + directory + end


def overlapping(members: int, megabytes: int) -> bytes:
    """Let many members share the same packed bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    whole = bytes(megabytes * 10**6)
    packed = packer.compress(whole) + packer.flush()
    crc, name = zlib.crc32(whole), b"0000.txt"
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, crc, len(packed), len(whole), len(name), 0)
    entries = [directory_entry(b"%04d.txt" % number, crc, len(packed), len(whole), 0, 8) for number in range(members)]
    return with_directory(local + name + packed, entries)


def empty_members(count: int) -> bytes:
    """Name more members than anybody packs."""
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0) + b"a"
    return with_directory(local, [directory_entry(b"a", 0, 0, 0, 0, 0)] * count)


def odd_names() -> bytes:
    """Write members whose names lead elsewhere, and one that is a link."""
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = LINK
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ODD_NAMES:
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, ENGLISH)
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def lying_size(size: int) -> bytes:
    """Declare another size of the first member than it has."""
    content = bytearray(zip_of(("a.txt", ENGLISH.encode() * 500), GOOD_MEMBER))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(mark) + place, size)
    return bytes(content)


def with_flag(flag: int, method: int = 8) -> bytes:
    """Set a flag and a method of the first member, such as that of encryption."""
    content = bytearray(zip_of(("a.txt", ENGLISH.encode() * 50), GOOD_MEMBER))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<HH", content, content.index(mark) + place, flag, method)
    return bytes(content)


def broken_member() -> bytes:
    """Damage the packed bytes of the first member."""
    content = bytearray(zip_of(("a.txt", ENGLISH.encode() * 50), GOOD_MEMBER))
    content[40:50] = b"\xff" * 10
    return bytes(content)


def same_name(count: int) -> bytes:
    """Write members of one name."""
    return zip_of(*[GOOD_MEMBER] * count)


ATTACKS = (
    Attack("a ZIP member that expands a thousand times", "a.zip", partial(expanding, 60)),
    Attack("nested ZIP files as in 42.zip", "42.zip", partial(nested, 4, 16)),
    Attack("overlapping members of a ZIP file", "a.zip", partial(overlapping, 2_000, 40)),
    Attack("a hundred thousand empty members", "a.zip", partial(empty_members, 100_000)),
    Attack("a hundred thousand empty members that pass as a Word file", "a.docx", partial(empty_members, 100_000)),
    Attack("members whose names lead elsewhere and a link", "slip.zip", odd_names, never=STOLEN),
    Attack("a member that is larger than it says", "a.zip", partial(lying_size, 10), holds=ENGLISH),
    Attack("a member that is smaller than it says", "a.zip", partial(lying_size, 0x7FFFFFFF), holds=ENGLISH),
    Attack("an encrypted member", "a.zip", partial(with_flag, 1), holds=ENGLISH),
    Attack("a member of an unknown method", "a.zip", partial(with_flag, 0, 77), holds=ENGLISH),
    Attack("a damaged member", "a.zip", broken_member, holds=ENGLISH),
    Attack("an LZMA bomb", "a.zip", lambda: zip_of(GOOD_MEMBER, ("z.txt", bytes(60 * 10**6)), method=zipfile.ZIP_LZMA)),
    Attack(
        "a bzip2 bomb", "a.zip", lambda: zip_of(GOOD_MEMBER, ("z.txt", bytes(60 * 10**6)), method=zipfile.ZIP_BZIP2)
    ),
    Attack(
        "an archive in an archive", "a.zip", lambda: zip_of(GOOD_MEMBER, ("b.zip", zip_of(GOOD_MEMBER))), holds=ENGLISH
    ),
    Attack("a ZIP file of no members", "a.zip", zip_of),
    Attack("a thousand members of one name", "a.zip", partial(same_name, 1_000), holds=ENGLISH),
)
LARGE = (Attack("a million empty members", "a.zip", partial(empty_members, 1_000_000)),)
