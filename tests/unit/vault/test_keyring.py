import json
import os
import shutil
from pathlib import Path

import pytest

import app.vault
from app.errors import KeyUnavailable, SealBroken, StoreDamaged, StoreFull, StoreMissing
from app.vault.key_file import read_key_file
from app.vault.keyring import (
    Slot,
    confirm,
    create_keyring,
    open_keyring,
    open_with_recovery_key,
    read_keyring,
    replace_key_file,
    replace_recovery_key,
    unwrap,
    wrap,
    write_keyring,
)
from app.vault.keys import new_key
from app.vault.recovery_key import RecoveryKey, mark_of

STORE_ID = "0123456789abcdef"
OTHER_STORE_ID = "fedcba9876543210"
ROOT = bytes(range(32))
WRAPPING = bytes(range(0x40, 0x60))
# Format 1: the root key 00 01 .. 1f under the key 40 41 .. 5f. It must open for ever.
OLD_KEYRING = {
    "format": 1,
    "store_id": STORE_ID,
    "slots": [
        {
            "slot_id": "00112233aabbccdd",
            "kind": "key file",
            "nonce": "000102030405060708090a0b",
            "wrapped": "3a046e7b738942a7ca1b8ac9b4e0c2b493d53f1a7859bb44f639f28d5dac7741"
            "2e146fa4e2a51c1a38df5aae7898a861",
        }
    ],
}
RECOVERY_SECRET = bytes(range(0x80, 0xA0))
RECOVERY_SLOT = {
    "slot_id": "8899aabbccddeeff",
    "kind": "recovery key",
    "nonce": "101112131415161718191a1b",
    "wrapped": "313da0d0faf450c47dd24cacffb0d3e17e80322dd8ca804c28b0dc0a68bd8d4226cf960e3095a284f7f8e6c882cbb510",
}


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "store.key"


@pytest.fixture
def root_key(data_dir, key_file):
    """The root key of a new keyring."""
    return create_keyring(data_dir, key_file, store_id=STORE_ID)


def write_key(key_file, content):
    key_file.parent.mkdir(exist_ok=True)
    key_file.write_bytes(content)
    key_file.chmod(0o600)


def change_keyring(data_dir, change):
    """Edit keyring.json as somebody without the key would."""
    file = data_dir / "keyring.json"
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content))


def test_the_key_file_opens_the_keyring_it_was_made_with(data_dir, key_file, root_key):
    assert open_keyring(data_dir, key_file) == root_key
    assert len(root_key) == 32


def test_neither_file_holds_the_root_key_and_only_their_owner_reads_them(data_dir, key_file, root_key):
    for file in (data_dir / "keyring.json", key_file):
        assert root_key.hex() not in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700


def test_a_keyring_of_format_1_opens_for_ever(data_dir, key_file):
    (data_dir / "keyring.json").write_text(json.dumps(OLD_KEYRING))
    write_key(key_file, WRAPPING.hex().encode() + b"\n")

    assert open_keyring(data_dir, key_file) == ROOT


def test_a_key_file_that_is_there_is_never_overwritten(data_dir, key_file):
    write_key(key_file, b"the key of another store")

    with pytest.raises(KeyUnavailable, match="exists already"):
        create_keyring(data_dir, key_file, store_id=STORE_ID)

    assert key_file.read_bytes() == b"the key of another store"
    assert not (data_dir / "keyring.json").exists()


def test_the_key_of_another_store_is_refused_and_the_path_and_store_are_named(data_dir, key_file, root_key):
    write_key(key_file, new_key().hex().encode())

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert str(key_file) in str(refused.value)
    assert STORE_ID in str(refused.value)
    assert "another store" in str(refused.value)


def test_a_missing_key_file_is_said_with_its_path_and_store(data_dir, key_file, root_key):
    key_file.unlink()

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert str(key_file) in str(refused.value)
    assert STORE_ID in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o777])
def test_a_key_file_that_others_may_touch_is_refused_with_the_command_that_mends_it(data_dir, key_file, root_key, mode):
    key_file.chmod(mode)

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert f"chmod 600 {key_file}" in refused.value.advice
    key_file.chmod(0o600)
    assert open_keyring(data_dir, key_file) == root_key


def test_a_key_file_of_another_user_is_refused(data_dir, key_file, root_key):
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(key_file, 12_345, 12_345)

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert "chown" in refused.value.advice


def test_a_symbolic_link_is_no_key_file(data_dir, key_file, root_key):
    moved = key_file.rename(key_file.with_name("elsewhere"))
    key_file.symlink_to(moved)

    with pytest.raises(KeyUnavailable, match=str(key_file)):
        open_keyring(data_dir, key_file)


def test_a_folder_is_no_key_file(data_dir, key_file, root_key):
    key_file.unlink()
    key_file.mkdir(mode=0o700)

    with pytest.raises(KeyUnavailable, match="is a folder"):
        open_keyring(data_dir, key_file)


@pytest.mark.timeout(10)
def test_a_pipe_is_no_key_file_and_nobody_waits_for_it(key_file):
    key_file.parent.mkdir()
    os.mkfifo(key_file, 0o600)

    with pytest.raises(KeyUnavailable, match="regular file"):
        read_key_file(key_file, store_id=STORE_ID)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(WRAPPING[:31].hex().encode(), id="31 bytes"),
        pytest.param(WRAPPING.hex().encode() + b"00", id="33 bytes"),
        pytest.param(WRAPPING.hex().encode()[:-1], id="half a byte missing"),
        pytest.param(WRAPPING.hex().encode() * 2, id="two keys"),
        pytest.param(WRAPPING, id="raw bytes"),
        pytest.param("密钥".encode(), id="text"),
        pytest.param(b"0x" + WRAPPING.hex().encode(), id="a prefix"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\n", id="another kind of key"),
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(key_file, content):
    write_key(key_file, content)

    with pytest.raises(KeyUnavailable) as refused:
        read_key_file(key_file, store_id=STORE_ID)

    assert WRAPPING[:31].hex() not in str(refused.value)


@pytest.mark.parametrize("around", ["{}", "{}\n", "{}\r\n", "  {}  \n\n"])
def test_space_and_line_ends_around_a_key_do_not_matter(key_file, around):
    write_key(key_file, around.format(WRAPPING.hex()).encode())

    assert read_key_file(key_file, store_id=STORE_ID) == WRAPPING


def test_a_key_in_capitals_is_the_same_key(key_file):
    write_key(key_file, WRAPPING.hex().upper().encode())

    assert read_key_file(key_file, store_id=STORE_ID) == WRAPPING


def test_a_slot_opens_with_its_key_and_store_alone():
    slot = wrap(ROOT, WRAPPING, store_id=STORE_ID, kind="key file")

    assert unwrap(slot, WRAPPING, store_id=STORE_ID) == ROOT
    with pytest.raises(SealBroken):
        unwrap(slot, new_key(), store_id=STORE_ID)
    with pytest.raises(SealBroken):
        unwrap(slot, WRAPPING, store_id=OTHER_STORE_ID)


def test_wrapping_the_same_key_twice_gives_nothing_alike():
    first, second = (wrap(ROOT, WRAPPING, store_id=STORE_ID, kind="key file") for _ in range(2))

    assert first.slot_id != second.slot_id
    assert first.nonce != second.nonce
    assert first.wrapped != second.wrapped


def test_a_keyring_copied_to_another_store_does_not_open_it(data_dir, key_file, root_key, tmp_path):
    other_dir = tmp_path / "other"
    other_dir.mkdir()
    shutil.copy(data_dir / "keyring.json", other_dir)
    change_keyring(other_dir, lambda content: content.update(store_id=OTHER_STORE_ID))

    with pytest.raises(KeyUnavailable, match=OTHER_STORE_ID):
        open_keyring(other_dir, key_file)


@pytest.mark.parametrize("field", ["slot_id", "kind", "nonce", "wrapped"])
def test_every_field_of_a_slot_is_bound_to_it(data_dir, key_file, root_key, field):
    def change(content):
        value = content["slots"][0][field]
        content["slots"][0][field] = ("0" if value[0] != "0" else "1") + value[1:]

    change_keyring(data_dir, change)

    with pytest.raises(KeyUnavailable):
        open_keyring(data_dir, key_file)


def test_every_changed_byte_of_a_wrapped_key_is_refused():
    slot = wrap(ROOT, WRAPPING, store_id=STORE_ID, kind="key file")

    for place in range(len(slot.wrapped)):
        changed = bytearray(slot.wrapped)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            unwrap(Slot(slot.slot_id, slot.kind, slot.nonce, bytes(changed)), WRAPPING, store_id=STORE_ID)
        with pytest.raises(SealBroken):
            unwrap(Slot(slot.slot_id, slot.kind, slot.nonce, slot.wrapped[:place]), WRAPPING, store_id=STORE_ID)


def test_one_slot_that_opens_is_enough(data_dir, key_file, root_key):
    _, slots = read_keyring(data_dir)
    unknown = wrap(root_key, new_key(), store_id=STORE_ID, kind="passphrase")
    foreign = wrap(root_key, new_key(), store_id=STORE_ID, kind="key file")

    write_keyring(data_dir, [unknown, foreign, *slots], store_id=STORE_ID)

    assert open_keyring(data_dir, key_file) == root_key


def test_a_slot_is_opened_by_the_key_of_its_own_kind_alone(data_dir, key_file, root_key):
    write_keyring(data_dir, [wrap(root_key, WRAPPING, store_id=STORE_ID, kind="recovery key")], store_id=STORE_ID)
    write_key(key_file, WRAPPING.hex().encode())

    with pytest.raises(KeyUnavailable):
        open_keyring(data_dir, key_file)


def test_a_keyring_without_slots_opens_with_no_key(data_dir, key_file, root_key):
    write_keyring(data_dir, [], store_id=STORE_ID)

    with pytest.raises(KeyUnavailable):
        open_keyring(data_dir, key_file)


def test_a_folder_without_a_keyring_holds_no_store(data_dir):
    with pytest.raises(StoreMissing, match=str(data_dir)):
        read_keyring(data_dir)


@pytest.mark.parametrize("unknown", [0, 2, "1", None])
def test_an_unknown_format_is_refused_and_named(data_dir, root_key, unknown):
    change_keyring(data_dir, lambda content: content.update(format=unknown))

    with pytest.raises(StoreDamaged, match=f"format {unknown}"):
        read_keyring(data_dir)


def test_a_keyring_cut_anywhere_is_damaged(data_dir, root_key):
    file = data_dir / "keyring.json"
    whole = file.read_bytes().rstrip()

    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(StoreDamaged):
            read_keyring(data_dir)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 1, "store_id": "x", "slots": [1]}',
        b'{"format": 1, "store_id": 1, "slots": []}',
        b'{"format": 1, "store_id": "\\u001b[2J", "slots": []}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": [], "kind": "b", "nonce": "", "wrapped": ""}]}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "a", "kind": "b\\n", "nonce": "", "wrapped": ""}]}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "", "kind": "", "nonce": "", "wrapped":"", "made":1}]}',
        b'{"format": 1, "store_id": "x", "slots": {"a": 1}}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "a", "kind": "b", "nonce": "zz", "wrapped": ""}]}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "a", "kind": "b", "nonce": 1, "wrapped": ""}]}',
    ],
)
def test_what_is_no_keyring_is_damaged(data_dir, content):
    (data_dir / "keyring.json").write_bytes(content)

    with pytest.raises(StoreDamaged, match="cannot be read"):
        read_keyring(data_dir)


# What stands in the place of the key, and what is said about it. None of the others is said then.
IN_PLACE = {
    "nothing": (None, "is missing: there is nothing at"),
    "an empty file": (b"", "is empty"),
    "a line end": (b"\n", "is empty"),
    "31 bytes": (WRAPPING[:31].hex().encode(), "31 bytes, a key has 32"),
    "something else": (b"no key at all", "something else than a key"),
    "another key": (b"ab" * 32, "the key of another store, or was replaced"),
}


@pytest.mark.parametrize("case", IN_PLACE)
def test_each_thing_in_the_place_of_the_key_has_one_message_with_path_store_setting_and_way_back(
    data_dir, key_file, root_key, case
):
    replace_recovery_key(data_dir, root_key)
    key_file.unlink()
    content, said = IN_PLACE[case]
    if content is not None:
        write_key(key_file, content)

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert {other for _, other in IN_PLACE.values() if other in str(refused.value)} == {said}
    assert str(key_file) in str(refused.value)
    assert STORE_ID in str(refused.value)
    assert "KB_KEY_FILE" in refused.value.advice
    assert "python -m app keys recover" in refused.value.advice


def test_where_there_is_no_recovery_key_none_is_promised(data_dir, key_file, root_key):
    key_file.unlink()

    with pytest.raises(KeyUnavailable) as refused:
        open_keyring(data_dir, key_file)

    assert "keys recover" not in refused.value.advice
    assert "no recovery key" in refused.value.advice


def test_a_folder_that_cannot_be_entered_is_said(data_dir, key_file, root_key):
    write_key(key_file.with_name("file"), b"")

    with pytest.raises(KeyUnavailable, match="is missing"):
        open_keyring(data_dir, key_file.with_name("file") / "store.key")


def test_a_recovery_slot_of_format_1_opens_for_ever(data_dir):
    (data_dir / "keyring.json").write_text(json.dumps(OLD_KEYRING | {"slots": [*OLD_KEYRING["slots"], RECOVERY_SLOT]}))

    slot, root_key = open_with_recovery_key(data_dir, RecoveryKey(mark_of(STORE_ID), RECOVERY_SECRET))

    assert root_key == ROOT
    assert slot.slot_id == RECOVERY_SLOT["slot_id"]


def test_the_vectors_of_the_keyring_stand_in_its_format():
    written = (Path(app.vault.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")

    for slot in (*OLD_KEYRING["slots"], RECOVERY_SLOT):
        assert all(f"`{slot[name]}`" in written for name in ("slot_id", "nonce", "wrapped"))


def test_the_recovery_key_opens_what_the_key_file_opens_and_stands_nowhere(data_dir, key_file, root_key):
    slot, key = replace_recovery_key(data_dir, root_key)

    assert open_with_recovery_key(data_dir, RecoveryKey.typed(key.shown())) == (slot, root_key)
    assert open_keyring(data_dir, key_file) == root_key
    written = (data_dir / "keyring.json").read_text()
    assert not [part for part in (key.shown()[5:], key.secret.hex(), root_key.hex()) if part in written]


def test_the_keyring_holds_nothing_but_slots(data_dir, key_file, root_key):
    slot, _ = replace_recovery_key(data_dir, root_key)
    confirm(data_dir, slot.slot_id)

    content = json.loads((data_dir / "keyring.json").read_bytes())

    assert set(content) == {"format", "store_id", "slots"}
    fields = {"slot_id", "kind", "nonce", "wrapped", "made"}
    assert [set(one) for one in content["slots"]] == [fields, fields | {"confirmed"}]


def test_a_new_recovery_key_shuts_out_the_former_one_and_is_not_confirmed(data_dir, key_file, root_key):
    former_slot, former = replace_recovery_key(data_dir, root_key)
    confirm(data_dir, former_slot.slot_id)

    slot, _ = replace_recovery_key(data_dir, root_key)

    with pytest.raises(KeyUnavailable, match="not the present one") as refused:
        open_with_recovery_key(data_dir, former)
    assert slot.made in refused.value.advice
    _, slots = read_keyring(data_dir)
    assert [(one.kind, one.confirmed) for one in slots] == [("key file", None), ("recovery key", None)]
    assert open_keyring(data_dir, key_file) == root_key


def test_the_recovery_key_of_another_store_is_told_by_its_mark(data_dir, key_file, root_key):
    replace_recovery_key(data_dir, root_key)
    other = RecoveryKey.new(OTHER_STORE_ID)

    with pytest.raises(KeyUnavailable, match="belongs to another store") as refused:
        open_with_recovery_key(data_dir, other)

    assert other.shown()[:4] in str(refused.value)
    assert other.shown()[5:9] not in str(refused.value)


def test_a_recovery_key_with_the_mark_of_the_store_alone_opens_nothing(data_dir, key_file, root_key):
    replace_recovery_key(data_dir, root_key)

    with pytest.raises(KeyUnavailable, match="not the present one"):
        open_with_recovery_key(data_dir, RecoveryKey.new(STORE_ID))


def test_a_confirmed_slot_still_opens(data_dir, key_file, root_key):
    slot, key = replace_recovery_key(data_dir, root_key)

    confirm(data_dir, slot.slot_id)

    opened, found = open_with_recovery_key(data_dir, key)
    assert found == root_key
    assert opened.confirmed is not None
    assert opened.made == slot.made


def test_a_recovered_key_file_opens_the_store_and_the_lost_one_does_not(data_dir, key_file, root_key):
    slot, key = replace_recovery_key(data_dir, root_key)
    confirm(data_dir, slot.slot_id)
    lost = key_file.rename(key_file.with_name("lost.key"))

    replace_key_file(data_dir, key_file, root_key)

    assert open_keyring(data_dir, key_file) == root_key
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert open_with_recovery_key(data_dir, key)[0].confirmed
    with pytest.raises(KeyUnavailable, match="was replaced"):
        open_keyring(data_dir, lost)


def test_a_keyring_that_cannot_be_written_is_said_and_the_former_one_stays(data_dir, key_file, root_key, tmp_path):
    with pytest.raises(StoreFull, match="cannot be written"):
        write_keyring(tmp_path / "missing", [], store_id=STORE_ID)

    assert open_keyring(data_dir, key_file) == root_key


def test_no_new_key_file_is_left_where_the_keyring_cannot_be_written(data_dir, key_file, root_key):
    key_file.unlink()
    (data_dir / "keyring.json").write_bytes(b"damaged since")

    with pytest.raises(StoreDamaged):
        replace_key_file(data_dir, key_file, root_key)

    assert not key_file.exists()


@pytest.mark.parametrize("inside", ["store.key", "originals/store.key", "../data/store.key"])
def test_no_key_file_is_made_inside_the_data_folder(data_dir, inside):
    with pytest.raises(KeyUnavailable, match="inside the data folder"):
        create_keyring(data_dir, data_dir / inside, store_id=STORE_ID)

    assert list(data_dir.iterdir()) == []


def test_a_link_in_the_place_of_a_new_key_file_is_left_alone(data_dir, key_file, tmp_path):
    key_file.parent.mkdir()
    key_file.symlink_to(tmp_path / "nowhere")

    with pytest.raises(KeyUnavailable, match="exists already"):
        create_keyring(data_dir, key_file, store_id=STORE_ID)

    assert key_file.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_key_file_that_cannot_be_written_is_said_before_anything_else_is(data_dir, key_file):
    key_file.parent.write_text("a file where a folder should be")

    with pytest.raises(KeyUnavailable, match="cannot be written"):
        create_keyring(data_dir, key_file, store_id=STORE_ID)

    assert not (data_dir / "keyring.json").exists()
