"""Mutants of good files through the real reading processes; ``python -m tests.faults reading`` reads thousands."""

from collections import Counter
from random import Random

import pytest

from app.reading.pool import ReaderPool
from tests.faults.good_files import good_files
from tests.faults.mutants import measure, mutant
from tests.faults.mutations import MUTATIONS
from tests.faults.outcomes import bounded, judge, settle

SEED = 1
COUNT = 100
# Doors that a machine may leave open: it forbids namespaces, or its kernel lacks Landlock.
NEED_PRIVILEGE = {"own_network_namespace", "no_capabilities", "only_library_files", "few_system_calls"}


@pytest.fixture(scope="module")
def files():
    return good_files()


@pytest.fixture(scope="module")
def pool():
    with ReaderPool(bounded()) as opened:
        settle(opened)
        yield opened


def test_a_hundred_mutants_break_no_promise():
    result = measure(COUNT, SEED)

    assert result["breaches"] == []
    assert set(result["doors_open"]) <= NEED_PRIVILEGE
    assert sum(result["outcomes"].values()) == COUNT
    assert min(result["outcomes"][state] for state in ("read", "refused")) >= COUNT / 10
    assert all(reason.strip() for reason in result["reasons"])


def test_the_seed_alone_makes_a_mutant(files):
    made = [[mutant(number, SEED, some).content for number in range(60)] for some in (files, good_files())]
    others = [mutant(number, SEED + 1, files).content for number in range(60)]

    assert made[0] == made[1]
    assert sum(one == other for one, other in zip(made[0], others, strict=True)) < 5


def test_mutants_come_of_every_type_and_every_mutation_and_are_no_longer_the_good_file(files):
    made = [mutant(number, SEED, files) for number in range(20 * len(files))]
    unchanged = [one for one in made if one.content == one.file.content]

    assert {one.file.name for one in made} == {file.name for file in files}
    assert Counter(one.mutation for one in made).keys() == {*MUTATIONS, "splice"}
    assert len(unchanged) < len(made) / 20


def test_damage_inside_comes_past_the_container(files):
    by_name = {file.name: file.content for file in files}
    for mutation, name in (("in_zip", "letter.docx"), ("in_pdf", "text.pdf"), ("in_mail", "letter.eml")):
        inside = MUTATIONS[mutation]

        assert inside(by_name[name], Random(1)) not in (None, by_name[name])
        assert inside(b"no container", Random(1)) is None


@pytest.mark.parametrize("file", good_files(), ids=lambda file: file.name)
def test_what_is_mutated_was_good(pool, file):
    outcome = judge(pool, file.content, file.name, 5.0, password=file.password)

    assert outcome.breaches == []
    assert outcome.state == "read"
