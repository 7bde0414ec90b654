import json
import os
import shutil

import pytest

from app.errors import KeyUnavailable, SealBroken, StoreDamaged, StoreMissing
from app.vault.keyring import (
    Slot,
    create_keyring,
    open_keyring,
    read_key_file,
    read_keyring,
    unwrap,
    wrap,
    write_keyring,
)
from app.vault.keys import new_key

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

    with pytest.raises(KeyUnavailable, match="regular file"):
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
    foreign = wrap(root_key, new_key(), store_id=STORE_ID, kind="passphrase")

    write_keyring(data_dir, [foreign, *slots], store_id=STORE_ID)

    assert open_keyring(data_dir, key_file) == root_key


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
        b'{"format": 1, "store_id": "x", "slots": {"a": 1}}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "a", "kind": "b", "nonce": "zz", "wrapped": ""}]}',
        b'{"format": 1, "store_id": "x", "slots": [{"slot_id": "a", "kind": "b", "nonce": 1, "wrapped": ""}]}',
    ],
)
def test_what_is_no_keyring_is_damaged(data_dir, content):
    (data_dir / "keyring.json").write_bytes(content)

    with pytest.raises(StoreDamaged, match="cannot be read"):
        read_keyring(data_dir)
