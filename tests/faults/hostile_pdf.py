"""Hostile PDF files: bombs of filters, pages and fonts; things that act when they are opened; locks."""

from functools import partial

from tests.faults.attack import STOLEN, Attack
from tests.faults.good_files import PASSWORD
from tests.faults.good_pdf import pdf
from tests.faults.hostile_archives import expanding
from tests.faults.pdf_objects import (
    DAMAGED,
    FONT,
    FORM,
    FORM_PAGE,
    HUGE_MAP,
    LONG_MAP,
    PAGE,
    ROOT,
    TEXT,
    TOO_MUCH,
    TREE,
    TYPE1,
    acting,
    carrying,
    chained,
    file_of,
    flate_bomb,
    font,
    one_page,
    page_bomb,
    picture,
    run_length_bomb,
    stream,
    true_pages,
)

BOMBS = (
    Attack("a stream that expands a thousand times", "a.pdf", partial(flate_bomb, 200, 1)),
    Attack("a stream that expands a million times", "a.pdf", partial(flate_bomb, 300, 2)),
    Attack("five run-length filters in a row", "a.pdf", partial(run_length_bomb, 5)),
    Attack("ten thousand filters in a row", "a.pdf", partial(chained, b"/ASCIIHexDecode ", 10_000)),
    Attack("a thousand Flate filters in a row", "a.pdf", partial(chained, b"/FlateDecode ", 1_000)),
    Attack("ten million pages in a kilobyte", "a.pdf", partial(page_bomb, 10, 7), says=DAMAGED),
    Attack(
        "a page tree that says a billion and has one",
        "a.pdf",
        partial(one_page, o2=TREE.replace(b"/Count 1", b"/Count 1000000000")),
    ),
    Attack(
        "a page tree that says a negative number",
        "a.pdf",
        partial(one_page, o2=TREE.replace(b"/Count 1", b"/Count -5")),
    ),
    Attack(
        "forms that multiply",
        "a.pdf",
        lambda: one_page(
            stream(TEXT + b" /X Do"),
            o3=FORM_PAGE,
            o6=stream(b"/Y Do " * 3_000, FORM),
            o7=stream(b"/Z Do " * 3_000 + TEXT, FORM),
        ),
    ),
    Attack(
        "a million words on a page",
        "a.pdf",
        lambda: one_page(stream(b"BT /F1 1 Tf " + b"(quokka ) Tj 0 1 Td " * 200_000 + b" ET")),
        says=TOO_MUCH,
        holds="quokka",
    ),
    Attack("a million saved states", "a.pdf", lambda: one_page(stream(b"q " * 10**6 + TEXT))),
    Attack(
        "a character that stands for a hundred thousand", "a.pdf", lambda: font(TYPE1 + b" /ToUnicode 6 0 R", LONG_MAP)
    ),
    Attack("a map of four billion characters", "a.pdf", lambda: font(TYPE1 + b" /ToUnicode 6 0 R", HUGE_MAP)),
    Attack("a PDF with a ZIP bomb", "a.pdf", lambda: carrying(b"a.zip", expanding(60)), holds="quokka"),
    Attack("a PDF with a bomb in a Word file", "a.pdf", lambda: carrying(b"a.docx", expanding(60)), holds="quokka"),
    Attack("a PDF in a PDF in a PDF", "a.pdf", lambda: carrying(b"a.pdf", carrying(b"a.pdf", pdf())), holds="quokka"),
)
OTHERS = (
    Attack("what acts when it is opened", "a.pdf", acting, holds="quokka", never=STOLEN),
    Attack("a PDF with a password that nobody gave", "a.pdf", partial(pdf, password=PASSWORD), says="password"),
    Attack("a PDF with a wrong password", "a.pdf", partial(pdf, password=PASSWORD), says="password", password="gabbro"),
    Attack(
        "a lock of an unknown kind",
        "a.pdf",
        lambda: file_of(
            {
                1: ROOT,
                2: TREE,
                3: PAGE,
                4: stream(TEXT),
                5: FONT,
                6: b"<< /Filter /Odd /V 99 /R 99 /O (a) /U (b) /P -1 >>",
            },
            b"/Encrypt 6 0 R",
        ),
    ),
    Attack(
        "a lock that is its own",
        "a.pdf",
        lambda: file_of({1: ROOT, 2: TREE, 3: PAGE, 4: stream(TEXT), 5: FONT}, b"/Encrypt 1 0 R"),
    ),
    Attack(
        "a PDF of pictures alone",
        "a.pdf",
        lambda: picture(b"/Width 8 /Height 8 /BitsPerComponent 8", bytes(64)).replace(TEXT, b" " * len(TEXT)),
    ),
    Attack(
        "a PDF of a page without contents", "a.pdf", partial(one_page, stream(b"")), says="no readable text|no page has"
    ),
)
ATTACKS = BOMBS + OTHERS
LARGE = (
    Attack("a million true pages", "a.pdf", partial(true_pages, 1_000_000), says="pages, the limit"),
    Attack("a stream that expands to ten gigabytes", "a.pdf", partial(flate_bomb, 5_000, 2)),
)
