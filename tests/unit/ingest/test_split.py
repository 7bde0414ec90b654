import re

from hypothesis import given, settings
from hypothesis import strategies as st

from app.reading.block import Block
from ingest.layout import lay_out
from ingest.split import split

calls = []


def count_tokens(texts):
    calls.append(len(texts))
    return [len(re.findall(r"[\u3400-\u9fff]|\w+|[^\w\s]", text)) for text in texts]


def chunks_of(blocks, chunk_tokens=40, overlap_tokens=0):
    pages, placed = lay_out(blocks)
    drafts = split(placed, pages, count_tokens=count_tokens, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
    texts = {page.page: page.text for page in pages}
    return drafts, ["\n".join(texts[s.page][s.start : s.end] for s in draft.spans) for draft in drafts]


def paragraph(text, page=0):
    return Block("paragraph", text, page)


def heading(text, level=1, page=0):
    return Block("heading", text, page, level)


def test_spans_point_into_the_text_of_their_page():
    pages, placed = lay_out([paragraph("甲𠀀", 1), paragraph("乙", 1), paragraph("丙", 2)])

    assert [(page.page, page.text) for page in pages] == [(1, "甲𠀀\n\n乙"), (2, "丙")]
    assert [(p.span.page, p.span.start, p.span.end) for p in placed] == [(1, 0, 2), (1, 4, 5), (2, 0, 1)]


def test_a_section_is_one_chunk_that_begins_with_its_heading_and_knows_its_path():
    drafts, texts = chunks_of([heading("手册"), heading("年假", 2), paragraph("每年十天。"), paragraph("可以分开。")])

    assert texts == ["手册\n\n年假\n\n每年十天。\n\n可以分开。"]
    assert (drafts[0].heading, drafts[0].kind, drafts[0].ordinal) == ("手册 > 年假", "text", 0)


def test_a_heading_without_a_body_is_a_chunk_of_its_own():
    drafts, texts = chunks_of([heading("甲", 2), heading("乙", 2), paragraph("文。"), heading("丙", 2)])

    assert texts == ["甲", "乙\n\n文。", "丙"]
    assert [draft.heading for draft in drafts] == ["甲", "乙", "丙"]


def test_a_heading_at_the_end_of_a_page_stays_there():
    drafts, texts = chunks_of([heading("甲", page=1), paragraph("文。", 2)])

    assert texts == ["甲", "文。"]
    assert [draft.heading for draft in drafts] == ["甲", "甲"]


def test_a_long_paragraph_is_cut_between_sentences_and_repeats_whole_ones():
    sentences = [f"这是第{number}句话，说一件事。" for number in range(10)]

    _, texts = chunks_of([paragraph("".join(sentences))], overlap_tokens=14)

    assert len(texts) > 1
    assert all(text.endswith("。") and text.startswith("这是第") for text in texts)
    last = [text[text.rstrip("。").rfind("。") + 1 :] for text in texts]
    assert all(after.startswith(sentence) for sentence, after in zip(last[:-1], texts[1:], strict=True))


def test_a_sentence_without_end_is_cut_at_commas_and_then_anywhere():
    drafts, texts = chunks_of([paragraph("一二三四五，" * 20 + "字" * 200)])

    assert all(draft.tokens <= 40 for draft in drafts)
    assert texts[0].endswith("，")


def test_a_table_is_a_chunk_of_its_own_and_its_header_repeats_where_it_is_cut():
    table = "| 项目 | 天数 |\n| --- | --- |\n" + "\n".join(f"| 假期{number} | {number} |" for number in range(12))

    drafts, texts = chunks_of([paragraph("如下表所示，共有十二种假期。"), Block("table", table)], chunk_tokens=60)

    tables = [text for draft, text in zip(drafts, texts, strict=True) if draft.kind == "table"]
    assert len(tables) > 1
    assert all(text.startswith("| 项目 | 天数 |\n| --- | --- |\n| 假期") for text in tables)
    assert all(len(draft.spans) == 2 for draft in drafts[2:])


def test_a_list_stays_whole_with_its_lead_in():
    drafts, texts = chunks_of([paragraph("步骤如下："), Block("list", "- 打开盖子\n- 按下按键\n- 合上盖子")])

    assert texts == ["步骤如下：\n\n- 打开盖子\n- 按下按键\n- 合上盖子"]
    assert drafts[0].kind == "list"


def test_tokens_are_counted_in_a_few_calls():
    calls.clear()

    chunks_of([heading(f"第{n}节") if n % 9 == 0 else paragraph("一句话。" * 40 + "字" * 99) for n in range(200)])

    assert len(calls) <= 3


BLOCKS = st.lists(
    st.builds(
        lambda kind, text, page, level: Block(kind, text, page, level if kind == "heading" else 0),
        st.sampled_from(["heading", "paragraph", "paragraph", "table", "list"]),
        st.text(alphabet="ab c。，. \n甲乙|-1", min_size=1, max_size=120).filter(str.strip),
        st.integers(1, 3),
        st.integers(1, 3),
    ),
    max_size=12,
).map(lambda blocks: sorted(blocks, key=lambda block: block.page))


@settings(max_examples=300, deadline=None)
@given(BLOCKS, st.integers(8, 60), st.integers(0, 20))
def test_chunks_cover_all_text_within_the_limit_in_order_and_on_one_page(blocks, chunk_tokens, overlap_tokens):
    pages, _ = lay_out(blocks)
    drafts, texts = chunks_of(blocks, chunk_tokens, overlap_tokens)
    lengths = {page.page: page.text for page in pages}

    covered = {(s.page, place) for draft in drafts for s in draft.spans for place in range(s.start, s.end)}
    visible = {(page.page, place) for page in pages for place, letter in enumerate(page.text) if not letter.isspace()}
    assert visible <= covered
    assert [draft.ordinal for draft in drafts] == list(range(len(drafts)))
    for draft, text in zip(drafts, texts, strict=True):
        assert draft.tokens <= chunk_tokens
        assert text.strip()
        assert len({s.page for s in draft.spans}) == 1
        assert all(s.end <= len(lengths[s.page]) for s in draft.spans)
    ends = [(draft.spans[-1].page, draft.spans[-1].end) for draft in drafts]
    assert ends == sorted(set(ends))
