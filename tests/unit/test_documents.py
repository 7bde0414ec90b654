"""The sample files under tests/documents: they rebuild byte for byte, and their questions are honest."""

import json
import re
import subprocess
import sys
from functools import cache
from html import unescape
from pathlib import Path

import docx
import opencc
import pypdfium2
import pytest

DOCUMENTS = Path(__file__).resolve().parents[1] / "documents"
FILES = DOCUMENTS / "files"
TEXT_ENCODINGS = {"员工休假制度.txt": "gb18030", "采购管理规定.txt": "utf-16"}
SETS = ("questions", "paraphrases", "cross_language")


@cache
def entries(name: str) -> list[dict]:
    text = (DOCUMENTS / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@cache
def faq() -> dict[str, str]:
    lines = (FILES / "faq.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["id"]: f"{entry['title']}\n{entry['text']}" for entry in map(json.loads, lines)}


@cache
def pages_of(file: Path) -> list[str]:
    """The text of each page; one page where the format has none."""
    if file.suffix == ".pdf":
        document = pypdfium2.PdfDocument(file)
        texts = []
        for page in document:
            content = page.get_textpage()
            texts.append(content.get_text_range())
            content.close()
            page.close()
        document.close()
        return texts
    if file.suffix == ".docx":
        document = docx.Document(str(file))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return ["\n".join([paragraph.text for paragraph in document.paragraphs] + cells)]
    text = file.read_text(encoding=TEXT_ENCODINGS.get(file.name, "utf-8"))
    if file.suffix == ".html":
        text = unescape(re.sub(r"<[^>]+>", "\n", text))
    return [text]


def passage_of(gold: str | dict) -> str:
    if isinstance(gold, str):
        return faq()[gold]
    pages = pages_of(FILES / gold["file"])
    assert (gold["page"] is None) == (not gold["file"].endswith(".pdf"))
    return pages[(gold["page"] or 1) - 1]


def folded(text: str) -> str:
    return " ".join(text.split())


def han_pairs(text: str) -> set[str]:
    """Neighbouring Han characters, in simplified script."""
    simplified = opencc.OpenCC("t2s").convert(text)
    runs = re.findall(r"[\u3400-\u9fff]+", re.sub(r"\s+", "", simplified))
    return {run[at : at + 2] for run in runs for at in range(len(run) - 1)}


def test_a_build_gives_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DOCUMENTS / "build.py"), str(tmp_path)], check=True)
    for folder in ("files", "versions"):
        committed = {file.name: file.read_bytes() for file in (DOCUMENTS / folder).iterdir()}
        built = {file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()}
        assert built.keys() == committed.keys()
        assert [name for name in built if built[name] != committed[name]] == []


def test_the_encodings_are_what_they_claim() -> None:
    assert (FILES / "采购管理规定.txt").read_bytes().startswith(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        (FILES / "员工休假制度.txt").read_bytes().decode("utf-8")


def test_each_pdf_has_its_text_and_pages() -> None:
    pages = {file.name: pages_of(file) for file in FILES.glob("*.pdf")}
    assert {name: len(texts) for name, texts in pages.items()} == {
        "degreaser-safety-sheet.pdf": 3,
        "filler-manual.pdf": 6,
        "pediatric-dosing-table.pdf": 4,
        "press-fault-codes.pdf": 4,
    }
    for name, texts in pages.items():
        source = (DOCUMENTS / "texts" / name).with_suffix(".md").read_text(encoding="utf-8")
        cells = [re.sub(r"^[#>-]+ |\s", "", cell.strip()) for cell in re.split(r"[|\n]|<!-- page -->|^-+$", source)]
        text = "".join("".join(texts).split())
        assert [cell for cell in cells if cell.strip("-") and cell not in text] == [], name


def test_the_second_version_of_the_procedure_differs_in_dose_and_steps() -> None:
    first, second = (pages_of(DOCUMENTS / at / "infusion-pump-procedure.docx")[0] for at in ("files", "versions"))
    assert "不得超过 5 mg" in first
    assert "不得超过 10 mg" in second
    assert "10 mg" not in first
    assert " 5 mg" not in second
    assert "6. 此后每小时巡视一次" in second


def test_the_sets_have_their_sizes() -> None:
    questions = entries("questions")
    chinese = [entry for entry in questions if han_pairs(entry["question"])]
    unanswerable = [entry for entry in questions if not entry["answerable"]]
    assert (len(questions), len(chinese), len(unanswerable)) == (40, 20, 8)
    assert len(entries("paraphrases")) == 20
    assert len(entries("cross_language")) == 10
    ids = [entry["id"] for name in SETS for entry in entries(name)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", SETS)
def test_every_answer_stands_in_a_gold_passage(name: str) -> None:
    for entry in entries(name):
        assert set(entry) - {"expected"} == {"id", "question", "answers", "gold", "answerable"}
        assert bool(entry["answers"]) == bool(entry["gold"]) == entry["answerable"], entry["id"]
        passages = [folded(passage_of(gold)) for gold in entry["gold"]]
        for answer in entry["answers"]:
            assert any(answer in passage for passage in passages), (entry["id"], answer)
        for passage in passages:
            assert any(answer in passage for answer in entry["answers"]), entry["id"]


def test_a_paraphrase_shares_no_pair_of_characters_with_its_page() -> None:
    """Not with the whole gold page, entry or file, so word search alone cannot find it."""
    shared = {
        entry["id"]: pairs
        for entry in entries("paraphrases")
        for gold in entry["gold"]
        if (pairs := han_pairs(entry["question"]) & han_pairs(passage_of(gold)))
    }
    assert shared == {}


def test_cross_language_questions_are_chinese_and_their_pages_english() -> None:
    for entry in entries("cross_language"):
        assert han_pairs(entry["question"])
        assert not any(han_pairs(passage_of(gold)) for gold in entry["gold"])
