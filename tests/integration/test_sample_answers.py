"""The forty sample questions, asked of the service without a chat model: is the first finding right, and whole?

Every question stands in the report with its answer: ``pytest -s``, or the file that a failure names.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.answering.language import PHRASES
from tests.e2e.machine import Machine, Serving, until

DOCUMENTS = Path(__file__).resolve().parents[1] / "documents"
QUESTIONS = [json.loads(line) for line in (DOCUMENTS / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
PUMP = "infusion-pump-procedure.docx"
LEAST_RIGHT = 38  # of 40 as asked; one finds the row of a change log first, one is "no sure answer" with the row named
LEAST_WHOLE = 31  # of 32 with an answer, where nothing is withheld
FINDING_CHARS = 600


@dataclass(frozen=True)
class Asked:
    """A question and what came back."""

    question: dict[str, Any]
    reply: dict[str, Any]

    @property
    def first(self) -> str:
        """The first finding, without its label; empty if there is none."""
        cited = [one for one in self.reply["sentences"] if one["citations"]]
        return cited[0]["text"] if cited else ""

    @property
    def whole(self) -> bool:
        """Whether the first finding holds all that its unit must hold, and comes from where the answer stands."""
        gold = {(one["file"], one["page"]) if isinstance(one, dict) else (one, None) for one in self.question["gold"]}
        cited = self.reply["citations"][:1]
        return (
            all(folded(text) in folded(self.first) for text in self.question["expected"])
            and any((one["external_id"], one["page"]) in gold for one in cited)
            and len(self.first) <= FINDING_CHARS
        )

    @property
    def right(self) -> bool:
        """Whether the answer is what an honest colleague would give."""
        if self.question["answerable"]:
            return self.reply["answerable"] and self.whole
        return not self.reply["answerable"]

    def report(self) -> str:
        """Question and answer, as the asker sees them."""
        mark = "right" if self.right else "WRONG"
        return f"[{mark}] {self.question['id']} {self.question['question']}\n{self.reply['answer']}\n"


def folded(text: str) -> str:
    """A text without white space and the rules of a table: a row may be broken anywhere."""
    return re.sub(r"[\s|]", "", text)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A store of the sample files with the real model's vectors."""
    machine = Machine(tmp_path_factory.mktemp("samples"), model="default")
    try:
        machine.init()
        assert machine.ingest(str(DOCUMENTS / "files"))["refused"] == []
        yield machine
    finally:
        machine.close()


@pytest.fixture(scope="module")
def as_asked(machine: Machine) -> list[Asked]:
    """All questions, as a user asks them."""
    with machine.serve() as serving:
        return all_asked(serving)


@pytest.fixture(scope="module")
def none_withheld(machine: Machine) -> list[Asked]:
    """All questions, with findings shown however unlikely they answer."""
    with machine.serve(KB_ANSWERS__CONFIDENCE_FLOOR="0") as serving:
        return all_asked(serving)


def all_asked(serving: Serving) -> list[Asked]:
    return [Asked(question, serving.api.ask(question["question"])) for question in QUESTIONS]


def noticed(reply: dict[str, Any]) -> dict[str, Any] | None:
    """The reply, if it counts one document that waits."""
    return reply if reply["index"]["pending"] == 1 else None


def written(asked: list[Asked], file: Path) -> str:
    """Print and keep the report of all questions; return where it is."""
    text = "\n".join(one.report() for one in asked)
    print(text)
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_the_sample_questions_are_answered_by_the_right_whole_span(as_asked: list[Asked], tmp_path: Path) -> None:
    report = written(as_asked, tmp_path / "answers.txt")
    wrong = [one.question["id"] for one in as_asked if not one.right]

    assert len(as_asked) - len(wrong) >= LEAST_RIGHT, (wrong, report)


def test_each_first_finding_is_whole_where_nothing_is_withheld(none_withheld: list[Asked], tmp_path: Path) -> None:
    report = written(none_withheld, tmp_path / "findings.txt")
    answerable = [one for one in none_withheld if one.question["answerable"]]
    cut = [one.question["id"] for one in answerable if not one.whole]

    assert len(answerable) - len(cut) >= LEAST_WHOLE, (cut, report)


def test_every_citation_is_exact_and_every_label_speaks_the_language_of_the_question(
    none_withheld: list[Asked], machine: Machine
) -> None:
    with machine.serve() as serving:
        for one in none_withheld:
            if not one.reply["answerable"]:
                continue
            phrases = PHRASES["zh" if re.search(r"[\u4e00-\u9fff]", one.question["question"]) else "en"]
            assert one.reply["sentences"][0]["text"].startswith(phrases.extracts.partition("{")[0])
            assert one.reply["note"] == phrases.connect_model
            for citation in one.reply["citations"]:
                passage = serving.api.get(f"/v1/passages/{citation['chunk_id']}")
                assert passage["text"][citation["start"] : citation["end"]] == citation["quote"]
                assert citation["quote"].strip()


def test_at_most_two_more_findings_are_shown_each_under_its_own_label(machine: Machine) -> None:
    with machine.serve(KB_ANSWERS__CONFIDENCE_FLOOR="0") as serving:
        for question in QUESTIONS:
            events = serving.api.ask_streamed(question["question"])
            sentences = [data for name, data in events if name == "sentence"]
            if not any(one["citations"] for one in sentences):
                continue
            labels, extracts = sentences[::2], sentences[1::2]
            assert len(labels) == len(extracts) <= 3
            assert [bool(label["citations"]) for label in labels] == [False] * len(labels)
            assert [bool(extract["citations"]) for extract in extracts] == [True] * len(extracts)
            further = [[one.get("also_in", False) for one in kind] for kind in (labels, extracts)]
            assert further == [[False, True, True][: len(labels)]] * 2


def test_while_a_document_waits_to_be_read_no_answer_is_simply_not_there(machine: Machine) -> None:
    question = "Which hepatitis B vaccination schedule do new nurses follow?"
    with machine.serve(KB_INGEST__WORKER="external") as serving:
        assert serving.api.ask(question)["answer"] == PHRASES["en"].not_found
        assert serving.api.upload(
            "hepatitis.md", b"# Hepatitis B\n\nNurses follow schedule 0, 1, 6 months.\n"
        ).is_success
        waiting = until("the count knows of it", lambda: noticed(serving.api.ask(question)), timeout_s=5)
        assert waiting["answer"] == PHRASES["en"].still_reading.format(count=1)
        assert not waiting["answerable"]


def test_two_versions_side_by_side_are_both_shown_and_the_second_is_marked(machine: Machine) -> None:
    """The procedure of the samples says 5 mg, its later version 10 mg; here both are in the knowledge base."""
    newer = (DOCUMENTS / "versions" / "infusion-pump-procedure.docx").read_bytes()
    with machine.serve() as serving:
        serving.api.take("newer-procedure.docx", newer)
        events = serving.api.ask_streamed("输液泵首次启用阿片类药物时，初始剂量最多多少？")
        sentences = [data for name, data in events if name == "sentence"]
        extracts = [one for one in sentences if one["citations"]]
        assert {limit for limit in ("5 mg", "10 mg") if any(f"超过 {limit}" in one["text"] for one in extracts)} == {
            "5 mg", "10 mg",
        }  # fmt: skip
        assert [one.get("differs", False) for one in extracts[:2]] == [False, True]
        assert all("newer-procedure.docx" in one["text"] or PUMP in one["text"] for one in sentences[:4:2])
