"""Pages as pictures, by real processes: cited words are set in red, so the picture itself says where they stand."""

import asyncio
import io
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.errors import DocumentRefused, TooBusy
from app.reading import pictures, tasks
from app.reading.pictures import PageAsked, PagePictures
from app.reading.pool import ReaderPool
from app.settings import load_settings
from ingest.layout import lay_out

RED, BLACK = (1, 0, 0), (0, 0, 0)
CHINESE = "STSong-Light"


def settings(**changes):
    return load_settings({}).ingest.model_copy(update=changes)


@pytest.fixture(scope="module")
def reader():
    with ReaderPool(settings(readers=1)) as pool:
        yield pool


@pytest.fixture
def drawer():
    with PagePictures(settings()) as opened:
        yield opened


def page_of(draw, *, size=(595, 842), crop=None, turned=0, **options):
    """A PDF of one page; ``draw`` gets its canvas."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, **options)
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    if crop:
        canvas.setCropBox(crop)
    if turned:
        canvas.setPageRotation(turned)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def written(*parts, x=100, y=500, font="Helvetica", size=12):
    """Draw one line of (text, colour) parts."""

    def draw(canvas):
        text = canvas.beginText(x, y)
        text.setFont(font, size)
        for part, colour in parts:
            text.setFillColorRGB(*colour)
            text.textOut(part)
        canvas.drawText(text)

    return draw


def stored_text(reader, content, page=1):
    """The text of a page as an ingest stores it."""
    texts, _ = lay_out(reader.read(content, file_name="a.pdf").blocks)
    return {one.page: one.text for one in texts}[page]


def cited(stored, words):
    start = stored.index(words)
    return ((start, start + len(words), start, start + len(words)),)


def draw(drawer, content, stored="", spans=(), *, page=1, width=1000):
    return asyncio.run(drawer.draw(lambda: PageAsked(content, page, stored, spans), width=width, asker="mei"))


def pixels(png):
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB")).astype(int)


def drawn_with_and_without_marks(drawer, content, stored, spans):
    return pixels(draw(drawer, content)), pixels(draw(drawer, content, stored, spans))


def marked(marks):
    """Where the picture is yellow."""
    return (marks[..., 0] > 200) & (marks[..., 1] > 180) & (marks[..., 2] < 160)


def box_of(mask):
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max(), columns.min(), columns.max()


def filled(mask):
    """The rows and columns between the first and the last marked pixel of each row."""
    whole = np.zeros_like(mask)
    for row in np.nonzero(mask.any(axis=1))[0]:
        columns = np.nonzero(mask[row])[0]
        whole[row, columns[0] : columns[-1] + 1] = True
    return whole


def assert_red_words_alone_are_marked(plain, marks):
    red = (plain[..., 0] > 170) & (plain[..., 1] < 90) & (plain[..., 2] < 90)
    black = plain.max(axis=-1) < 90
    inside = filled(marked(marks))
    assert red.sum() > 30
    assert inside[red].mean() > 0.97
    assert not inside[black].any()


WORDS = written(("Before the bolts ", BLACK), ("the torque is 45 N", RED), (" and after", BLACK))


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"turned": 90},
        {"turned": 180},
        {"turned": 270},
        {"crop": (80, 300, 400, 700)},
        {"crop": (80, 300, 400, 700), "turned": 90},
        {"crop": (80, 300, 400, 700), "turned": 270},
    ],
)
def test_the_cited_words_and_no_others_are_marked_on_turned_and_cropped_pages(reader, drawer, page):
    content = page_of(WORDS, **page)
    stored = stored_text(reader, content)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, cited(stored, "the torque is 45 N"))

    if page.get("turned") in {90, 270}:  # back to lines from left to right
        plain, marks = np.rot90(plain), np.rot90(marks)
    assert_red_words_alone_are_marked(plain, marks)


def test_chinese_words_in_a_font_that_is_only_named_are_marked(reader, drawer):
    line = written(
        ("设备安装前须检查；", BLACK), ("拧紧力矩为 45 N·m", RED), ("，随后复核一次。", BLACK), font=CHINESE, size=14
    )
    content = page_of(line)
    stored = stored_text(reader, content)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, cited(stored, "拧紧力矩为 45 N·m"))

    assert_red_words_alone_are_marked(plain, marks)


def test_a_citation_over_lines_marks_each_line_and_nothing_beside_it(reader, drawer):
    def lines(canvas):
        written(("The pump must stop when ", BLACK), ("pressure falls below", RED), y=500)(canvas)
        written(("2.5 bar within ten seconds.", RED), (" Start it again by hand.", BLACK), y=485)(canvas)
        written(("Another column, pressure", BLACK), x=400, y=500)(canvas)

    content = page_of(lines)
    stored = stored_text(reader, content)
    start, end = stored.index("pressure falls"), stored.index(" Start it")

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, ((0, len(stored), start, end),))

    red = (plain[..., 0] > 170) & (plain[..., 1] < 90)
    assert marked(marks)[:, : int(400 / 595 * 1000)].any()
    rows = np.nonzero(red.any(axis=1))[0]
    for part in (rows[rows < rows.mean()], rows[rows > rows.mean()]):
        region = slice(part[0], part[-1] + 1)
        assert_red_words_alone_are_marked_in(plain[region], marks[region])


def assert_red_words_alone_are_marked_in(plain, marks):
    red = (plain[..., 0] > 170) & (plain[..., 1] < 90)
    inside = filled(marked(marks))
    assert inside[red].mean() > 0.97
    assert not inside[plain.max(axis=-1) < 90].any()


def test_slanted_and_turned_words_on_a_straight_page_are_marked(reader, drawer):
    def turned(canvas):
        canvas.translate(300, 300)
        canvas.rotate(90)
        written(("Upwards ", BLACK), ("seventy", RED), (" end", BLACK), x=0, y=0)(canvas)

    content = page_of(turned)
    stored = stored_text(reader, content)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, cited(stored, "seventy"))

    assert_red_words_alone_are_marked(np.rot90(plain, 3), np.rot90(marks, 3))


def test_a_word_that_stands_twice_is_marked_where_it_is_cited(reader, drawer):
    def twice(canvas):
        written(("5 mg daily", BLACK), y=500)(canvas)
        written(("5 mg daily", RED), y=300)(canvas)

    content = page_of(twice)
    stored = stored_text(reader, content)
    second = stored.rindex("5 mg")

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, ((second, second + 10, second, second + 10),))

    assert_red_words_alone_are_marked(plain, marks)


def test_words_are_found_where_another_release_stored_the_page_otherwise(reader, drawer):
    content = page_of(WORDS)
    stored = "A running head that is no longer on the page.\n\n" + stored_text(reader, content)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, cited(stored, "the torque is 45 N"))

    assert_red_words_alone_are_marked(plain, marks)


def test_a_parted_word_is_marked_on_both_lines(drawer):
    def parted(canvas):
        written(("The instal-", RED), y=500)(canvas)
        written(("lation", RED), (" begins", BLACK), y=485)(canvas)

    plain, marks = drawn_with_and_without_marks(drawer, page_of(parted), "The installation begins", ((0, 23, 0, 16),))

    red = (plain[..., 0] > 170) & (plain[..., 1] < 90)
    for part in (red & (np.arange(red.shape[0])[:, None] < box_of(red)[0] + 16), red):
        assert filled(marked(marks))[part].mean() > 0.9


def test_rare_characters_and_ligatures_keep_the_marks_in_place(reader, drawer):
    to_unicode = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def"
        b" 1 begincodespacerange <00> <FF> endcodespacerange"
        b" 2 beginbfchar <61> <D840DC0B> <62> <006600660069> endbfchar endcmap end end"
    )
    shown = b"BT /F 24 Tf 100 600 Td (aaa obce ) Tj 1 0 0 rg (two) Tj 0 g ( aa) Tj ET"
    content = raw_page("0 0 612 792", content=shown).replace(b"/Helvetica", b"/Helvetica/ToUnicode 9 0 R")
    stream = b"9 0 obj<</Length %d>>stream\n%b\nendstream endobj\ntrailer" % (len(to_unicode), to_unicode)
    content = content.replace(b"trailer", stream)
    stored = stored_text(reader, content)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, cited(stored, "two"))

    assert stored == "𠀋𠀋𠀋 office two 𠀋𠀋"
    assert_red_words_alone_are_marked(plain, marks)
    plain, marks = drawn_with_and_without_marks(drawer, content, stored, ((0, 3, 0, 3),))
    assert box_of(marked(marks))[3] < 200 / 612 * 1000


@pytest.mark.parametrize("stored", ["Words of another document altogether.", "", "\n \n"])
def test_what_is_not_on_the_page_gives_a_picture_without_marks(drawer, stored):
    content = page_of(WORDS)

    plain, marks = drawn_with_and_without_marks(drawer, content, stored, ((0, len(stored), 0, len(stored)),))

    assert np.array_equal(plain, marks)


def test_a_page_without_text_is_shown_without_marks(drawer):
    content = page_of(lambda canvas: canvas.rect(72, 72, 200, 200, fill=1))

    plain, marks = drawn_with_and_without_marks(drawer, content, "a text", ((0, 6, 0, 6),))

    assert np.array_equal(plain, marks)
    assert (plain.max(axis=-1) < 50).any()


def test_a_page_of_text_is_small(drawer):
    chance = random.Random(7)

    def full(canvas):
        for row in range(50):
            line = "".join(chance.choices("etaoinshrdlu cmfwyp vbgk 0123456789,.", k=80))
            written((line, BLACK), x=60, y=790 - 15 * row)(canvas)

    assert 20_000 < len(draw(drawer, page_of(full))) < 200_000


def test_a_photograph_keeps_its_colours(drawer):
    shades = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "PNG")

    png = draw(drawer, page_of(lambda canvas: canvas.drawImage(ImageReader(file), 50, 300, 500, 500)))

    assert Image.open(io.BytesIO(png)).mode == "RGB"


def raw_page(box, more="", content=b"BT /F 12 Tf 10 10 Td (hello) Tj ET"):
    """A PDF of one page written by hand: no library writes such boxes."""
    return (
        b"%%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[%b]%b/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length %d>>stream\n%b\nendstream endobj\n"
        b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%%%EOF"
        % (box.encode(), more.encode(), len(content), content)
    )


@pytest.mark.parametrize(
    ("box", "more"),
    [
        ("0 0 0.000000001 0.000000001", ""),
        ("0 0 1000000 1000000", ""),
        ("0 0 1 1000000", ""),
        ("0 0 1000000 1", ""),
        ("0 0 0.000001 1000000", ""),
        ("0 0 0 0", ""),
        ("612 792 0 0", ""),
        ("nan inf 1 2", ""),
        ("0 0 " + "9" * 60 + " 1", ""),
        ("-5000 -5000 -4000 -4000", ""),
        ("0 0 612 792", "/UserUnit 100000"),
        ("0 0 612 792", "/Rotate 45"),
        ("0 0 612 792", "/CropBox[1000 1000 2000 2000]"),
    ],
)
def test_a_page_of_any_size_costs_no_more_than_a_large_picture(drawer, box, more):
    content = raw_page(box, more)
    if "CropBox" in more:  # nothing of the page is left
        with pytest.raises(DocumentRefused, match="damaged"):
            draw(drawer, content)
    else:
        png = draw(drawer, content, "hello", ((0, 5, 0, 5),), width=2000)
        width, height = Image.open(io.BytesIO(png)).size
        assert 1 <= width <= 2_000
        assert 1 <= height <= 8_000
        assert width * height <= 8_100_000
    assert pixels(draw(drawer, page_of(WORDS))).shape[1] == 1_000


def test_the_width_asked_for_is_the_width_of_the_picture(drawer):
    assert [Image.open(io.BytesIO(draw(drawer, page_of(WORDS), width=width))).size for width in (400, 2_000)] == [
        (400, 566),
        (2_000, 2_830),
    ]


@pytest.mark.parametrize(
    ("content", "page", "reason"),
    [
        (page_of(WORDS, encrypt=StandardEncryption("user", "owner")), 1, "password"),
        (b"%PDF-1.7\n" + b"garbage " * 50, 1, "damaged"),
        (page_of(WORDS)[:300], 1, "damaged"),
        (b"", 1, "damaged"),
        (page_of(WORDS), 2, "damaged"),
        (page_of(WORDS), 0, "damaged"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason_and_the_next_page_is_shown(drawer, content, page, reason):
    with pytest.raises(DocumentRefused, match=reason):
        draw(drawer, content, page=page)

    assert draw(drawer, page_of(WORDS))


def wait_for_work(drawer):
    while not drawer._at_work:
        time.sleep(0.01)


def spare_of(drawer):
    return drawer._spare.result(timeout=30)


@pytest.mark.parametrize(("kind", "page"), [("JPEG", 1), ("TIFF", 2)])
def test_a_picture_file_is_drawn_as_it_is_read_upright_and_with_marks_on_their_places(drawer, kind, page):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    lying = Image.new("RGB", (800, 600), "white")
    lying.paste((0, 0, 0), (0, 0, 100, 600))  # the left edge, which comes to lie above
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": [lying]} if kind == "TIFF" else {}
    lying.save(buffer, kind, exif=exif, **more)
    asked = PageAsked(buffer.getvalue(), page, boxes=((0.25, 0.5, 0.75, 0.6),))
    shown = pixels(asyncio.run(drawer.draw(lambda: asked, width=600, asker="mei")))

    assert shown.shape[:2] == (800, 600)
    assert shown[:90].max() < 60
    assert box_of(marked(shown)) == pytest.approx((400, 480, 150, 450), abs=3)


def test_no_process_ever_sees_two_documents(drawer):
    pids = []
    for _ in range(3):
        draw(drawer, page_of(WORDS))
        process = spare_of(drawer)
        assert process.files == 0
        pids.append(process.pid)

    assert len(set(pids)) == 3
    assert [Path(f"/proc/{pid}").exists() for pid in pids] == [False, False, True]


def test_a_process_that_draws_is_shut_in_as_one_that_reads(drawer):
    draw(drawer, page_of(WORDS))

    open_doors = {name for name, held in spare_of(drawer).held.items() if not held}

    assert open_doors <= {"own_network_namespace", "no_capabilities", "only_library_files", "few_system_calls"}


def test_a_process_that_was_ended_while_it_stood_by_is_replaced(drawer):
    draw(drawer, page_of(WORDS))
    os.kill(spare_of(drawer).pid, signal.SIGKILL)
    time.sleep(0.1)

    assert draw(drawer, page_of(WORDS))


def test_a_page_that_takes_too_long_is_refused_and_its_process_ended():
    with PagePictures(settings(file_timeout_s=0.5)) as drawer:
        draw(drawer, page_of(WORDS))
        process = spare_of(drawer)
        os.kill(process.pid, signal.SIGSTOP)

        with pytest.raises(DocumentRefused, match="not drawn in time"):
            draw(drawer, page_of(WORDS))

        assert not Path(f"/proc/{process.pid}").exists()
        assert draw(drawer, page_of(WORDS))


def test_a_drawing_without_end_is_stopped():
    twice = b"0 0 600 700 re f /X Do /X Do"
    forms = b"".join(
        b"%d 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 600 700]/Resources<</XObject<</X %d 0 R>>>>/Length %d>>stream\n"
        b"%b\nendstream endobj\n" % (number, number + 1, len(twice), twice)
        for number in range(6, 24)
    )
    content = raw_page("0 0 612 792", content=b"/X Do").replace(b"/Font<<", b"/XObject<</X 6 0 R>>/Font<<")
    content = content.replace(b"trailer", forms + b"trailer")
    with PagePictures(settings(file_timeout_s=2)) as drawer:
        began = time.monotonic()
        with pytest.raises(DocumentRefused, match="time"):
            draw(drawer, content)
        assert time.monotonic() - began < 15
        assert draw(drawer, page_of(WORDS))


def test_a_crash_refuses_the_page(drawer):
    draw(drawer, page_of(WORDS))
    process = spare_of(drawer)
    os.kill(process.pid, signal.SIGSTOP)

    async def crash():
        drawing = asyncio.create_task(drawer.draw(lambda: PageAsked(page_of(WORDS), 1), width=1000, asker="mei"))
        await asyncio.to_thread(wait_for_work, drawer)
        os.kill(process.pid, signal.SIGSEGV)
        os.kill(process.pid, signal.SIGCONT)
        await drawing

    with pytest.raises(DocumentRefused, match="crashed on this page"):
        asyncio.run(crash())
    assert draw(drawer, page_of(WORDS))


def test_at_most_two_are_drawn_at_once_more_wait_and_too_many_are_sent_away(drawer, monkeypatch):
    at_once, most = 0, 0
    content = page_of(WORDS)
    drawn = tasks.draw

    def counted(process, *arguments, **options):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            time.sleep(0.5)
            return drawn(process, *arguments, **options)
        finally:
            at_once -= 1

    monkeypatch.setattr(tasks, "draw", counted)
    monkeypatch.setattr(pictures, "MOST_WAITING", 3)

    async def crowd():
        asking = [drawer.draw(lambda: PageAsked(content, 1), width=400, asker=f"asker {at}") for at in range(7)]
        return await asyncio.gather(*asking, return_exceptions=True)

    answers = asyncio.run(crowd())

    assert sum(isinstance(answer, TooBusy) for answer in answers) == 2
    assert sum(isinstance(answer, bytes) for answer in answers) == 5
    assert most == 2
    assert draw(drawer, content)


def test_one_asker_does_not_take_all_places(drawer):
    content = page_of(WORDS)

    async def crowd():
        asking = [drawer.draw(lambda: PageAsked(content, 1), width=400, asker="mei") for _ in range(8)]
        asking.append(drawer.draw(lambda: PageAsked(content, 1), width=400, asker="li"))
        return await asyncio.gather(*asking, return_exceptions=True)

    *of_mei, of_li = asyncio.run(crowd())

    assert sum(isinstance(answer, TooBusy) for answer in of_mei) == 8 - pictures.MOST_EACH
    assert isinstance(of_li, bytes)


def test_an_error_in_finding_the_page_is_the_answer_and_starts_nothing(drawer):
    def missing():
        raise LookupError("no such page")

    with pytest.raises(LookupError):
        asyncio.run(drawer.draw(missing, width=1000, asker="mei"))

    assert drawer._spare is None


def test_the_process_that_stands_by_is_ended_when_nobody_asks(drawer, monkeypatch):
    monkeypatch.setattr(pictures, "IDLE_S", 0.5)

    async def ask_and_rest():
        await drawer.draw(lambda: PageAsked(page_of(WORDS), 1), width=400, asker="mei")
        process = await asyncio.to_thread(spare_of, drawer)
        await asyncio.sleep(1)
        return process.pid

    assert not Path(f"/proc/{asyncio.run(ask_and_rest())}").exists()
    assert draw(drawer, page_of(WORDS))


def test_closing_ends_all_processes_also_those_at_work():
    drawer = PagePictures(settings())
    draw(drawer, page_of(WORDS))
    process = spare_of(drawer)
    os.kill(process.pid, signal.SIGSTOP)

    async def close_while_drawing():
        drawing = asyncio.create_task(drawer.draw(lambda: PageAsked(page_of(WORDS), 1), width=400, asker="mei"))
        await asyncio.to_thread(wait_for_work, drawer)
        await asyncio.to_thread(drawer.close)
        await drawing

    with pytest.raises(DocumentRefused, match="stopping"):
        asyncio.run(close_while_drawing())
    assert not Path(f"/proc/{process.pid}").exists()
    with pytest.raises((DocumentRefused, RuntimeError)):
        draw(drawer, page_of(WORDS))
