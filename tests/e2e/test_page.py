"""The page in a real browser, from another host name over TLS, against a real service with the default model."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.chromium import WAIT_MS, Visit
from tests.e2e.machine import until
from tests.e2e.ward import (
    CHINESE,
    CHINESE_SAID,
    ENGLISH,
    ENGLISH_SAID,
    MANUAL,
    SAMPLES,
    Ward,
    row_of,
    send_files,
    text_file,
    upload_of,
    visit,
    ward,
)

__all__ = ["visit", "ward"]  # fixtures

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script> hostile title"


def test_a_wrong_password_is_said_and_the_right_one_opens_the_page(ward: Ward):
    visit = ward.visit(signed_in=False)
    visit.page.goto("/")

    visit.fill_sign_in(ward.name, "not the password")
    expect(visit.page.locator("#sign-in-notice")).to_have_text("User name or password is not right.")
    visit.fill_sign_in(ward.name, ward.password)

    expect(visit.page.locator("#account-name")).to_have_text(ward.name)
    [cookie] = visit.context.cookies()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert visit.page.evaluate("[document.cookie, sessionStorage.length, localStorage.length]") == ["", 0, 0]
    visit.page.reload()
    expect(visit.page.locator("#account-name")).to_have_text(ward.name)
    visit.close()


def test_an_upload_is_followed_until_it_is_ready_and_then_answers(visit: Visit):
    name = "dosing-table.pdf"
    content = (SAMPLES / "pediatric-dosing-table.pdf").read_bytes()
    send_files(visit, {"name": name, "mimeType": "application/pdf", "buffer": content})
    stages: list[str] = []

    def ready() -> bool:
        stages.append(upload_of(visit, name).locator(".upload-state").inner_text())
        return stages[-1] == "Ready"

    until("the upload is ready", ready, pause_s=0.02)

    assert any(re.match("Sending|Received|Being read|Found by words", stage) for stage in stages), set(stages)
    expect(row_of(visit, name).locator(".state")).to_have_text("Ready")
    expect(row_of(visit, name)).to_contain_text("4")  # pages
    visit.page.goto("/#ask")
    visit.ask("头孢他啶的单次剂量是多少，隔多久给一次？")
    expect(visit.page.locator(".finding .said").first).to_contain_text("40 mg/kg")


@pytest.mark.parametrize(("question", "said"), [(ENGLISH, ENGLISH_SAID), (CHINESE, CHINESE_SAID)])
def test_a_question_in_either_language_is_answered_by_a_cited_extract(visit: Visit, question: str, said: str):
    visit.ask(question)

    expect(visit.page.locator(".finding .said").first).to_contain_text(said)
    expect(visit.page.locator(".finding .chip").first).to_be_enabled()
    expect(visit.page.locator(".entry .by")).to_have_text("Extract from the documents, word for word")


def test_a_citation_opens_on_its_page_with_the_words_marked(visit: Visit):
    page = visit.page
    visit.ask(ENGLISH)
    page.locator(".finding .chip").first.click()

    expect(page.locator("#passage-body mark").first).to_contain_text(ENGLISH_SAID)
    expect(page.locator("#passage .place")).to_contain_text("page 4")
    picture = page.locator("#passage .picture:not(.loading) img")
    expect(picture).to_be_visible(timeout=WAIT_MS)
    assert picture.evaluate("image => image.naturalWidth") >= 400
    assert "/pages/4.png" in picture.evaluate("image => image.src")

    page.locator("#passage .open-full").click()
    expect(page.locator("#page-number")).to_have_text(re.compile(r"4 / \d+"))
    page.locator("#page-before").click()
    expect(page.locator("#page-number")).to_have_text(re.compile(r"3 / \d+"))
    page.keyboard.press("Escape")
    expect(page.locator("#page-view")).to_be_hidden()
    expect(page.locator("#passage")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#passage")).to_be_hidden()
    expect(page.locator(".finding .chip").first).to_be_focused()


def test_the_original_is_downloaded_under_its_own_name(visit: Visit):
    visit.ask(ENGLISH)
    visit.page.locator(".finding .chip").first.click()

    with visit.page.expect_download() as download:
        visit.page.locator("#passage .picture-actions button").last.click()

    assert download.value.suggested_filename == MANUAL
    assert Path(download.value.path()).read_bytes() == (SAMPLES / MANUAL).read_bytes()


def test_what_is_not_in_the_documents_is_said_with_the_nearest_passages_apart(visit: Visit):
    visit.ask("Which colour is the roof of the Kyoto railway station?")

    expect(visit.page.locator(".card.absent h3")).to_have_text("Not in the documents")
    expect(visit.page.locator(".near .hits > li").first).to_be_visible()
    expect(visit.page.locator(".card .chip")).to_have_count(0)


def test_passages_only_searches_and_marks_the_words(visit: Visit):
    page = visit.page
    page.locator(".switch").click()
    visit.ask("star-wheel hub torque")

    expect(page.locator(".entry.search .hits > li").first).to_be_visible()
    expect(page.locator(".entry.search mark").first).to_be_visible()


def test_a_second_person_sees_what_was_opened_to_them_and_no_more(ward: Ward, visit: Visit):
    page = visit.page
    send_files(visit, text_file("bonus.md", "# Bonus pool\n\nThe bonus pool of the board holds 4,711 thousand.\n"))
    expect(upload_of(visit, "bonus.md").locator(".upload-state")).to_have_text("Ready", timeout=WAIT_MS)
    page.goto("/#administration/users")
    page.get_by_role("button", name="Add user").click()
    page.locator("#new-name").fill("li.na")
    page.locator("#dialog").get_by_role("button", name="Add").click()
    password = page.locator(".secret code").inner_text()
    page.get_by_role("button", name="I have noted it").click()
    expect(row_of(visit, "li.na")).to_be_visible()

    nurse = ward.visit(signed_in=False)
    nurse.sign_in("li.na", password)
    expect(nurse.page.locator("#welcome")).to_contain_text("You may not read any knowledge base yet")
    expect(nurse.page.locator("#administration-link")).to_be_hidden()

    page.goto("/#administration/bases")
    row_of(visit, "default").get_by_role("button", name="Readers").click()
    page.locator("#dialog").get_by_label("li.na").check()
    page.locator("#dialog").get_by_role("button", name="Save").click()
    expect(row_of(visit, "default")).to_contain_text("li.na")
    nurse.ask("How much does the bonus pool hold?")
    expect(nurse.page.locator(".finding .said")).to_contain_text("4,711")

    page.goto("/#documents")
    page.get_by_role("button", name="Who may read “Bonus pool”").click()
    page.locator("#dialog").get_by_label("Only these of them").check()
    page.locator("#dialog").get_by_label(ward.name).check()
    page.locator("#dialog").get_by_role("button", name="Save").click()
    expect(page.locator("#dialog")).to_be_hidden()
    nurse.ask("How much does the bonus pool of the board hold?")
    expect(nurse.page.locator("#entries > .entry").first).not_to_contain_text("4,711")
    nurse.page.goto("/#documents")
    expect(row_of(nurse, MANUAL)).to_be_visible()
    expect(row_of(nurse, "Bonus pool")).to_have_count(0)
    nurse.page.goto("/#administration/users")
    expect(nurse.page.locator("#administration-view")).to_be_hidden()
    nurse.close()


def test_files_that_come_before_the_knowledge_bases_are_not_lost(visit: Visit):
    page = visit.page
    held: list[Route] = []
    page.route("**/v1/knowledge-bases", lambda route: held.append(route) if len(held) < 1 else route.continue_())
    page.reload()
    send_files(visit, text_file("early.md", "# Early\n\nSent before the page knew where to.\n"))

    expect(upload_of(visit, "early.md").locator(".upload-state")).to_have_text("Ready", timeout=WAIT_MS)


def test_a_name_that_is_there_already_is_asked_about_once_for_all(visit: Visit):
    page = visit.page
    first = [text_file(f"shift-{place}.md", f"# Shift {place}\n\nFirst version.\n") for place in (1, 2)]
    send_files(visit, *first)
    for place in (1, 2):
        expect(upload_of(visit, f"shift-{place}.md").locator(".upload-state")).to_have_text("Ready", timeout=WAIT_MS)
    page.locator("#clear-uploads").click()

    send_files(visit, *[text_file(f"shift-{place}.md", f"# Shift {place}\n\nSecond version.\n") for place in (1, 2)])
    page.locator("#dialog").get_by_label("The same for the other file").check()
    page.locator("#dialog").get_by_role("button", name="Replace").click()

    for place in (1, 2):
        expect(upload_of(visit, f"shift-{place}.md").locator(".upload-state")).to_have_text("Ready", timeout=WAIT_MS)
        expect(row_of(visit, f"shift-{place}.md").locator("td").nth(4)).to_have_text("2")


def test_a_refused_file_says_why_in_the_readers_language_and_is_deleted(ward: Ward):
    visit = ward.visit(locale="zh-CN")
    send_files(visit, {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 cut off"})

    expect(upload_of(visit, "scan.pdf")).to_contain_text("PDF 已损坏或不完整", timeout=WAIT_MS)
    expect(row_of(visit, "scan.pdf").locator(".state")).to_have_text("未接收")
    visit.page.get_by_role("button", name="删除 scan.pdf").click()
    visit.page.locator("#dialog .danger").click()
    expect(row_of(visit, "scan.pdf")).to_have_count(0)
    visit.close()


def test_hostile_text_is_only_text(visit: Visit):
    send_files(visit, text_file("hostile.md", f"# {HOSTILE}\n\nThe hostile torque is 12 Nm. {HOSTILE}\n"))
    expect(upload_of(visit, "hostile.md").locator(".upload-state")).to_have_text("Ready", timeout=WAIT_MS)
    expect(row_of(visit, "hostile title")).to_be_visible()

    visit.page.goto("/#ask")
    visit.ask("What is the hostile torque?")
    visit.page.locator(".chip").first.click()

    expect(visit.page.locator("#passage")).to_contain_text("<script>")
    assert visit.page.title() == "Strongroom"
    assert visit.page.evaluate("document.querySelectorAll('img[src=x], main script').length") == 0
    assert visit.complaints == []


def test_a_second_window_that_signs_in_anew_does_not_lock_the_first_one_out(ward: Ward, visit: Visit):
    other = visit.context.new_page()
    other.goto("/")
    other.locator("#account summary").click()
    reply = other.evaluate(
        "body => fetch('/v1/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body})"
        ".then((reply) => reply.status)",
        json.dumps({"username": ward.name, "password": ward.password}),
    )
    assert reply == 200  # the token that the first window holds is of no use any more

    visit.ask(ENGLISH)

    expect(visit.page.locator(".finding .said").first).to_contain_text(ENGLISH_SAID)


def test_a_question_under_way_can_be_stopped(visit: Visit):
    page = visit.page
    page.route("**/v1/ask", lambda route: None)  # never answered
    page.locator("#question").fill(ENGLISH)
    page.locator("#question").press("Enter")
    expect(page.locator("#send")).to_be_hidden()

    page.locator("#stop").click()

    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#question")).to_be_focused()
    expect(page.locator(".entry .entry-foot")).to_have_text("Stopped: what is shown may be incomplete")


def test_a_password_is_changed_and_the_window_goes_on(ward: Ward):
    visit = ward.visit(signed_in=False)
    ward.api.post("/v1/users", {"name": "wang.wei", "password": "correct horse battery"}, status=201)
    visit.sign_in("wang.wei", "correct horse battery")
    page = visit.page
    for old, problem in (("not my password", "User name or password is not right."), ("correct horse battery", None)):
        page.locator("#account summary").click()
        page.locator("#change-password").click()
        page.locator("#password-old").fill(old)
        page.locator("#password-new").fill("battery horse correct")
        page.locator("#password-again").fill("battery horse correct")
        page.locator("#dialog button[type=submit]").click()
        if problem:
            expect(page.locator("#dialog .notice")).to_have_text(problem)
            page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()

    visit.ask(ENGLISH)  # with the new token

    expect(page.locator(".card.absent h3")).to_be_visible()  # no knowledge base is open to them
    visit.close()


def test_a_session_that_ended_keeps_what_was_typed_and_clears_what_was_read(ward: Ward, visit: Visit):
    page = visit.page
    visit.ask(ENGLISH)
    page.locator("#question").fill("half a question")
    visit.context.clear_cookies()
    page.locator("#question").press("Enter")

    expect(page.locator("#sign-in-notice")).to_contain_text("You were signed out")
    expect(page.locator("#entries")).to_be_empty()
    visit.fill_sign_in(ward.name, ward.password)
    expect(page.locator("#question")).to_have_value("half a question")
