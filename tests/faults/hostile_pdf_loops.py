"""Hostile PDF files: loops of every kind, and numbers that lie."""

import zlib
from functools import partial

from tests.faults.attack import Attack
from tests.faults.pdf_objects import (
    DAMAGED,
    FONT,
    FORM,
    FORM_PAGE,
    PAGE,
    ROOT,
    TEXT,
    TOO_MUCH,
    TREE,
    file_of,
    font,
    one_page,
    outline,
    picture,
    stream,
)

LOOPS = (
    Attack(
        "a table that names itself as the one before",
        "a.pdf",
        lambda: file_of({1: ROOT, 2: TREE, 3: PAGE, 4: stream(TEXT), 5: FONT}, prev="self"),
    ),
    Attack(
        "a page tree that holds itself", "a.pdf", partial(one_page, o2=TREE.replace(b"3 0 R", b"2 0 R")), says=DAMAGED
    ),
    Attack(
        "a page tree that holds itself and a page",
        "a.pdf",
        partial(one_page, o2=TREE.replace(b"3 0 R", b"2 0 R 3 0 R").replace(b"Count 1", b"Count 2")),
    ),
    Attack(
        "two nodes that hold each other",
        "a.pdf",
        partial(one_page, o2=TREE.replace(b"3 0 R", b"6 0 R"), o6=TREE.replace(b"3 0 R", b"2 0 R")),
        says=DAMAGED,
    ),
    Attack(
        "a page that is its own parent",
        "a.pdf",
        partial(one_page, o3=PAGE.replace(b"/Parent 2 0 R", b"/Parent 3 0 R").replace(b"/MediaBox [0 0 400 200]", b"")),
    ),
    Attack("a length that is its own stream", "a.pdf", lambda: one_page(stream(TEXT, length=b"4 0 R"))),
    Attack("an object that is itself", "a.pdf", partial(one_page, b"4 0 R"), says=DAMAGED),
    Attack("contents that hold themselves", "a.pdf", partial(one_page, b"[4 0 R 4 0 R]"), says=DAMAGED),
    Attack(
        "forms that draw themselves",
        "a.pdf",
        lambda: one_page(
            stream(TEXT + b" /X Do"), o3=FORM_PAGE, o6=stream(b"/X Do /Y Do", FORM), o7=stream(b"/Y Do /X Do", FORM)
        ),
        says=TOO_MUCH,
        holds="quokka",
    ),
    Attack(
        "an outline whose entry follows itself",
        "a.pdf",
        lambda: outline(b"<< /Title (quokka) /Parent 6 0 R /Next 7 0 R /Dest [3 0 R /Fit] >>"),
        holds="quokka",
    ),
    Attack(
        "an outline whose entry is its own child",
        "a.pdf",
        lambda: outline(b"<< /Title (quokka) /Parent 6 0 R /First 7 0 R /Last 7 0 R /Count 9 /Dest [3 0 R /Fit] >>"),
        holds="quokka",
    ),
    Attack(
        "a font that is its own descendant",
        "a.pdf",
        lambda: font(b"/Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [5 0 R]"),
    ),
    Attack(
        "a font whose letters draw themselves",
        "a.pdf",
        lambda: font(
            b"/Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 0 /LastChar 255 /Widths []"
            b" /Encoding << /Differences [81 /Q] >> /CharProcs << /Q 6 0 R >> /Resources << /Font << /F1 5 0 R >> >>",
            stream(b"BT /F1 1 Tf (Q) Tj ET"),
        ),
    ),
    Attack(
        "attachments in a ring",
        "a.pdf",
        lambda: one_page(
            o1=ROOT.replace(b" >>", b" /Names << /EmbeddedFiles 6 0 R >> >>"), o6=b"<< /Kids [6 0 R 6 0 R] >>"
        ),
        holds="quokka",
    ),
    Attack("a catalogue that is a page", "a.pdf", partial(one_page, o1=PAGE)),
)
LIES = (
    *(
        Attack(f"a stream of length {length.decode()[:12]}", "a.pdf", partial(one_page, stream(TEXT, length=length)))
        for length in (b"-1", b"0", b"99999999", b"2147483648", b"9" * 30, b"null", b"(a)")
    ),
    *(
        Attack(
            f"a page of the size {box.decode()[:20]}", "a.pdf", partial(one_page, o3=PAGE.replace(b"0 0 400 200", box))
        )
        for box in (b"0 0 0 0", b"0 0 1e38 1e38", b"-9 -9 -99999999999 nan", b"400 200 0 0", b"0 0 1e-30 1e-30", b"")
    ),
    Attack(
        "arrays a hundred thousand deep",
        "a.pdf",
        lambda: one_page(o3=PAGE.replace(b"/MediaBox [", b"/X " + b"[" * 100_000 + b"]" * 100_000 + b" /MediaBox [")),
    ),
    Attack("dictionaries a hundred thousand deep", "a.pdf", lambda: one_page(o6=b"<< /A " * 100_000 + b">>" * 100_000)),
    Attack(
        "a damaged JBIG2 picture",
        "a.pdf",
        lambda: picture(
            b"/Width 8 /Height 8 /BitsPerComponent 1 /Filter /JBIG2Decode", b"\0\0\0\0\x30\0\1\0\0\0\x13" + b"\xff" * 60
        ),
    ),
    Attack(
        "a JBIG2 picture of four billion columns",
        "a.pdf",
        lambda: picture(
            b"/Width 4294967295 /Height 4294967295 /BitsPerComponent 1 /Filter /JBIG2Decode",
            b"\0\0\0\0\x30\0\1\0\0\0\x13\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(20),
        ),
    ),
    Attack(
        "a damaged JPEG 2000 picture",
        "a.pdf",
        lambda: picture(
            b"/Width 8 /Height 8 /BitsPerComponent 8 /Filter /JPXDecode", b"\xff\x4f\xff\x51\0\x2f" + b"\xff" * 80
        ),
    ),
    Attack(
        "a fax of two billion columns",
        "a.pdf",
        lambda: picture(
            b"/Width 2147483647 /Height 2147483647 /BitsPerComponent 1 /Filter /CCITTFaxDecode"
            b" /DecodeParms << /K -1 /Columns 2147483647 /Rows 2147483647 >>",
            b"\0" * 99,
        ),
    ),
    Attack(
        "a picture of a billion columns of its own size",
        "a.pdf",
        lambda: picture(
            b"/Width 100000 /Height 100000 /BitsPerComponent 8 /Filter /FlateDecode", zlib.compress(bytes(10**6))
        ),
    ),
    Attack(
        "a damaged JPEG picture",
        "a.pdf",
        lambda: picture(
            b"/Width 8 /Height 8 /BitsPerComponent 8 /Filter /DCTDecode",
            b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + bytes(60),
        ),
    ),
    Attack(
        "a predictor of two billion columns",
        "a.pdf",
        lambda: one_page(
            stream(
                zlib.compress(TEXT),
                b"/Filter /FlateDecode /DecodeParms << /Predictor 12"
                b" /Colors 255 /BitsPerComponent 32 /Columns 2147483647 >>",
            )
        ),
    ),
)
ATTACKS = LOOPS + LIES
