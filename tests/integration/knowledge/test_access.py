"""Who sees what: inside the search, from the next query on, against a brute-force oracle."""

import random

import pytest

from app.errors import NotFound
from app.knowledge.bases import list_bases
from app.knowledge.documents import list_documents, read_chunk, read_document
from app.knowledge.passage import Asker
from app.knowledge.search import Question
from app.knowledge.writing import NewVersion
from tests.integration.knowledge.world import new_version


@pytest.fixture
def people(world):
    """A base that ann and bob read; a document of it for bob alone."""
    ann, bob = world.user("ann"), world.user("bob")
    world.user("cid")
    base = world.base(readers=("user:ann", "user:bob"))
    world.put(base, "open.md", "okapi for all")
    world.put(base, "secret.md", "okapi for bob", readers=("user:bob",))
    world.fill()
    world.open()
    return world, ann, bob


def seen(world, asker, question="okapi"):
    by_mode = [sorted(world.texts(question, asker, mode=mode)) for mode in ("words", "vectors", "hybrid")]
    assert by_mode[0] == by_mode[1] == by_mode[2]
    return by_mode[0]


def test_a_rule_holds_in_every_way_to_a_document(people):
    world, ann, bob = people
    (secret,) = [p for p in world.find("okapi for bob").passages if p.external_id == "secret.md"]

    assert seen(world, world.asker(bob)) == ["okapi for all", "okapi for bob"]
    assert seen(world, world.asker(ann)) == ["okapi for all"]
    assert world.texts("okapi", world.asker(ann), documents=[secret.document_id]) == []
    with world.store.catalogue.read() as connection:
        for user, may in ((bob, True), (ann, False)):
            permit = world.searcher.permit(connection, world.asker(user))
            listed, cursor = list_documents(connection, permit)
            assert (sorted(d.external_id for d in listed), cursor) == (["open.md", "secret.md"][: 1 + may], None)
            assert list_bases(connection, permit)[0].documents == 1 + may
            if may:
                assert read_document(connection, permit, secret.document_id).external_id == "secret.md"
                assert read_chunk(world.store, connection, permit, secret.chunk_id).text == "okapi for bob"
            else:
                for read in (
                    lambda permit=permit: read_document(connection, permit, secret.document_id),
                    lambda permit=permit: read_chunk(world.store, connection, permit, secret.chunk_id),
                ):
                    with pytest.raises(NotFound):
                        read()


def test_counts_do_not_tell_of_what_may_not_be_seen(people):
    world, ann, bob = people

    assert world.find("okapi", world.asker(ann)).index.ready == 1
    assert world.find("okapi", world.asker(bob)).index.ready == 2


def test_a_stranger_sees_nothing_and_learns_of_no_base(people):
    world, _, _ = people
    for asker in (Asker("nobody"), Asker(None), Asker(None, frozenset(["nobody"]))):
        found = world.find("okapi", asker)
        assert (found.passages, found.confidence) == ((), 0.0)
        assert found.index == type(found.index)()
        messages = set()
        for base in ("default", "missing"):
            with pytest.raises(NotFound) as caught:
                world.find("okapi", asker, base=base)
            messages.add(str(caught.value).replace(base, "X"))
        assert len(messages) == 1


def test_a_revoked_grant_holds_for_the_next_search(people):
    world, ann, _ = people
    assert seen(world, world.asker(ann)) == ["okapi for all"]
    world.revoke("default", "user:ann")

    assert seen(world, world.asker(ann)) == []
    world.grant("default", "user:ann")
    assert seen(world, world.asker(ann)) == ["okapi for all"]


def test_a_rule_that_is_tightened_holds_for_the_next_search(people):
    world, ann, bob = people
    document = world.find("okapi for all").passages[0].document_id
    world.set_readers(document, ("user:bob",))

    assert seen(world, world.asker(ann)) == []  # the follower has not passed
    world.follow()
    assert seen(world, world.asker(ann)) == []
    assert seen(world, world.asker(bob)) == ["okapi for all", "okapi for bob"]
    world.set_readers(document, None)
    world.follow()
    assert seen(world, world.asker(ann)) == ["okapi for all"]


def test_a_rule_survives_a_new_version(people):
    world, ann, bob = people
    (document,) = {p.document_id for p in world.find("okapi for bob").passages if p.external_id == "secret.md"}
    world.replace(document, "okapi still for bob")
    world.fill()
    world.follow()

    assert seen(world, world.asker(ann)) == ["okapi for all"]
    assert "okapi still for bob" in seen(world, world.asker(bob))


def test_a_rule_opens_no_base(people):
    world, _, _ = people
    (cid,) = world.rows("SELECT user_id FROM users WHERE name = 'cid'")[0]
    document = world.find("okapi for all").passages[0].document_id
    world.set_readers(document, ("user:cid",))
    world.follow()

    assert seen(world, world.asker(cid)) == []


def test_membership_of_a_group_counts_while_it_lasts(people):
    world, ann, bob = people
    world.group("ward")
    document = world.find("okapi for bob").passages[0].document_id
    world.set_readers(document, ("group:ward",))
    world.follow()
    assert "okapi for bob" not in seen(world, world.asker(bob))
    world.member("ward", "ann")

    assert "okapi for bob" in seen(world, world.asker(ann))
    world.member("ward", "ann", member=False)
    assert "okapi for bob" not in seen(world, world.asker(ann))


def test_a_hidden_majority_does_not_crowd_out_what_may_be_seen(world):
    """More rules than a query filters by: what may be read is found, however much better the rest matches."""
    ann = world.user("ann")
    world.user("bob")
    base = world.base(readers=("user:ann", "user:bob"))
    for number in range(210):
        world.group(f"g{number}")
    rules = [("user:ann", f"group:g{number}") for number in range(210)]
    for number, readers in enumerate(rules):
        world.put(base, f"ann{number}.md", f"plain text number{number}", readers=readers)
    world.put(base, "wanted.md", "a long text in which the word okapi stands once among many other words",
              readers=("user:ann",))  # fmt: skip
    hidden = world.document(base, "hidden.md", readers=("user:bob",))
    world.writer.write([new_version(hidden, ["okapi okapi okapi"] * 900)])
    world.open()

    assert world.texts("okapi", world.asker(ann), mode="words") == [
        "a long text in which the word okapi stands once among many other words"
    ]


WORDS = ["okapi", "pump", "valve", "dose", "泵", "阀门", "leave", "zebra"]


class Oracle:
    """Random people, bases, rules and documents, kept beside the store as plain sets."""

    def __init__(self, world):
        self.world, self.chance = world, random.Random(7)
        for number in range(5):
            world.group(f"g{number}")
        self.users = [world.user(f"u{number}") for number in range(12)]
        self.groups = {user: {one for one in range(5) if self.chance.random() < 0.3} for user in range(12)}
        for user, groups in self.groups.items():
            for group in groups:
                world.member(f"g{group}", f"u{user}")
        self.readers = {number: self.some_readers(0.25) for number in range(4)}
        self.rule, self.base, self.texts = {}, {}, {}
        for number, readers in self.readers.items():
            base = world.base(f"b{number}", readers=readers)
            for at in range(40):
                self.add(base, number, at)
        self.vectors = {word: world.embedder.embed_queries([word])[0] for word in WORDS}

    def some_readers(self, share):
        everybody = [f"user:u{number}" for number in range(12)] + [f"group:g{number}" for number in range(5)]
        return tuple(one for one in everybody if self.chance.random() < share)

    def some_rule(self):
        return None if self.chance.random() < 0.4 else self.some_readers(0.2)

    def add(self, base, number, at):
        rule = self.some_rule()
        paragraphs = [" ".join(self.chance.choices(WORDS, k=5)) + f" p{number}x{at}x{part}" for part in range(2)]
        document = self.world.put(base, f"{at}.md", *paragraphs, readers=rule)
        self.rule[document], self.base[document], self.texts[document] = rule, number, paragraphs

    def may(self, user, readers):
        return f"user:u{user}" in readers or any(f"group:g{group}" in readers for group in self.groups[user])

    def permitted(self, user, document):
        rule = self.rule[document]
        return self.may(user, self.readers[self.base[document]]) and (rule is None or self.may(user, rule))

    def ask(self, mode, limit):
        """Search with a random word as a random user; return (user, word, found)."""
        user, word = self.chance.randrange(12), self.chance.choice(WORDS)
        asked = Question(word, self.vectors[word], limit, None, (), mode)
        found = self.world.searcher.search(self.world.asker(self.users[user]), asked)
        assert all(self.permitted(user, passage.document_id) for passage in found.passages)
        assert all(passage.text in self.texts[passage.document_id] for passage in found.passages)
        return user, word, found

    def check(self, pairs):
        """Ask so many pairs: nothing forbidden is shown, and all that is permitted is found; return passages shown."""
        shown = 0
        for _ in range(pairs):
            mode, limit = self.chance.choice(["words", "vectors", "hybrid"]), self.chance.choice([1, 5, 50])
            user, word, found = self.ask(mode, limit)
            allowed = [document for document in self.texts if self.permitted(user, document)]
            assert found.index.ready == len(allowed)
            if mode == "words":
                matching = sum(word in text.split() for document in allowed for text in self.texts[document])
                assert len(found.passages) == min(limit, matching)
            if mode == "vectors":
                assert len(found.passages) == min(limit, 2 * len(allowed))
            shown += len(found.passages)
        return shown

    def change(self):
        """Give 40 documents another rule and take half of each base's readers away."""
        for document in self.chance.sample(sorted(self.texts), 40):
            self.rule[document] = self.some_rule()
            self.world.set_readers(document, self.rule[document])
        for number, readers in self.readers.items():
            self.readers[number] = readers[::2]
            self.world.revoke(f"b{number}", *readers[1::2])


def test_no_search_shows_what_the_oracle_forbids(world):
    """2,000 pairs of question and asker, before, right after and long after access was changed."""
    oracle = Oracle(world)
    world.fill()
    world.open(chroma_from_rows=50)
    world.follow()

    assert oracle.check(1_400) > 1_000
    oracle.change()
    for _ in range(100):  # the follower is behind: what was taken away is gone already
        oracle.ask("hybrid", 50)
    world.follow()
    assert oracle.check(500) > 300


def test_new_versions_carry_no_rule_of_their_own():
    assert "rule_number" not in NewVersion.__slots__
