"""The chunks around a passage: in order, of the same version, and only for whoever may still read it."""

import pytest

from app.knowledge.neighbours import REACH, read_around
from app.knowledge.passage import Asker

STEPS = [f"step {number} of the okapi ritual" for number in range(9)]


@pytest.fixture
def served(world):
    ann, bob = world.user("ann"), world.user("bob")
    base = world.base(readers=("user:ann", "user:bob"))
    document_id = world.put(base, "ritual.md", *STEPS, title="Ritual")
    world.put(base, "other.md", "nothing of the kind")
    world.fill()
    world.open()
    return world, document_id, ann, bob


def around(world, asker, passages):
    with world.store.catalogue.read() as connection:
        permit = world.searcher.permit(connection, asker)
        return read_around(world.store, connection, permit, passages)


def one(world, text):
    (passage,) = [passage for passage in world.find(text).passages if passage.text == text]
    return passage


def test_neighbours_come_in_reading_order_with_the_passage_in_its_place(served):
    world, document_id, _, _ = served
    passage = one(world, STEPS[4])
    chunks = around(world, Asker(None, reads_everything=True), [passage])[passage.chunk_id]

    assert [chunk.text for chunk in chunks] == STEPS[4 - REACH : 5 + REACH]
    assert chunks[REACH] is passage
    assert {chunk.document_id for chunk in chunks} == {document_id}
    assert {chunk.title for chunk in chunks} == {"Ritual"}


def test_at_the_ends_of_a_document_there_are_fewer(served):
    world, _, _, _ = served
    first, last = one(world, STEPS[0]), one(world, STEPS[-1])
    found = around(world, Asker(None, reads_everything=True), [first, last])

    assert [chunk.text for chunk in found[first.chunk_id]] == STEPS[: 1 + REACH]
    assert [chunk.text for chunk in found[last.chunk_id]] == STEPS[-1 - REACH :]


def test_passages_that_stand_beside_each_other_share_their_neighbours(served):
    world, _, _, _ = served
    third, fourth = one(world, STEPS[3]), one(world, STEPS[4])
    found = around(world, Asker(None, reads_everything=True), [third, fourth])

    assert found[third.chunk_id][REACH + 1] is fourth
    assert found[fourth.chunk_id][REACH - 1] is third


def test_a_permission_that_is_taken_away_meanwhile_holds(served):
    world, document_id, ann, bob = served
    passage = one(world, STEPS[4])
    assert passage.chunk_id in around(world, world.asker(ann), [passage])
    world.set_readers(document_id, ("user:bob",))

    assert around(world, world.asker(ann), [passage]) == {}
    assert passage.chunk_id in around(world, world.asker(bob), [passage])
    assert around(world, Asker("nobody"), [passage]) == {}


def test_a_document_that_is_deleted_meanwhile_has_no_neighbours(served):
    world, document_id, _, _ = served
    passage = one(world, STEPS[4])
    world.delete(document_id)

    assert around(world, Asker(None, reads_everything=True), [passage]) == {}


def test_neighbours_are_of_the_passages_own_version(served):
    world, document_id, _, _ = served
    passage = one(world, STEPS[4])
    world.replace(document_id, *(f"new {step}" for step in STEPS), title="Ritual")
    chunks = around(world, Asker(None, reads_everything=True), [passage])[passage.chunk_id]

    assert [chunk.text for chunk in chunks] == STEPS[4 - REACH : 5 + REACH]


def test_without_passages_nothing_is_read(served):
    world, _, _, _ = served
    assert around(world, Asker(None, reads_everything=True), []) == {}
