"""Hostile pictures: sizes that no memory holds, rings of pages, numberless frames, packed texts that expand."""

import struct
import zlib
from functools import partial

from tests.faults.attack import Attack
from tests.faults.good_files import pages_of_pictures, picture

REFUSED = r"damaged|larger|large|pixels|too many|frames|limit|memory|not read within"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, raw: bytes, *more: bytes, bits: int = 8, colour: int = 0) -> bytes:
    """Write a PNG of any declared size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def whole_png(side: int) -> bytes:
    """Write all rows of a black and white PNG."""
    return png(side, side, bytes((side // 8 + 1) * side), bits=1)


def tiff(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    """Write one directory of a TIFF; ``following`` is where the next one is said to lie."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + struct.pack("<I", following) + bytes(64)


def page_entries(width: int = 8, height: int = 8, strips: int = 1) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, strips, 8),
        (277, 3, 1, 1), (278, 4, 1, height), (279, 4, strips, 64),
    ]  # fmt: skip


def gif(frames: int, width: int = 4, height: int = 4) -> bytes:
    """Write so many frames of a few bytes."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x84\x51\0"
    return head + frame * frames + b";"


def bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + info + bytes(64)


def jpeg(width: int, height: int) -> bytes:
    """Declare a large size in the head of a good JPEG."""
    content = bytearray(picture("JPEG"))
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


def webp(width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def packed_text(name: bytes) -> bytes:
    """Pack a text of 100 million characters beside a small picture."""
    return png(8, 8, bytes(72), chunk(name, b"gabbro\0\0" + zlib.compress(bytes(100 * 10**6), 9)))


ATTACKS = (
    Attack("a PNG of 60,000 by 60,000 by its head", "a.png", partial(png, 60_000, 60_000, bytes(1_000)), says=REFUSED),
    Attack("a whole PNG of 30,000 by 30,000", "a.png", partial(whole_png, 30_000), says=REFUSED),
    Attack("a PNG of four billion columns", "a.png", partial(png, 0xFFFFFFFF, 0xFFFFFFFF, b""), says=REFUSED),
    Attack("a PNG of no size", "a.png", partial(png, 0, 0, b""), says=REFUSED),
    Attack("a PNG a million wide and one high", "a.png", partial(png, 1_000_000, 1, bytes(1_000_001))),
    Attack("a PNG with a text that expands", "a.png", partial(packed_text, b"zTXt")),
    Attack("a PNG with a colour profile that expands", "a.png", partial(packed_text, b"iCCP")),
    Attack("a TIFF whose page follows itself", "a.tiff", partial(tiff, page_entries(), 8)),
    Attack("a TIFF of 60,000 by 60,000", "a.tiff", partial(tiff, page_entries(60_000, 60_000), 0), says=REFUSED),
    Attack("a TIFF of a billion strips", "a.tiff", partial(tiff, page_entries(strips=2**30), 0), says=REFUSED),
    Attack(
        "a TIFF of 65,535 entries",
        "a.tiff",
        partial(tiff, [(n, 2, 0xFFFFFFFF, 8) for n in range(65_535)], 0),
        says=REFUSED,
    ),
    Attack("a TIFF that ends in its head", "a.tiff", lambda: b"II*\0", says=REFUSED),
    Attack("a GIF of a hundred thousand frames", "a.gif", partial(gif, 100_000)),
    Attack("a GIF of 65,535 by 65,535", "a.gif", partial(gif, 1, 65_535, 65_535), says=REFUSED),
    Attack("a BMP of two billion columns", "a.bmp", partial(bmp, 2**31 - 1, 2**31 - 1), says=REFUSED),
    Attack("a BMP of a negative height", "a.bmp", partial(bmp, 100, -(2**31)), says=REFUSED),
    Attack("a JPEG of 65,500 by 65,500", "a.jpg", partial(jpeg, 65_500, 65_500), says=REFUSED),
    Attack("a WebP of 16,777,216 by 16,777,216", "a.webp", partial(webp, 2**24, 2**24), says=REFUSED),
    Attack("a TIFF cut off in its second page", "a.tiff", lambda: pages_of_pictures("TIFF")[:20_000]),
)
LARGE = (
    Attack("a whole PNG of 60,000 by 60,000", "a.png", partial(whole_png, 60_000), says=REFUSED),
    Attack("a GIF of a million frames", "a.gif", partial(gif, 1_000_000)),
)
