"""The page by keyboard, on a phone, in both themes for those who see little, and without any foreign request."""

import json
import re

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.chromium import WAIT_MS, Visit
from tests.e2e.ward import CHINESE, CHINESE_SAID, ENGLISH, ENGLISH_SAID, Ward, visit, ward

__all__ = ["visit", "ward"]  # fixtures

MOST_BYTES = 150_000
PHONE = {"width": 390, "height": 844}
PARTS = ("users", "groups", "bases", "keys", "health")


def each_view(visit: Visit):
    """Go through the views and yield the name of each when it is shown whole."""
    page = visit.page
    visit.ask("Which colour is the roof of the Kyoto railway station?")
    yield "not in the documents"
    visit.ask(ENGLISH)
    yield "answer"
    page.locator(".finding .chip").first.click()
    expect(page.locator("#passage .picture:not(.loading)")).to_be_visible(timeout=WAIT_MS)
    yield "passage"
    page.locator("#passage .open-full").click()
    expect(page.locator("#page-view-body img")).to_be_visible()
    yield "page in full"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.goto("/#documents")
    expect(page.locator("table.list tbody tr").first).to_be_visible()
    yield "documents"
    page.locator("#document-table button[data-label=delete_named]").first.click()
    yield "dialog"
    page.keyboard.press("Escape")
    for part in PARTS:
        page.goto(f"/#administration/{part}")
        expect(page.locator("#administration-parts [aria-current]")).to_have_attribute(
            "href", f"#administration/{part}"
        )
        expect(page.locator("#administration-body > :nth-child(2)")).to_be_visible()
        yield part


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_axe_finds_nothing_in_either_theme_and_language(ward: Ward, theme: str, language: str):
    visit = ward.visit(signed_in=False, color_scheme=theme, locale=language)
    visit.page.goto("/")
    expect(visit.page.locator("#sign-in")).to_be_visible()
    assert visit.page.evaluate("document.documentElement.dataset.theme") == theme
    found = {"sign-in": visit.axe()}
    visit.sign_in(ward.name, ward.password)
    expect(visit.page.locator("#welcome .patterns")).to_be_visible()
    found["empty"] = visit.axe()

    for view in each_view(visit):
        found[view] = visit.axe()

    assert {view: violations for view, violations in found.items() if violations} == {}
    assert len(found) == 13
    visit.close()


def test_on_a_phone_everything_fits_and_the_passage_covers_the_page(ward: Ward):
    visit = ward.visit(viewport=PHONE, has_touch=True, is_mobile=True)
    assert visit.overflow_px() == 0

    for view in each_view(visit):
        assert visit.overflow_px() <= 0, view
        if view == "passage":
            box = visit.page.locator("#passage").bounding_box()
            assert box is not None
            assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, PHONE["width"], PHONE["height"])
    visit.close()


def test_everything_comes_from_the_service_and_the_first_load_is_light(ward: Ward):
    visit = Visit(ward.browser, ward.url, locale="zh-CN")
    sizes: dict[str, int] = {}
    visit.page.on("requestfinished", lambda request: sizes.update({request.url: len(request.response().body())}))
    visit.sign_in(ward.name, ward.password)
    expect(visit.page.locator("#welcome .patterns")).to_be_visible()
    own = {url: size for url, size in sizes.items() if "/v1/" not in url}
    assert len(own) > 20
    assert sum(own.values()) <= MOST_BYTES, own

    for _ in each_view(visit):
        pass

    foreign = [url for url in visit.requests if not url.startswith((f"{ward.url}/", "data:", "blob:"))]
    assert foreign == []
    assert visit.complaints == []
    visit.close()


def test_the_keyboard_alone_asks_opens_and_closes(visit: Visit):
    page = visit.page
    page.locator("#ask-title").click()
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type(ENGLISH)
    page.keyboard.press("Enter")
    expect(page.locator(".finding .said")).to_contain_text(ENGLISH_SAID)

    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('chip')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    expect(page.locator("#passage")).to_be_visible()
    assert outline == "solid"
    page.keyboard.press("Escape")
    expect(page.locator("#passage")).to_be_hidden()
    assert page.evaluate("document.activeElement.classList.contains('chip')")


def test_language_and_theme_are_switched_and_remembered(visit: Visit):
    page = visit.page
    visit.ask(CHINESE)
    page.locator("#language").click()
    expect(page.locator("#send")).to_have_text("提问")
    expect(page.locator(".entry .by")).to_have_text("文档原文摘录，一字未改")
    expect(page.locator(".finding .said")).to_contain_text(CHINESE_SAID)
    page.locator("#theme").click()
    page.locator("#theme").click()

    page.reload()

    expect(page.locator("#send")).to_have_text("提问")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_enter_that_confirms_a_chinese_word_does_not_send_the_question(visit: Visit):
    page = visit.page
    page.locator("#question").fill("多大金额")
    page.locator("#question").dispatch_event("keydown", {"key": "Enter", "isComposing": True})

    expect(page.locator("#ask-view")).to_have_class("ask-view fresh")


def test_wrong_passwords_in_a_row_have_to_wait_and_are_told_how_long(ward: Ward):
    visit = ward.visit(signed_in=False)
    page = visit.page
    page.goto("/")
    send = page.locator("#sign-in-send")
    for _ in range(30):
        visit.fill_sign_in("nobody", "a wrong password")
        expect(page.locator("#sign-in-notice .notice")).to_be_visible()
        if not send.is_enabled():
            break

    expect(page.locator("#sign-in-notice")).to_have_text("Too many attempts. Wait until you can try again.")
    expect(send).to_have_text(re.compile(r"Sign in \(in \d+:\d\d\)"))
    visit.close()


def sse(*events: tuple[str, object]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def test_a_written_answer_shows_what_is_not_confirmed_and_how_it_was_reasoned(ward: Ward, visit: Visit):
    page = visit.page
    index = {"pending": 0, "readable": 0, "ready": 2, "refused": 0}
    [passage] = ward.api.search(ENGLISH, limit=1)["hits"]
    citation = {key: passage[key] for key in ("chunk_id", "document_id", "external_id", "title", "page")}
    citation |= {"n": 1, "quote": passage["text"][:20], "start": 0, "end": 20}
    sentences = [
        {"text": "They may be stored for **14 days**.", "citations": [1], "supported": True},
        {"text": "After that they are thrown away.", "citations": [], "supported": False},
    ]

    def answer(route: Route) -> None:
        done = {
            "answer": "x",
            "answerable": True,
            "model": "a-model",
            "note": "",
            "timings_ms": {"total": 5},
            "index": index,
        }
        body = sse(
            ("retrieval", {"passages": [passage], "index": index, "timings_ms": {}}),
            ("reasoning", {"text": "Looking at section 4."}),
            ("sentence", sentences[0]), ("citation", citation), ("sentence", sentences[1]), ("done", done),
        )  # fmt: skip
        route.fulfill(content_type="text/event-stream", body=body)

    page.route("**/v1/ask", answer)
    visit.ask(ENGLISH)

    expect(page.locator(".entry .by")).to_have_text("Written by a-model from the passages cited")
    expect(page.locator(".sentence strong")).to_have_text("14 days")
    expect(page.locator(".unsupported .said")).to_have_text("After that they are thrown away.")
    expect(page.locator(".unsupported .flag")).to_have_text("not confirmed")
    expect(page.locator(".reasoning .words")).to_be_hidden()
    page.locator(".reasoning summary").click()
    expect(page.locator(".reasoning .words")).to_have_text("Looking at section 4.")
    page.locator(".sentence .chip").click()
    expect(page.locator("#passage-body mark").first).to_have_text(passage["text"][:20].splitlines()[0])
