"""Names that mean harm and texts in every encoding, from a folder and by upload, until they are found again."""

import os
import re
from pathlib import Path

import pytest

from tests.e2e.machine import Machine

# Number in the text -> name in the folder. The text is found by its number, the document shown under its name.
NAMES = (
    "CON.txt", "aux", "%2e%2e%2fx.txt", "n" * 240 + ".txt", "\u202etxt.exe.txt", "😀.txt", "two\nlines.txt",
    "tab\t.txt", "<img src=x onerror=alert(1)>.txt", "'; DROP TABLE documents; --.txt", "-rf.txt", " .txt", "a b ",
    "%s%n.txt",
    "back\\slash.txt", "{{7*7}}.txt", "$(reboot).txt", "ｆｕｌｌ．txt", "e\u0301.txt", "é.txt", "zero\u200bwidth.txt",
    "\x1b[31mred.txt", "𠮷𪚥.txt", "~", "*.txt",
)  # fmt: skip
UPLOADED = {
    "../../x.txt": "x.txt",
    "/etc/y.txt": "y.txt",
    "C:\\Windows\\z.txt": "z.txt",
    "CON": "CON",
    "u" * 300 + ".txt": None,  # cut
    "\u202etxt.exe": "txt.exe",
    "😀😀.txt": "😀😀.txt",
    "<img src=x onerror=alert(2)>.txt": "<img src=x onerror=alert(2)>.txt",
    "e\u0301\u0301.txt": "e\u0301\u0301.txt",
}
CHINESE = "质量记录保存期限为五年，编号{}，由质检科保管。"
TRADITIONAL = "醫療氣瓶應直立固定，編號{}，由護理長點交。"
RARE = "患者𠮷𪚥的病历，编号{}，姓氏用字𫍰𬺈。"
# Name -> (text, bytes): what must be found again, to the character.
ENCODED = {
    "gbk.txt": (CHINESE, "gbk"),
    "gb18030.txt": (RARE, "gb18030"),
    "big5.txt": (TRADITIONAL, "big5"),
    "utf16le.txt": (CHINESE, "utf-16-le"),
    "utf16be.txt": (CHINESE, "utf-16-be"),
    "utf16mark.txt": (RARE, "utf-16"),
    "utf32.txt": (CHINESE, "utf-32"),
    "utf8mark.txt": (RARE, "utf-8-sig"),
    "utf8.md": (RARE, "utf-8"),
    "gbk.csv": ("编号,用字\n{},质检\n", "gbk"),
    "gbk.html": ("<html><head><meta charset=gbk></head><body><p>" + CHINESE + "</p></body></html>", "gbk"),
    "big5.html": ("<html><body><p>" + TRADITIONAL + "</p></body></html>", "big5"),
}
BROKEN = {
    "surrogates-in-utf8.txt": b"The batch 910001 was kept \xed\xa0\x80\xed\xb0\x80 cold. " + CHINESE.encode() * 40,
    "bad-bytes.txt": b"The batch 910002 was kept cold. " + CHINESE.encode() * 40 + b"\xff\xfe\x80",
    "half-a-character.txt": CHINESE.format(910003).encode()[:-1],
    "surrogates.json": b'{"batch": "910004 \\ud800 kept", "more": "\\udc00\\ud800"}',
    "surrogates.jsonl": b'{"id": "s\\ud800", "title": "\\udfff", "text": "The batch 910005 \\ud800 was kept cold."}\n',
}
UNREADABLE = {"empty.txt", "blank.txt", "cut.pdf"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    opened = Machine(Path(tmp_path_factory.mktemp("names")))
    try:
        opened.init()
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def folder(machine):
    root = machine.root / "docs"
    root.mkdir()
    for number, name in enumerate(NAMES):
        (root / name).write_text(f"The pump {700_000 + number} is in the cellar.")
    (root / os.fsdecode(b"\xff\xfe.txt")).write_text("The pump 700900 is in the cellar.")
    for number in range(100):
        (root / f"ward {number}").mkdir()
        (root / f"ward {number}" / "same.txt").write_text(f"The bed {600_000 + number} is by the window.")
    for number, (name, (text, encoding)) in enumerate(ENCODED.items()):
        (root / name).write_bytes(text.format(800_000 + number).encode(encoding))
    for name, content in BROKEN.items():
        (root / name).write_bytes(content)
    (root / "empty.txt").write_bytes(b"")
    (root / "blank.txt").write_bytes(b" \n\t\xe3\x80\x80\n" * 99)
    (root / "cut.pdf").write_bytes(b"%PDF-1.7 cut")
    return root


@pytest.fixture(scope="module")
def report(machine, folder):
    return machine.ingest(str(folder), code=1)


@pytest.fixture(scope="module")
def api(machine, report):
    with machine.serve() as serving:
        yield serving.api


@pytest.fixture(scope="module")
def ids(api):
    """Return the ids of the documents of the folder, by external id."""
    return {name: document["document_id"] for name, document in api.documents().items()}


def text_of(api, document_id, query):
    """Return what a search finds in one document, the passages in order."""
    hits = api.search(query, filters={"document_ids": [document_id]})["hits"]
    return "\n".join(hit["text"] for hit in hits)


def test_of_a_folder_of_hostile_names_all_but_the_unreadable_files_are_in(report):
    refused = {one["file"]: one["reason"] for one in report["refused"]}

    assert set(refused) == UNREADABLE
    assert all(refused.values())
    assert report["taken"] == len(NAMES) + 1 + 100 + len(ENCODED) + len(BROKEN)


def test_a_file_of_a_hostile_name_is_found_under_its_name(api, ids):
    for number, name in enumerate(NAMES):
        assert str(700_000 + number) in text_of(api, ids[name], "pump"), ascii(name)
    assert "700900" in text_of(api, ids["\\xff\\xfe.txt"], "pump")


def test_files_of_one_name_in_a_hundred_folders_stay_apart(api, ids):
    for number in range(0, 100, 9):
        assert str(600_000 + number) in text_of(api, ids[f"ward {number}/same.txt"], "bed")


@pytest.mark.parametrize("number", range(len(ENCODED)), ids=list(ENCODED))
def test_a_text_in_any_encoding_is_found_again_to_the_character(api, ids, number):
    name, (text, _) = list(ENCODED.items())[number]
    code = str(800_000 + number)
    found = text_of(api, ids[name], f"编号 {code}")
    wanted = [letter for letter in re.sub("<[^>]*>", "", text.format(code)) if ord(letter) > 127 or letter.isdigit()]

    assert [letter for letter in found if letter in wanted] == wanted
    assert "\ufffd" not in found


@pytest.mark.parametrize(("name", "code"), [(name, 910001 + number) for number, name in enumerate(BROKEN)])
def test_a_text_with_bad_characters_is_found_by_its_good_ones(api, ids, name, code):
    found = text_of(api, ids["s?" if name.endswith(".jsonl") else name], f"batch {code} 编号{code}")

    assert str(code) in found
    assert not any("\ud800" <= letter <= "\udfff" for letter in found)


def test_an_uploaded_name_is_cleaned_and_never_a_path(api, machine):
    for number, (name, shown) in enumerate(UPLOADED.items()):
        document_id = api.take(name, f"The valve {500_000 + number} leaks.".encode())
        external_id = api.get(f"/v1/documents/{document_id}")["external_id"]

        assert external_id == shown or (shown is None and external_id.endswith("u.txt") and len(external_id) <= 255)
        assert str(500_000 + number) in text_of(api, document_id, "valve")
    written = [file.name for file in machine.root.rglob("*") if machine.root / "docs" not in file.parents]
    assert not {"x.txt", "y.txt", "z.txt", "CON", "txt.exe"} & set(written)


@pytest.mark.parametrize(
    "name", [b"a\0b.txt", b"two\r\nlines.txt", b"", b"..", b"/", b"\xff\xfe.txt", b'quo"te.txt', b" "]
)
def test_a_name_that_no_client_should_send_is_refused_or_cleaned(api, name):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + name
        + b'"\r\n\r\nThe lamp is red.\r\n--b--\r\n'
    )
    reply = api.call("POST", "/v1/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert reply.status_code in {202, 400, 409, 422}, reply.text
    if reply.status_code == 202:
        job = api.wait_for_job(reply.json()["job_id"])
        assert job["file_name"].isprintable()
    assert api.get("/readyz")


def upload_again_and_again(api, name, times):
    """Upload files of one name and other contents; return the names they are kept under, and what was refused."""
    jobs, told = [], set()
    for number in range(times):
        reply = api.upload(name, f"The shelf {400_000 + number} is full.".encode(), keep_both="true")
        if reply.status_code == 202:
            jobs.append(reply.json()["job_id"])
        else:
            told.add((reply.status_code, reply.json()["detail"]))
    taken = {document_id for job in jobs for document_id in api.wait_for_job(job)["document_ids"]}
    names = {name for name, document in api.documents().items() if document["document_id"] in taken}
    return len(names), len(jobs), told


def test_uploads_of_one_name_stay_apart(api):
    assert upload_again_and_again(api, "shelf.txt", 60) == (60, 60, set())


@pytest.mark.slow
def test_a_thousand_uploads_of_one_name_stay_apart_or_are_refused_with_advice(api):
    names, accepted, told = upload_again_and_again(api, "shelves.txt", 1_000)

    assert names == accepted >= 900
    assert told <= {(409, "too many documents of this name")}
