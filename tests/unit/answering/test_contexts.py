import random

import pytest

from app.answering.contexts import context_of
from app.answering.sentences import Sentence
from app.knowledge.passage import Passage, Span

from .fakes import chunks_of, passage

PAGES = {
    1: "Pump manual · Revision 2\nPage 1\nTo change the filter:\n1. Close the valve.\n2. Open the lid.",
    2: "Pump manual · Revision 2\nPage 2\n3. Take the filter out.\n4. Close the lid.",
}


def whole(pages: dict[int, str], **options: str) -> list[Passage]:
    return chunks_of(pages, *((page, 0, len(text)) for page, text in pages.items()), **options)


def test_a_context_runs_over_pages_without_running_titles_and_page_numbers() -> None:
    first, second = whole(PAGES)

    assert context_of(first, (first, second)).text == (
        "To change the filter:\n1. Close the valve.\n2. Open the lid.\n3. Take the filter out.\n4. Close the lid."
    )


def test_a_running_title_without_a_page_number_is_known_by_standing_on_several_pages() -> None:
    pages = {1: "Ward rules 2024\nWash hands.", 2: "Ward rules 2024\nDry hands.", 3: "Ward rules 2024\nGlove up."}
    chunks = whole(pages)

    assert context_of(chunks[1], chunks).text == "Wash hands.\nDry hands.\nGlove up."


def test_what_chunks_repeat_stands_once() -> None:
    text = "One. Two. Three. Four."
    chunks = chunks_of({0: text}, (0, 0, 9), (0, 5, 16), (0, 10, 22))
    context = context_of(chunks[1], chunks)

    assert context.text == text
    assert [text[span.start : span.end] for span in context.places(Sentence(0, len(text)))] == [
        "One. Two.", " Three.", " Four.",
    ]  # fmt: skip


def test_a_header_that_a_chunk_repeats_stands_once() -> None:
    text = "| a | b |\n| 1 | 2 |\n| 3 | 4 |"
    first = chunks_of({0: text}, (0, 0, 19))[0]
    second = Passage(
        "second", first.document_id, "m", "default", "m", None, "", "table", "| a | b |\n| 3 | 4 |",
        (Span(0, 0, 9), Span(0, 20, 29)),
    )  # fmt: skip

    assert context_of(second, (first, second)).text == text
    assert context_of(second, (second,)).text == "| a | b |\n| 3 | 4 |"


def test_a_stretch_within_the_passage_is_quoted_from_it_though_a_neighbour_holds_part_of_it() -> None:
    chunks = chunks_of({0: "One. Two. Three. Four."}, (0, 0, 9), (0, 5, 22))
    context = context_of(chunks[1], chunks)
    start = context.text.index("Two.")
    ((quoted, quote),) = context.quotes(Sentence(start, len(context.text)))

    assert quoted.chunk_id == chunks[1].chunk_id
    assert quote.of(quoted.text) == "Two. Three. Four."


def test_a_stretch_over_a_border_is_quoted_from_each_side() -> None:
    first, second = whole(PAGES)
    context = context_of(first, (first, second))
    stretch = Sentence(context.text.index("2. Open"), context.text.index("\n4."))
    quotes = [(chunk.chunk_id, quote.of(chunk.text)) for chunk, quote in context.quotes(stretch)]

    assert quotes == [(first.chunk_id, "2. Open the lid."), (second.chunk_id, "3. Take the filter out.")]


def test_the_passage_alone_is_its_own_context() -> None:
    one = passage("Nothing else.", page=None)
    context = context_of(one)

    assert context.text == one.text
    assert [context.text[start:end] for start, end in context.own()] == [one.text]
    assert context_of(passage("")).text == ""


@pytest.mark.parametrize("seed", range(30))
def test_however_a_document_is_cut_every_quote_is_exact_and_nothing_is_lost(seed: int) -> None:
    choose = random.Random(seed)
    pages = {
        page: "".join(choose.choice("甲乙 ab。.\n|1") for _ in range(choose.randint(30, 120))).strip() or "x"
        for page in range(1, 4)
    }
    cuts: list[tuple[int, int, int]] = []
    for page, text in pages.items():
        start = 0
        while start < len(text):
            end = min(len(text), start + choose.randint(5, 40))
            cuts.append((page, max(0, start - choose.randint(0, 8)), end))
            start = end
    chunks = chunks_of(pages, *cuts)
    context = context_of(choose.choice(chunks), chunks)

    for _ in range(40):
        start = choose.randrange(len(context.text))
        end = choose.randint(start + 1, len(context.text))
        quoted = "".join(quote.of(chunk.text) for chunk, quote in context.quotes(Sentence(start, end)))
        assert "".join(quoted.split()) == "".join(context.text[start:end].split())
    assert "".join(context.text.split()) == "".join("".join(pages.values()).split())
