import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotFound
from app.vault.keys import OpaqueIds, Purpose, derive, derive_slot_key, keyed_hash, new_key, same

ROOT = bytes(range(32))
# Of the root key 00 01 .. 1f. A change here would lock every store that exists.
DERIVED = {
    "CATALOGUE": "d94b37b18dcf88929df87d6030fbb61a57e58b9bba529871e9e7eb3fcb4d2510",
    "JOURNAL": "7ac7c412f0d8574e2852f22124b420ec296b78d3fd3f25a7649bff5200c4c4de",
    "MANIFEST": "d446453e24984931686b687d5d06c33a3f498611d45141be946832d301adcaa5",
    "API_KEYS": "0414f54d4e061e00458ac5dc69b883ef81c51b5b8d37872c093dc3a8c50d57e3",
    "SESSIONS": "94107b3785c068c756fc08c3c693c9e10c1ed9e1a1cde946fe242e9cb3970ca5",
    "AUDIT_QUERIES": "6d0bcfcd5f2fbc5ec3a98b51d524531c1d23e51dbdd50dc0d52d0ef896bd83e7",
    "CHUNK_IDS": "2358838a4bbf46b54c71b04393681a25c79961d9c9167dc84b3a9130e19f0568",
    "CONTENT": "fdb3456eeb101c4a12f8dd2d1cc83d900f41299300ef1d1b52b9af9805949337",
}
SHOWN = {  # under the same key
    1: "f05d76ae4ab99fe5a6f69b3148c2363d",
    2: "0ebcb5deb52c83bd08a8a935182c9199",
    2**63 - 1: "3444325ce4e85b80787d99c8d3db6245",
}


def test_each_purpose_has_a_key_of_its_own():
    keys = [derive(ROOT, purpose) for purpose in Purpose]

    assert len(set(keys)) == len(Purpose)
    assert ROOT not in keys
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_key_never_changes(name):
    assert derive(ROOT, Purpose[name]).hex() == DERIVED[name]


def test_another_root_key_derives_other_keys():
    assert derive(ROOT, Purpose.CATALOGUE) != derive(bytes(32), Purpose.CATALOGUE)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_root_key_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match=f"not {size}"):
        derive(bytes(size), Purpose.CATALOGUE)


def test_the_key_of_a_slot_depends_on_its_secret_and_kind_and_is_no_derived_key_of_the_store():
    kinds = {derive_slot_key(ROOT, kind) for kind in ("recovery key", *Purpose)}

    assert len(kinds) == 1 + len(Purpose)
    assert kinds.isdisjoint({ROOT, *(derive(ROOT, purpose) for purpose in Purpose)})
    assert derive_slot_key(bytes(32), "recovery key") not in kinds


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_slot_secret_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match=f"not {size}"):
        derive_slot_key(bytes(size), "recovery key")


def test_new_keys_are_32_bytes_and_never_alike():
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}


def test_a_keyed_hash_recognises_what_is_equal_under_one_key_only():
    assert same(keyed_hash(ROOT, b"text"), keyed_hash(ROOT, b"text"))
    assert not same(keyed_hash(ROOT, b"text"), keyed_hash(ROOT, b"texts"))
    assert not same(keyed_hash(ROOT, b"text"), keyed_hash(bytes(32), b"text"))


@given(number=st.integers(1, 2**63 - 1))
def test_the_number_behind_an_id_comes_back(number):
    ids = OpaqueIds(ROOT)

    shown = ids.show(number)

    assert len(shown) == 32
    assert ids.number(shown) == number


@pytest.mark.parametrize("number", SHOWN)
def test_an_id_that_was_shown_once_stays_valid(number):
    assert OpaqueIds(ROOT).show(number) == SHOWN[number]
    assert OpaqueIds(ROOT).number(SHOWN[number]) == number


def test_neighbouring_ids_have_nothing_in_common():
    ids = OpaqueIds(ROOT)
    shown = [ids.show(number) for number in range(1, 200)]

    assert len({one[:8] for one in shown}) == len(shown)
    assert shown != sorted(shown)


def test_an_id_of_another_store_is_not_found():
    ids, of_another_store = OpaqueIds(ROOT), OpaqueIds(bytes(32))

    for number in range(1, 100):
        with pytest.raises(NotFound):
            ids.number(of_another_store.show(number))


@given(forged=st.binary(min_size=16, max_size=16))
def test_a_forged_id_is_not_found(forged):
    with pytest.raises(NotFound):
        OpaqueIds(ROOT).number(forged.hex())


@pytest.mark.parametrize(
    "shown",
    ["", "1", "no hex", "zz" * 16, SHOWN[1][:-1], SHOWN[1][:-2], SHOWN[1] + "00", SHOWN[1] * 2, "\0" * 32, "知识" * 16],
)
def test_what_is_no_id_at_all_is_not_found(shown):
    with pytest.raises(NotFound):
        OpaqueIds(ROOT).number(shown)


@pytest.mark.parametrize("number", [0, 2**63, 2**64, 2**127])
def test_a_block_that_holds_no_row_number_is_not_found(number):
    ids = OpaqueIds(ROOT)

    with pytest.raises(NotFound):
        ids.number(ids.show(number))
