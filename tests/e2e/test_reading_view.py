"""What was read, seen in a real browser: text and chunks beside the original, from the list and from a citation."""

import io
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Locator, expect
from pypdf import PdfReader, PdfWriter

from app.database.store import open_store
from tests.e2e.chromium import WAIT_MS, Visit
from tests.e2e.machine import until
from tests.e2e.ward import (
    ENGLISH,
    ENGLISH_SAID,
    MANUAL,
    RULES,
    SAMPLES,
    Ward,
    row_of,
    send_files,
    upload_of,
    visit,
    ward,
)

__all__ = ["visit", "ward"]  # fixtures

SCAN = "shift-report.pdf"
SCANNED = ("Shift report of ward seven", "The crash cart is sealed with tag 4471.", "The seal is checked before 22:30.")
PHONE = {"width": 390, "height": 844}
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
LINES = [f"Entry {number}: the okapi of ward {number} was fed." for number in range(1_200)]


@dataclass
class Scan:
    """A document whose first page is a picture, with notes and a newer file that was refused."""

    document_id: str
    percent: int  # how sure its recognition is


@pytest.fixture(scope="module")
def scan(ward: Ward) -> Scan:
    job_id = ward.api.upload(SCAN, scan_before_page(MANUAL, 2)).json()["job_id"]
    until("the scan is read", lambda: ward.api.get(f"/v1/jobs/{job_id}")["state"] == "ready", timeout_s=240)
    document_id = ward.api.get(f"/v1/jobs/{job_id}")["document_ids"][0]
    notes = ["page 1: its fonts do not say which characters they show, so its text was left out",
             "pages 3-4: no readable text (a scan?)", "a note that nobody translated"]  # fmt: skip
    with open_store(ward.machine.settings()) as store, store.catalogue.transaction("test") as transaction:
        mine = "WHERE document_id = ?"
        transaction.execute(f"UPDATE versions SET notes = ? {mine}", (json.dumps(notes), document_id))
        transaction.execute(f"UPDATE documents SET refused = 'the PDF has no pages' {mine}", (document_id,))
    confidence = ward.api.get(f"/v1/documents/{document_id}/pages/1")["recognised"]["confidence"]
    assert 0.8 < confidence <= 1
    return Scan(document_id, int(confidence * 100))


def scan_before_page(name: str, number: int) -> bytes:
    """A page that is only a picture, then one of another document."""
    picture = Image.new("RGB", (1240, 1754), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=36)
    for row, line in enumerate(SCANNED):
        draw.text((120, 140 + 70 * row), line, font=font, fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, "PDF", resolution=150)
    writer = PdfWriter(PdfReader(buffer))
    writer.add_page(PdfReader(SAMPLES / name).pages[number - 1])
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def open_from_list(visit: Visit, name: str) -> Locator:
    visit.page.goto("/#documents")
    row_of(visit, name).locator("button[data-label=reading_named]").click()
    return shown(visit)


def shown(visit: Visit) -> Locator:
    view = visit.page.locator("#reading")
    expect(view.locator(".piece").first).to_be_visible(timeout=WAIT_MS)
    if view.locator(".reading-picture").is_visible():
        expect(view.locator(".picture:not(.loading) img")).to_be_visible(timeout=WAIT_MS)
    return view


def picture_of(view: Locator) -> str:
    return str(view.locator(".picture img").evaluate("image => image.src"))


def test_a_document_is_read_page_by_page_beside_its_original(ward: Ward, visit: Visit):
    document = ward.api.documents()[MANUAL]
    view = open_from_list(visit, MANUAL)
    page = visit.page

    expect(page.locator("#reading-title")).to_have_text(document["title"])
    expect(view.locator(".page-input")).to_have_value("1")
    assert "/pages/1.png" in picture_of(view)
    first = view.locator(".chunk").first
    expect(first.locator(".chunk-head")).to_have_text(re.compile(r"Chunk 1\s*(?:text|table|list)\s*\d+ tokens?"))
    expect(view.locator(".reading-head")).to_contain_text(re.compile(r"\d+ chunks?, \d+ tokens"))

    page.keyboard.press("ArrowRight")
    expect(view.locator(".page-input")).to_have_value("2")
    expect(view.locator(".reading-text")).to_contain_text("2.2 Lockout")
    assert "/pages/2.png" in picture_of(view)
    page.locator("#reading button[data-label=step_before]").click()
    expect(view.locator(".page-input")).to_have_value("1")
    expect(page.locator("#reading button[data-label=step_before]")).to_be_disabled()
    view.locator(".page-input").fill(str(document["pages"]))
    view.locator(".page-input").press("Enter")
    expect(page.locator("#reading button[data-label=step_after]")).to_be_disabled()
    view.locator(".page-input").fill("99")
    view.locator(".page-input").press("Enter")
    expect(view.locator(".page-input")).to_have_value(str(document["pages"]))

    page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(row_of(visit, MANUAL).locator("button[data-label=reading_named]")).to_be_focused()
    expect(view.locator(".piece, img")).to_have_count(0)
    assert visit.complaints == []


def test_all_that_was_read_is_shown_and_what_is_in_no_chunk_is_told_apart(ward: Ward, visit: Visit):
    document_id = ward.api.documents()[MANUAL]["document_id"]
    view = open_from_list(visit, MANUAL)
    for number in (1, 2, 3):
        view.locator(".page-input").fill(str(number))
        view.locator(".page-input").press("Enter")
        read = ward.api.get(f"/v1/documents/{document_id}/pages/{number}")
        expect(view.locator(".chunk")).to_have_count(len(read["chunks"]))
        expect(view.locator(".piece:not(.chunk)")).to_have_count(len(read["margins"]))
        for piece, chunk in zip(view.locator(".chunk .words").all(), read["chunks"], strict=True):
            words = "".join(read["text"][start:end] for start, end in chunk["spans"])
            assert bare(piece.text_content()) == bare(words)
        for piece, (start, end) in zip(view.locator(".piece:not(.chunk)").all(), read["margins"], strict=True):
            expect(piece.locator(".eyebrow")).to_have_text("In no chunk: searches do not look here")
            assert bare(piece.locator(".words").text_content()) == bare(read["text"][start:end])


def bare(text: str | None) -> str:
    """Without white space and the signs of a table, which is drawn as one."""
    return re.sub(r"[\s|]|-{3,}", "", text or "")


def test_a_chunk_that_is_pressed_is_marked_on_the_page(visit: Visit):
    view = open_from_list(visit, MANUAL)
    button = view.locator(".chunk button").last
    assert "highlight" not in picture_of(view)

    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    until("the picture marks it", lambda: "highlight=" in picture_of(view))
    expect(view.locator(".picture:not(.loading) img")).to_be_visible()
    button.click()

    expect(button).to_have_attribute("aria-pressed", "false")
    until("the mark is gone", lambda: "highlight=" not in picture_of(view))


def test_a_citation_opens_at_its_chunk_with_the_quote_marked_on_both_sides(visit: Visit):
    page = visit.page
    visit.ask(ENGLISH)
    page.locator(".finding .chip").first.click()
    opener = page.locator("#passage button", has_text="What was read")
    opener.click()
    view = shown(visit)

    cited = view.locator(".chunk[aria-current]")
    expect(cited).to_have_count(1)
    expect(cited).to_be_in_viewport()
    expect(cited.locator(".chunk-head")).to_contain_text("cited here")
    expect(cited.locator("mark").first).to_contain_text(ENGLISH_SAID)
    assert re.search(r"/pages/4\.png\?.*highlight=\w+&start=\d+&end=\d+", picture_of(view))
    page.keyboard.press("ArrowLeft")
    expect(view.locator(".page-input")).to_have_value("3")
    expect(view.locator(".chunk[aria-current]")).to_have_count(0)

    page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(page.locator("#passage")).to_be_visible()
    expect(opener).to_be_focused()


def test_a_text_without_pages_is_shown_alone(visit: Visit):
    view = open_from_list(visit, RULES)

    expect(view.locator(".reading-picture")).to_be_hidden()
    expect(view.locator(".page-input")).to_be_hidden()
    expect(view.locator(".chunk").first).to_contain_text("采购")
    expect(view.locator(".chunk button")).to_have_count(0)
    assert not [url for url in visit.requests if ".png" in url and "/v1/" in url]


def test_a_long_text_comes_in_stretches_that_can_be_stepped_through(ward: Ward, visit: Visit):
    reply = ward.api.upload("diary.txt", "\n\n".join(LINES).encode())
    ward.api.wait_for_job(reply.json()["job_id"], "readable", "ready")
    view = open_from_list(visit, "diary.txt")
    page = visit.page

    seen: list[str] = []
    for _ in range(20):
        at = view.locator("[role=status]")
        expect(at).to_have_text(re.compile(r"characters [\d,]+–[\d,]+ of [\d,]+"))
        seen += re.findall(r"Entry (\d+):", "".join(view.locator(".chunk .words").all_text_contents()))
        after = page.locator("#reading button[data-label=step_after]")
        if after.is_disabled():
            break
        before = at.inner_text()
        after.click()
        expect(at).not_to_have_text(before)
    assert len(set(seen)) == len(LINES)
    page.locator("#reading button[data-label=step_before]").click()
    expect(page.locator("#reading button[data-label=step_after]")).to_be_enabled()


@pytest.mark.parametrize(
    ("language", "sure", "note", "others", "refused"),
    [
        ("en-US", "Read from a picture, {} % sure. Check it against the original.", "its fonts do not say",
         "2 notes on the whole document or other pages", "the PDF has no pages"),
        ("zh-CN", "文字识别自图片，把握 {}%，请与原件核对。", "字体没有说明各是什么字符", "（2 条）", "PDF 没有页面"),
    ],
)  # fmt: skip
def test_what_must_be_known_before_a_text_is_believed_is_said_in_both_languages(
    ward: Ward, scan: Scan, language: str, sure: str, note: str, others: str, refused: str
):
    visit = ward.visit(locale=language)
    view = open_from_list(visit, SCAN)
    said = view.locator(".reading-text > .notice", has_text=sure.format(scan.percent))

    expect(said).to_be_visible()
    expect(view.locator(".chunk").first).to_contain_text("4471")
    expect(view.locator(".warned li")).to_have_count(1)
    expect(view.locator(".warned")).to_contain_text(note)
    expect(view.locator(".notice.problem")).to_contain_text(refused)
    expect(view.locator("summary")).to_contain_text(others)
    view.locator("summary").click()
    expect(view.locator("details li[lang=en]", has_text="nobody translated")).to_be_visible()
    visit.page.locator("#reading button[data-label=step_after]").click()
    expect(view.locator(".page-input")).to_have_value("2")
    expect(said).to_have_count(0)
    expect(view.locator(".warned")).to_have_count(0)
    visit.close()


@pytest.mark.parametrize(
    ("language", "said"), [("en-US", "read from a scan, {} % sure"), ("zh-CN", "识别自扫描件，把握 {}%")]
)
def test_a_citation_of_a_scan_says_so_and_no_other_does(ward: Ward, scan: Scan, language: str, said: str):
    visit = ward.visit(locale=language)
    page = visit.page
    visit.ask("With which tag is the crash cart sealed?")

    expect(page.locator(".finding .said").first).to_contain_text("4471")
    expect(page.locator(".finding .from-scan").first).to_have_text(said.format(scan.percent))
    page.locator(".finding .chip").first.click()
    expect(page.locator("#passage .place .from-scan")).to_have_text(said.format(scan.percent))
    page.keyboard.press("Escape")
    visit.ask(ENGLISH)
    expect(page.locator("#entries > .entry").first.locator(".finding .from").first).to_be_visible()
    expect(page.locator("#entries > .entry").first.locator(".finding").first.locator(".from-scan")).to_have_count(0)
    visit.close()


def test_a_passage_whose_version_is_gone_opens_on_what_stands_there_now(ward: Ward, visit: Visit):
    page = visit.page
    document_id = ward.api.take("crane.md", b"# Crane\n\nThe crane of hall nine lifts 12 tonnes at most.\n")
    visit.ask("How much does the crane of hall nine lift?")
    page.locator(".finding .chip").first.click()
    chunk_id = ward.api.search("crane of hall nine")["hits"][0]["chunk_id"]
    ward.api.take("crane.md", b"# Crane\n\nSince May the crane of hall nine lifts 14 tonnes.\n", replace=document_id)
    until("the old version is gone", lambda: ward.api.call("GET", f"/v1/passages/{chunk_id}").status_code == 404)

    page.locator("#passage button", has_text="What was read").click()
    view = shown(visit)

    expect(view.locator(".notice.problem")).to_contain_text("no longer there")
    expect(view.locator(".chunk").first).to_contain_text("14 tonnes")


def test_hostile_text_is_only_text(ward: Ward, visit: Visit):
    text = f"# Hatch {HOSTILE}\n\n| part {HOSTILE} | torque |\n|---|---|\n| hinge | 9 Nm |\n\n{HOSTILE}\n"
    ward.api.take("hatch.md", text.encode())
    view = open_from_list(visit, "hatch.md")

    expect(view.locator(".reading-text")).to_contain_text("<script>")
    assert visit.page.title() == "Strongroom"
    assert visit.page.evaluate("document.querySelectorAll('img[src=x], dialog script').length") == 0
    assert visit.complaints == []


def test_a_protected_pdf_is_asked_for_its_password_and_then_taken(ward: Ward, visit: Visit):
    page = visit.page
    file: dict[str, Any] = {"name": "sealed.pdf", "mimeType": "application/pdf", "buffer": protected(MANUAL, "Ward-7!")}
    send_files(visit, file)
    expect(upload_of(visit, "sealed.pdf").locator(".refused-why")).to_contain_text("needs a password", timeout=WAIT_MS)

    for password, said in (("wrong", "does not open the PDF"), ("Ward-7!", None)):
        upload_of(visit, "sealed.pdf").get_by_role("button", name="Enter its password…").click()
        expect(page.locator("#file-password")).to_be_focused()
        page.locator("#file-password").fill(password)
        page.locator("#dialog").get_by_role("button", name="Send again").click()
        expect(page.locator("#dialog")).to_be_hidden()
        if said:
            expect(upload_of(visit, "sealed.pdf").locator(".refused-why")).to_contain_text(said, timeout=WAIT_MS)
    expect(upload_of(visit, "sealed.pdf").locator(".upload-state")).to_have_text(
        re.compile("Found by words|Ready"), timeout=WAIT_MS
    )

    expect(page.locator("#uploads > li", has_text="sealed.pdf")).to_have_count(1)
    view = open_from_list(visit, "sealed.pdf")
    expect(view.locator(".chunk").first).to_be_visible()
    assert "sealed.pdf" in ward.api.documents()


def protected(name: str, password: str) -> bytes:
    writer = PdfWriter(PdfReader(SAMPLES / name))
    writer.encrypt(password, algorithm="AES-256")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_axe_finds_nothing(ward: Ward, scan: Scan, theme: str, language: str):
    visit = ward.visit(color_scheme=theme, locale=language)
    found = {}
    for name in (SCAN, MANUAL, RULES):
        view = open_from_list(visit, name)
        found[name] = visit.axe()
        if name == MANUAL:
            view.locator(".chunk button").first.click()
            expect(view.locator(".picture:not(.loading) img")).to_be_visible()
            found["marked"] = visit.axe()
        visit.page.keyboard.press("Escape")

    assert {name: violations for name, violations in found.items() if violations} == {}
    visit.close()


def test_on_a_phone_picture_and_text_stand_below_each_other(ward: Ward, scan: Scan):
    visit = ward.visit(viewport=PHONE, has_touch=True, is_mobile=True)
    view = open_from_list(visit, SCAN)

    picture, text = (view.locator(name).bounding_box() for name in (".reading-picture", ".reading-text"))
    assert picture is not None
    assert text is not None
    assert text["y"] >= picture["y"] + picture["height"] - 1
    assert visit.overflow_px() <= 0
    assert view.evaluate("view => view.scrollWidth - view.clientWidth") <= 0
    close = view.locator("button[data-label=close]").bounding_box()
    assert close is not None
    assert close["x"] + close["width"] <= PHONE["width"]
    visit.close()


def test_nothing_of_it_is_loaded_before_and_nothing_stays_after_signing_out(ward: Ward, visit: Visit):
    page = visit.page
    page.goto("/#documents")
    expect(row_of(visit, MANUAL)).to_be_visible()
    assert not [url for url in visit.requests if "reading" in url]
    open_from_list(visit, MANUAL)
    assert {"reading.js", "reading_pieces.js", "reading.css", "words-reading-en.js"} <= {
        url.rsplit("/", 1)[-1] for url in visit.requests
    }

    visit.context.clear_cookies()
    page.locator("#reading button[data-label=step_after]").click()

    expect(page.locator("#sign-in-notice")).to_contain_text("You were signed out")
    expect(page.locator("#reading")).to_be_hidden()
    for part in ("#reading-title", "#reading .reading-picture", "#reading .reading-text"):
        expect(page.locator(part)).to_be_empty()
    assert "Lockout" not in page.content()
