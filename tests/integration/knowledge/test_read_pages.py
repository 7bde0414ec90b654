"""What was read of a page: chunks and margins beside its text, by version, for whoever may read the document."""

import pytest

from app.errors import NotFound, UsageError
from app.knowledge.documents import read_chunk
from app.knowledge.neighbours import read_around
from app.knowledge.page_texts import Asked, read_page_text
from app.knowledge.passage import Asker, Span
from app.knowledge.writing import NewChunk, NewVersion
from tests.integration.knowledge.world import LOCAL

PARAGRAPHS = [f"paragraph {number} of the okapi book, 长颈鹿科 🦒" for number in range(200)]


def version(document_id, texts, chunks, *, pages=0, title="Book"):
    """A version of these page texts with chunks given as (kind, heading, (page, words), ...)."""
    made = []
    for kind, heading, *parts in chunks:
        spans = tuple(Span(page, start := dict(texts)[page].index(words), start + len(words)) for page, words in parts)
        made.append(NewChunk(kind, heading, spans, 7, heading + "".join(words for _, words in parts)))
    return NewVersion(
        document_id, title, "application/pdf" if pages else "text/plain", "en", pages, tuple(texts), tuple(made),
        repr(texts).encode(), "test/1", "test/1",
    )  # fmt: skip


@pytest.fixture
def house(world):
    base = world.base(readers=("user:ann",)) if world.user("ann") else None
    return world, base


def read(world, document_id, page, asker=LOCAL, *, limit=20_000, start=None, chunk_id=None):
    with world.store.catalogue.read() as connection:
        permit = world.searcher.permit(connection, asker)
        return read_page_text(world.store, connection, permit, document_id, Asked(page, limit, start, chunk_id))


def words(found, chunk):
    return [found.text[start:end] for start, end in chunk.spans]


def test_a_page_shows_its_chunks_and_what_is_in_none(house):
    world, base = house
    document_id = world.document(base, "book.pdf")
    texts = [(1, "Ward 7\n\nCover"), (2, "Ward 7\n\n剂量\n\nTen ml. Twice.\n\n2")]
    world.writer.write([
        version(
            document_id, texts,
            [
                ("text", "Cover", (1, "Cover")), ("text", "剂量", (2, "剂量\n\nTen ml.")),
                ("list", "剂量", (2, "Ten ml. Twice.")),
            ],
            pages=3,
        )
    ])  # fmt: skip
    world.open()

    found = read(world, document_id, 2)

    assert found.text == texts[1][1]
    assert (found.page, found.pages, found.length, found.start, found.next_start) == (2, 3, len(found.text), 0, None)
    assert (found.version, found.superseded_at, found.recognised, found.beside_pages) == (1, None, None, False)
    assert [(one.ordinal, one.kind, one.heading, one.tokens, one.cut) for one in found.chunks] == [
        (1, "text", "剂量", 7, False), (2, "list", "剂量", 7, False)
    ]  # fmt: skip
    assert [words(found, one) for one in found.chunks] == [["剂量\n\nTen ml."], ["Ten ml. Twice."]]
    assert [found.text[start:end] for start, end in found.margins] == ["Ward 7", "2"]
    empty = read(world, document_id, 3)
    assert (empty.text, empty.chunks, empty.margins, empty.length) == ("", (), (), 0)


def test_a_book_without_pages_is_given_in_stretches_of_whole_chunks(house):
    world, base = house
    document_id = world.put(base, "book.txt", *PARAGRAPHS)
    world.open()

    stretches, start = [], 0
    while start is not None:
        found = read(world, document_id, 0, start=start, limit=1_000)
        assert len(found.text) <= 1_000
        assert all(words(found, one)[0].startswith("paragraph") for one in found.chunks)
        stretches.append(found)
        start = found.next_start

    assert "".join(one.text for one in stretches) == "\n\n".join(PARAGRAPHS)
    assert [chunk.ordinal for one in stretches for chunk in one.chunks] == list(range(200))
    assert all(not one.margins for one in stretches)
    backwards, at = [], stretches[-1].start
    while at is not None:
        backwards.append(at)
        at = read(world, document_id, 0, start=at, limit=1_000).previous_start
    assert backwards[::-1] == [one.start for one in stretches]


def test_a_cited_passage_is_found_in_its_stretch(house):
    world, base = house
    document_id = world.put(base, "book.txt", *PARAGRAPHS)
    world.fill()
    world.open()
    chunk_id = next(one for one in world.find("paragraph 120").passages if one.text == PARAGRAPHS[120]).chunk_id

    found = read(world, document_id, 0, chunk_id=chunk_id, limit=1_000)

    assert found.start > 0
    (cited,) = [one for one in found.chunks if one.chunk_id == chunk_id]
    assert words(found, cited) == [PARAGRAPHS[120]]


def test_what_a_chunk_repeats_from_before_its_stretch_is_left_out_and_said(house):
    world, base = house
    document_id = world.document(base, "table.csv")
    text = "| head |\n| row one |\n| row two |"
    world.writer.write([
        version(
            document_id, [(0, text)],
            [("table", "", (0, "| head |\n| row one |")), ("table", "", (0, "| head |"), (0, "| row two |"))],
        )
    ])  # fmt: skip
    world.open()

    first = read(world, document_id, 0, limit=22)
    second = read(world, document_id, 0, limit=22, start=first.next_start)

    assert [(words(first, one), one.cut) for one in first.chunks] == [(["| head |\n| row one |"], False)]
    assert [(words(second, one), one.cut) for one in second.chunks] == [(["| row two |"], True)]
    whole = read(world, document_id, 0)
    assert words(whole, whole.chunks[1]) == ["| head |", "| row two |"]
    assert whole.margins == ()


def test_attached_files_stand_beside_the_pages(house):
    world, base = house
    document_id = world.document(base, "mail.pdf")
    texts = [(1, "Cover"), (0, "list.csv\n\nPump 3")]
    chunks = [("text", "", (1, "Cover")), ("text", "list.csv", (0, "list.csv\n\nPump 3"))]
    world.writer.write([version(document_id, texts, chunks, pages=1)])
    world.open()

    assert read(world, document_id, 1).beside_pages
    assert read(world, document_id, 0).text == texts[1][1]


def test_how_sure_a_recognition_is_goes_with_page_hit_citation_and_neighbour(house):
    world, base = house
    document_id = world.put(base, "scan.pdf", "okapi ward", "zebra ward", page=1)
    with world.store.catalogue.transaction("test") as transaction:
        number = transaction.execute("SELECT version_number FROM versions").fetchone()[0]
        transaction.execute("INSERT INTO layouts VALUES (?, 1, 0.93, '[]')", (number,))
    other = world.put(base, "typed.pdf", "okapi typed", page=1)
    with world.store.catalogue.transaction("test") as transaction:
        number = transaction.execute("SELECT max(version_number) FROM versions").fetchone()[0]
        transaction.execute("INSERT INTO layouts VALUES (?, 1, NULL, '[]')", (number,))  # a table's boxes
    world.open()

    passages = world.find("okapi").passages
    by_document = {one.document_id: one for one in passages}
    assert by_document[document_id].recognised == 0.93
    assert by_document[other].recognised is None
    assert read(world, document_id, 1).recognised == 0.93
    assert read(world, other, 1).recognised is None
    with world.store.catalogue.read() as connection:
        permit = world.searcher.permit(connection, LOCAL)
        chunk_id = by_document[document_id].chunk_id
        assert read_chunk(world.store, connection, permit, chunk_id).recognised == 0.93
        around = read_around(world.store, connection, permit, [by_document[document_id]])[chunk_id]
    assert [(one.text, one.recognised) for one in around] == [("okapi ward", 0.93), ("zebra ward", 0.93)]


def test_a_citation_of_a_replaced_version_shows_that_version(house):
    world, base = house
    document_id = world.put(base, "rules.md", "okapi old rule")
    world.fill()
    world.open()
    old = world.find("okapi").passages[0]
    world.replace(document_id, "okapi new rule")

    cited = read(world, document_id, 0, chunk_id=old.chunk_id)

    assert (cited.text, cited.version, cited.superseded_at is None) == ("okapi old rule", 1, False)
    now = read(world, document_id, 0)
    assert (now.text, now.version, now.superseded_at) == ("okapi new rule", 2, None)


def test_what_may_not_be_read_is_as_if_it_were_not_there(house):
    world, base = house
    world.user("bob")
    secret = world.put(base, "secret.md", "okapi budget", readers=("user:ann",))
    other = world.put(base, "open.md", "okapi for all")
    world.fill()
    world.open()
    chunk_id = next(one for one in world.find("budget").passages if one.document_id == secret).chunk_id
    world.grant("default", "user:bob")
    with world.store.catalogue.read() as connection:
        bob = world.asker(connection.execute("SELECT user_id FROM users WHERE name = 'bob'").fetchone()[0])

    for asker, document_id in ((bob, secret), (bob, "0" * 24), (Asker("nobody"), other)):
        for asked in ({}, {"chunk_id": chunk_id}, {"start": 5}):
            with pytest.raises(NotFound, match=r"^no such document$"):
                read(world, document_id, 0, asker, **asked)
    with pytest.raises(NotFound, match=r"^no such passage$"):
        read(world, other, 0, bob, chunk_id=chunk_id)  # it exists, in a document that bob may not see
    with pytest.raises(NotFound, match=r"^no such passage$"):
        read(world, other, 0, bob, chunk_id="f" * 32)
    assert read(world, other, 0, bob).text == "okapi for all"


@pytest.mark.parametrize("page", [-1, 1, 2**70])
def test_a_page_that_is_not_there_is_not_found(house, page):
    world, base = house
    document_id = world.put(base, "notes.md", "okapi")
    world.open()

    with pytest.raises(NotFound, match="no such page"):
        read(world, document_id, page)


def test_a_start_beyond_the_text_is_said(house):
    world, base = house
    document_id = world.put(base, "notes.md", "okapi")
    pending = world.document(base, "pending.md")
    world.open()

    with pytest.raises(UsageError, match="5 characters"):
        read(world, document_id, 0, start=5)
    with pytest.raises(NotFound, match="no content yet"):
        read(world, pending, 0)
