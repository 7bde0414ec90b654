"""ZIP archives -> their members, one in memory at a time. Nothing of an archive ever becomes a path on a disk."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from app.errors import DocumentRefused
from app.reading import detect
from app.reading.contract import clean
from app.reading.encoding import chinese, strict

MAX_MEMBERS = 5_000
MAX_TOTAL_BYTES = 500 * 2**20
MAX_RATIO = 100
MIN_RATIO_BYTES = 10 * 2**20  # a smaller member may be as monotonous as it likes
# The library builds an entry for each before it can be asked how many there are.
MAX_SIGNATURES = 300_000
DIRECTORY_ENTRY = b"PK\x01\x02"
LOCAL_HEADER_BYTES = 30
UTF8_NAME = 0x800
ENCRYPTED = 0x1
MAX_NAME_CHARS = 255
MAX_PATH_CHARS = 900
DRIVE = re.compile(r"^[A-Za-z]:")
JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"})
KEPT_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = "the archive is damaged or cut off; make it again"

Entry = tuple[zipfile.ZipInfo, str]


def members_of(content: bytes, max_member_bytes: int) -> Iterator[tuple[str, bytes, str]]:
    """Give of each file in an archive its name, its bytes, and why it was left out, empty if it was not.

    Folders, hidden files and what systems put beside files go without a word.

    Raises:
        DocumentRefused: the archive as a whole is damaged, too large, or made to do harm.
    """
    if content.count(DIRECTORY_ENTRY) > MAX_SIGNATURES:
        raise too_many(MAX_SIGNATURES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = list(wanted(archive.infolist()))
            check(entries, archive.infolist(), max_member_bytes)
            for info, name in entries:
                trouble = trouble_of(info, max_member_bytes)
                member = b""
                if not trouble:
                    member, trouble = unpacked(archive, info)
                yield name, member, trouble
    except (zipfile.BadZipFile, UnicodeError, NotImplementedError, OSError) as error:
        raise DocumentRefused(DAMAGED) from error


def too_many(count: int) -> DocumentRefused:
    """Build the refusal of an archive with too many members."""
    return DocumentRefused(
        f"the archive holds more than {count} files, the limit is {MAX_MEMBERS}",
        advice="Split it, or unpack it and send the files.",
    )


def wanted(infos: list[zipfile.ZipInfo]) -> Iterator[Entry]:
    """Give the files that people mean, each with a name of its own."""
    taken: dict[str, int] = {}
    for info, raw in zip(infos, names_of(infos), strict=True):
        parts = path_parts(raw)
        if raw.endswith(("/", "\\")) or not parts or is_junk(parts):
            continue
        if len(taken) >= MAX_MEMBERS:
            raise too_many(MAX_MEMBERS)
        yield info, distinct("/".join(parts), taken)


def names_of(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Decode the names; those without a mark are in the encoding of the system that packed them, one for all."""
    raws = [b"" if info.flag_bits & UTF8_NAME else info.orig_filename.encode("cp437", "replace") for info in infos]
    unmarked = b"\n".join(raw for raw in raws if not raw.isascii())
    encoding = "cp437"
    if unmarked:
        if strict(unmarked, "utf-8") is not None:
            encoding = "utf-8"
        elif (text := chinese(unmarked + b"\n")) is not None:
            encoding = "gb18030" if text == strict(unmarked + b"\n", "gb18030") else "big5hkscs"
    return [
        raw.decode(encoding, "replace") if raw else info.orig_filename for info, raw in zip(infos, raws, strict=True)
    ]


def path_parts(raw: str) -> list[str]:
    """Cut a name into folders and file, as names and never as a way out of a folder."""
    text = "".join(letter for letter in clean(raw) if letter.isprintable())
    parts = (part.strip() for part in DRIVE.sub("", text).replace("\\", "/").split("/"))
    kept = [shortened(part) for part in parts if part not in {"", ".", ".."}]
    while len("/".join(kept)) > MAX_PATH_CHARS:
        del kept[0]
    return kept


def shortened(part: str) -> str:
    """Keep a long name's beginning and its extension."""
    suffix = PurePosixPath(part).suffix[:20]
    return part if len(part) <= MAX_NAME_CHARS else part[: MAX_NAME_CHARS - len(suffix)] + suffix


def is_junk(parts: list[str]) -> bool:
    """Tell what no person put there: hidden files, previews, the locks of open Office files."""
    return any(part.startswith((".", "~$")) or part.casefold() in JUNK for part in parts)


def distinct(name: str, taken: dict[str, int]) -> str:
    """Give a name that is not taken yet; ``taken`` counts how often each was asked for, whatever its case."""
    free = name
    while free.casefold() in taken:
        number = taken[name.casefold()] = taken[name.casefold()] + 1
        path = PurePosixPath(name)
        free = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
    taken[free.casefold()] = 1
    return free


def check(entries: list[Entry], infos: list[zipfile.ZipInfo], max_member_bytes: int) -> None:
    """Refuse an archive that is too large unpacked, or whose members lie within each other.

    Raises:
        DocumentRefused: it is one of these.
    """
    total = sum(info.file_size for info, _ in entries if not trouble_of(info, max_member_bytes))
    if total > MAX_TOTAL_BYTES:
        raise DocumentRefused(
            f"the archive would unpack to {total} bytes, the limit is {MAX_TOTAL_BYTES}",
            advice="Split it, or unpack it and send the files.",
        )
    ends_at = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < ends_at:
            raise DocumentRefused("the archive's members lie within each other, as no sound program packs them")
        ends_at = info.header_offset + LOCAL_HEADER_BYTES + info.compress_size


def trouble_of(info: zipfile.ZipInfo, max_member_bytes: int) -> str:
    """Tell why a member is left out, by what the directory says of it; empty if it is not."""
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in {0, stat.S_IFREG}:
        return "it is a link or a device, not a file"
    if info.flag_bits & ENCRYPTED:
        return "it needs a password; unpack it and send the file"
    if info.compress_type not in KEPT_METHODS:
        return "it is packed by a method that is not read; pack it again, or send the file"
    if info.file_size > max_member_bytes:
        return f"it has {info.file_size} bytes, the limit is {max_member_bytes}"
    if info.file_size > MIN_RATIO_BYTES and info.file_size > MAX_RATIO * info.compress_size:
        return f"it expands more than {MAX_RATIO} times"
    return ""


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[bytes, str]:
    """Give a member's bytes, and why it is left out.

    The library reads no more than the directory says, and compares a checksum at the end.
    """
    try:
        member = archive.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError):
        return b"", "it is damaged in the archive"
    if len(member) != info.file_size:
        return b"", "it is damaged in the archive"
    return (b"", "an archive in an archive is not opened; unpack it") if is_archive(member) else (member, "")


def is_archive(member: bytes) -> bool:
    """Tell whether a member is a ZIP archive itself, and no Office document."""
    try:
        return member.startswith((b"PK\x03\x04", b"PK\x05\x06")) and detect.in_zip(member) == detect.ZIP
    except DocumentRefused:
        return False  # its reader says what is wrong with it
