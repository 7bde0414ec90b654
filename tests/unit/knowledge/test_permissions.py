"""Permits: one document and a mask over thousands of rows decide alike."""

from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.permissions import BASE_SLOT, Permit, slot_of

RULES = st.frozensets(st.integers(1, 40))


def test_slots_leave_room_for_removed_rows():
    assert slot_of(None) == BASE_SLOT == 1
    assert slot_of(1) == 2


def test_the_holder_of_the_key_reads_everything():
    permit = Permit(1, everything=True, knowledge_base_ids=frozenset())

    assert permit.mask() is None
    assert permit.reads("any", 7)


def test_a_stranger_reads_nothing():
    permit = Permit(1, everything=False, knowledge_base_ids=frozenset())

    assert not permit.reads("b1", None)
    assert not permit.reads("b1", 1)


def test_a_rule_alone_opens_no_base():
    permit = Permit(1, everything=False, knowledge_base_ids=frozenset(["b1"]), rule_numbers=frozenset([3]))

    assert permit.reads("b1", 3)
    assert not permit.reads("b2", 3)
    assert not permit.reads("b1", 4)


@given(RULES, st.one_of(st.none(), st.integers(1, 60)))
def test_mask_and_permit_agree_within_a_base(rules, rule):
    permit = Permit(1, everything=False, knowledge_base_ids=frozenset(["b1"]), rule_numbers=rules)
    mask = permit.mask()
    slot = slot_of(rule)

    assert permit.reads("b1", rule) == (slot < len(mask) and bool(mask[slot]))


@given(RULES)
def test_nobody_reads_a_removed_row(rules):
    mask = Permit(1, everything=False, knowledge_base_ids=frozenset(["b1"]), rule_numbers=rules).mask()

    assert not mask[0]
