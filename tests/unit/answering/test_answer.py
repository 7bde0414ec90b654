from dataclasses import replace

import pytest

from app.answering.answer import answer, collect
from app.answering.events import Answer, CitationEvent, DoneEvent, Event, ReasoningEvent, RetrievalEvent, SentenceEvent
from app.answering.language import PHRASES
from app.errors import ModelUnavailable
from app.inference.chat import ChatPiece
from app.knowledge.passage import Found, IndexState, Span

from .fakes import (
    ANSWERS,
    USAGE,
    ScriptedChat,
    chat_settings,
    chunks_of,
    ends,
    found,
    of_kind,
    passage,
    says,
    says_all,
    thinks,
)

WARRANTY = passage("本产品适用于工业场合。保修期为 2 年，自购买之日起计算。滤网不在保修范围内。", title="手册", page=7)
FILTER = passage("The filter XJ-9000 must be rinsed every 14 days. Use water below 40 °C.", title="Guide", name="g.md")


async def ask(question: str, what: Found, chat: ScriptedChat | None, **more: object) -> tuple[list[Event], Answer]:
    events = [
        event
        async for event in answer(
            question,
            what,
            chat=chat,
            settings=ANSWERS,
            chat_settings=chat_settings(),
            **more,  # type: ignore[arg-type]
        )
    ]

    async def replay() -> object:
        for event in events:
            yield event

    return events, await collect(replay())  # type: ignore[arg-type]


async def test_a_model_writes_a_cited_and_checked_answer_in_order() -> None:
    chat = ScriptedChat(thinks("看第一段。"), *says_all("\n\n保修期为 2 年[1]。滤网要每 14 天清洗一次[2]。"), ends())

    events, whole = await ask("保修期多久？", found(WARRANTY, FILTER), chat)

    kinds = [type(event) for event in events]
    assert kinds == [
        RetrievalEvent, ReasoningEvent, SentenceEvent, CitationEvent, SentenceEvent, CitationEvent, DoneEvent,
    ]  # fmt: skip
    assert [(s.text, s.citations, s.supported) for s in whole.sentences] == [
        ("保修期为 2 年。", (1,), True), ("滤网要每 14 天清洗一次。", (2,), True),
    ]  # fmt: skip
    first, second = whole.citations
    assert (first.n, first.title, first.page, first.quote) == (1, "手册", 7, "保修期为 2 年，自购买之日起计算。")
    assert WARRANTY.text[first.start : first.end] == first.quote
    assert second.external_id == "g.md"
    assert whole.answer == "保修期为 2 年。 [1]滤网要每 14 天清洗一次。 [2]"
    assert (whole.answerable, whole.model, whole.usage, whole.note) == (True, "scripted", USAGE, "")
    assert whole.reasoning == "看第一段。"
    assert whole.timings_ms["vectors_by"] == "exact"
    assert "first_token" in whole.timings_ms


async def test_sentences_come_as_soon_as_they_are_complete() -> None:
    chat = ScriptedChat(says("A is here [1]."), says(" B is"), says(" there [1]."), ends())
    events = answer("Where?", found(FILTER), chat=chat, settings=ANSWERS, chat_settings=chat_settings())

    seen = [(chat.played, event.text) async for event in events if isinstance(event, SentenceEvent)]

    assert seen == [(1, "A is here."), (3, "B is there.")]


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ("It must be rinsed every 14 days [1].", True),
        ("It must be rinsed every 41 days [1].", False),
        ("It must be rinsed every 14 hours [1].", False),
        ("The filter XJ-9001 must be rinsed [1].", False),
        ("It must be rinsed every 14 days.", False),
        ("It must be rinsed every 14 days [7].", False),
        ("It must be rinsed every 14 days [2].", False),
    ],
)
async def test_number_drift_and_missing_citations_are_flagged(text: str, supported: bool) -> None:
    _, whole = await ask("How often?", found(FILTER, WARRANTY), ScriptedChat(says(text), ends()))

    assert [sentence.supported for sentence in whole.sentences] == [supported]


async def test_unknown_citations_are_dropped_and_known_ones_kept() -> None:
    _, whole = await ask("How often?", found(FILTER), ScriptedChat(says("Every 14 days [1][9][0]."), ends()))

    assert whole.sentences[0].citations == (1,)
    assert whole.answer == "Every 14 days. [1]"


async def test_an_answer_without_any_citation_says_that_it_could_not_be_checked() -> None:
    _, whole = await ask("How often?", found(FILTER), ScriptedChat(says("Every 14 days."), ends()))

    assert not whole.answerable
    assert whole.note == PHRASES["en"].unverified


async def test_the_models_not_found_sentence_is_no_answer() -> None:
    chat = ScriptedChat(says("根据资料，文档中没有找到答案"), says("。"), ends())

    _, whole = await ask("谁是总统？", found(WARRANTY), chat)

    assert not whole.answerable
    assert whole.sentences[0].supported is None
    assert whole.answer == PHRASES["zh"].not_found


async def test_what_comes_near_is_named_beside_it() -> None:
    _, near = await ask("How long is the cover?", found(WARRANTY, FILTER, confidence=0.2), None)
    _, far = await ask("How long is the cover?", found(WARRANTY, FILTER, confidence=0.02), None)

    assert (near.answer, near.answerable) == (far.answer, far.answerable) == (PHRASES["en"].not_found, False)
    assert WARRANTY.title in near.note
    assert FILTER.title in near.note
    assert far.note == ""


@pytest.mark.parametrize("what", [found(), found(FILTER, confidence=0.2)])
async def test_little_confidence_is_not_in_the_documents_and_asks_no_model(what: Found) -> None:
    chat = ScriptedChat(says("Lies."), ends())

    _, whole = await ask("Who is it?", what, chat)

    assert chat.prompts == []
    assert (whole.answer, whole.answerable, whole.model) == (PHRASES["en"].not_found, False, None)


@pytest.mark.parametrize("index", [IndexState(pending=2, ready=5), IndexState(readable=2, ready=5)])
@pytest.mark.parametrize("chat", [None, ScriptedChat(says(PHRASES["zh"].not_found), ends())])
async def test_while_documents_are_being_read_nothing_is_simply_not_there(
    index: IndexState, chat: ScriptedChat | None
) -> None:
    what = found(WARRANTY, index=index) if chat else found(index=index)

    _, whole = await ask("谁是总统？", what, chat)

    assert whole.answer == PHRASES["zh"].still_reading.format(count=2)
    assert not whole.answerable


async def test_a_broken_stream_raises_after_what_was_said() -> None:
    chat = ScriptedChat(says("Every 14 days [1]. And"), ModelUnavailable("the chat model broke off its answer"))
    stream = answer("How often?", found(FILTER), chat=chat, settings=ANSWERS, chat_settings=chat_settings())
    events: list[Event] = []

    async def listen() -> None:
        async for event in stream:
            events.append(event)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ModelUnavailable):
        await listen()

    assert [event.text for event in of_kind(events, SentenceEvent)] == ["Every 14 days."]
    assert of_kind(events, DoneEvent) == []


async def test_who_stops_listening_stops_the_model() -> None:
    chat = ScriptedChat(*says_all("One [1]. Two [1]. Three [1]. Four [1]."), ends())
    events = answer("How often?", found(FILTER), chat=chat, settings=ANSWERS, chat_settings=chat_settings())

    async for event in events:
        if isinstance(event, SentenceEvent):
            break
    await events.aclose()

    assert chat.closed_early
    assert chat.played < len(chat.script)


async def test_a_sentence_cut_by_the_token_limit_is_left_out() -> None:
    chat = ScriptedChat(says("Every 14 days [1]. Use water below 4"), ends("length"))

    _, whole = await ask("How often?", found(FILTER), chat)

    assert whole.answer == "Every 14 days. [1]"
    assert whole.note == PHRASES["en"].cut


@pytest.mark.parametrize("script", [(thinks("Hmm"), ends("length")), (ends(),), (says("\n\n [1]"), ends())])
async def test_a_model_that_gives_no_answer_leaves_the_extracts(script: tuple[ChatPiece, ...]) -> None:
    _, whole = await ask("How often must the filter be rinsed?", found(FILTER), ScriptedChat(*script))

    assert "must be rinsed every 14 days." in whole.answer
    assert whole.sentences[0].text == PHRASES["en"].no_answer.format(place="Guide, page 3")
    assert (whole.model, whole.usage) == (None, USAGE)


async def test_without_a_model_the_answer_is_a_labelled_extract() -> None:
    events, whole = await ask("保修期多久？", found(WARRANTY, FILTER), None)

    label, extract = whole.sentences[:2]
    assert label.text == "文档摘录（未连接语言模型）— 《手册》，第 7 页："
    assert (label.supported, extract.supported, extract.citations) == (None, True, (1,))
    assert extract.text == "保修期为 2 年，自购买之日起计算。"
    assert whole.answer.startswith(f"{label.text}\n{extract.text} [1]")
    assert whole.citations[0].quote == extract.text
    assert whole.note == PHRASES["zh"].connect_model
    assert PHRASES["zh"].connect_model not in whole.answer
    assert (whole.answerable, whole.model, whole.usage) == (True, None, {})
    assert isinstance(events[-1], DoneEvent)


async def test_further_passages_are_marked_as_also_in_and_not_glued_on() -> None:
    other = passage("退货与保修期：保修期 2 年。", title="条款", page=None)

    _, whole = await ask("保修期多久？", found(WARRANTY, other), None)

    assert "\n\n另见《条款》：\n" in whole.answer


async def test_two_documents_that_differ_in_a_number_are_both_shown_and_marked() -> None:
    other = passage("保修期为 3 年，自购买之日起计算。", title="旧手册", page=2, name="old.pdf")

    _, whole = await ask("保修期多久？", found(WARRANTY, other), None)

    assert [(one.also_in, one.differs) for one in whole.sentences] == [(False, False)] * 2 + [(True, True)] * 2
    assert whole.sentences[2].text == PHRASES["zh"].differs.format(place="《旧手册》，第 2 页")
    assert [citation.quote for citation in whole.citations] == [whole.sentences[1].text, whole.sentences[3].text]


async def test_neighbours_that_are_quoted_follow_the_passages_and_are_numbered_after_them() -> None:
    text = "步骤：\n1. 关阀。\n2. 泄压。\n3. 更换滤芯。"
    first, second = chunks_of({0: text}, (0, 0, 10), (0, 11, len(text)))
    what = replace(found(second, FILTER), around={second.chunk_id: (first, second)})

    events, whole = await ask("怎么更换滤芯？", what, None)

    assert whole.sentences[1].text == text
    assert whole.sentences[1].citations == (1, 3)
    assert whole.passages == (second, FILTER, first)
    assert [(one.n, one.chunk_id, one.quote) for one in whole.citations] == [
        (3, first.chunk_id, "步骤：\n1. 关阀。"), (1, second.chunk_id, "2. 泄压。\n3. 更换滤芯。"),
    ]  # fmt: skip
    assert isinstance(events[0], RetrievalEvent)
    assert events[0].passages == whole.passages


async def test_a_price_that_is_nowhere_is_not_in_the_documents() -> None:
    _, whole = await ask("滤网多少钱？", found(WARRANTY), None)
    assert (whole.answer, whole.answerable) == (PHRASES["zh"].not_found, False)

    _, whole = await ask("滤网多少钱？", found(WARRANTY, index=IndexState(pending=1)), None)
    assert whole.answer == PHRASES["zh"].still_reading.format(count=1)


async def test_a_model_that_says_nothing_leaves_no_empty_answer_where_no_extract_fits() -> None:
    _, whole = await ask("滤网多少钱？", found(WARRANTY), ScriptedChat(ends()))
    assert (whole.answer, whole.answerable) == (PHRASES["zh"].not_found, False)


async def test_two_documents_of_one_title_are_told_apart_by_their_names() -> None:
    other = passage("保修期为 3 年，自购买之日起计算。", title=WARRANTY.title, page=None, name="手册-旧.docx")

    _, whole = await ask("保修期多久？", found(WARRANTY, other), None)

    assert whole.sentences[0].text == PHRASES["zh"].extracts.format(place="《手册 (manual.pdf)》，第 7 页")
    assert whole.sentences[2].text == PHRASES["zh"].differs.format(place="《手册 (手册-旧.docx)》")


async def test_a_question_beyond_extracts_shows_its_passages_on_less_confidence() -> None:
    question = "比较一下保修期和滤网的规定"
    _, whole = await ask(question, found(WARRANTY, confidence=0.6 * ANSWERS.confidence_floor), None)
    assert "无法直接回答" in whole.sentences[0].text
    assert whole.citations

    _, whole = await ask(question, found(WARRANTY, confidence=0.4 * ANSWERS.confidence_floor), None)
    assert whole.answer == PHRASES["zh"].not_found

    chat = ScriptedChat(says("Lies."), ends())
    _, whole = await ask(question, found(WARRANTY, confidence=0.6 * ANSWERS.confidence_floor), chat)
    assert (whole.answer, chat.prompts) == (PHRASES["zh"].not_found, [])


async def test_what_extracts_cannot_do_is_said_with_the_passages() -> None:
    _, whole = await ask("请比较两种滤网的保修期", found(WARRANTY), None)

    assert "无法直接回答" in whole.sentences[0].text
    assert whole.citations


async def test_a_follow_up_is_asked_of_the_model_with_its_context() -> None:
    chat = ScriptedChat(says("Every 14 days [1]."), ends())
    history = (("user", "How do I clean the XJ-9000?"), ("assistant", "With water."))

    await ask("How often?", found(FILTER), chat, history=history, cache_salt="user-1")

    assert chat.prompts[0].endswith("Question: How do I clean the XJ-9000? How often?")
    assert chat.salts == ["user-1"]


async def test_without_a_salt_no_two_requests_share_a_cache() -> None:
    chat = ScriptedChat(says("Every 14 days [1]."), ends())
    for _ in range(2):
        await ask("How often?", found(FILTER), chat)

    assert len(set(chat.salts)) == 2


async def test_a_quote_on_the_second_page_of_a_passage_names_that_page() -> None:
    text = "Nothing here.\nThe fan runs at 900 rpm."
    spans = (Span(4, 100, 113), Span(5, 0, 24))
    both = passage(text, page=4, spans=spans)

    _, whole = await ask("fan?", found(both), ScriptedChat(says("The fan runs at 900 rpm [1]."), ends()))

    assert whole.citations[0].page == 5


async def test_no_more_passages_are_used_than_the_settings_say() -> None:
    settings = ANSWERS.model_copy(update={"passages": 1})
    chat = ScriptedChat(says("It is 2 [2]."), ends())

    events = [
        event
        async for event in answer(
            "Where?", found(FILTER, WARRANTY), chat=chat, settings=settings, chat_settings=chat_settings()
        )
    ]

    assert len(of_kind(events, RetrievalEvent)[0].passages) == 1
    assert of_kind(events, SentenceEvent)[0].citations == ()


async def test_lists_keep_their_lines() -> None:
    chat = ScriptedChat(*says_all("Do this [1]:\n- rinse every 14 days [1]\n- use water [1]\n"), ends())

    _, whole = await ask("How?", found(FILTER), chat)

    assert whole.answer == "Do this: [1]\n- rinse every 14 days [1]\n- use water [1]"
