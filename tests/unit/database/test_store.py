import json
import re
import shutil

import pytest

from app.database.audit import Act
from app.database.store import Manifest, create_store, open_store, read_manifest
from app.errors import KeyUnavailable, StoreDamaged, StoreError, StoreExists, StoreMissing, StoreReplaced
from app.settings import load_settings
from app.vault.keyring import open_keyring
from app.vault.keys import Purpose, new_key

ACT = Act("request", "local:tester", "try", "target")


@pytest.fixture
def closed(store, settings):
    """The settings of a store that is closed."""
    store.close()
    return settings


def add_change(database):
    with database.transaction("r") as transaction:
        return transaction.change("access changed", "x")


def change_manifest(settings, **fields):
    """Edit store.json as somebody without the key would."""
    file = settings.data_dir / "store.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | fields))


def switch_generation(settings, generation):
    """Make another generation current, with the right MAC, as a re-key would."""
    manifest, _ = read_manifest(settings.data_dir)
    root_key = open_keyring(settings.data_dir, settings.key_file)
    Manifest(manifest.store_id, generation, manifest.created_at).write(settings.data_dir, root_key)


def test_a_new_store_is_complete_and_opens_again(settings):
    with create_store(settings) as store:
        store_id = store.store_id
        add_change(store.catalogue)

    names = {entry.name for entry in settings.data_dir.iterdir()}
    assert names == {
        *("store.json", "keyring.json", "catalogue.1.db", "journal.1.db", "originals", "snapshots", "locks"),
    }
    with open_store(settings) as store:
        assert store.store_id == store_id
        assert re.fullmatch("[0-9a-f]{16}", store_id)
        assert add_change(store.catalogue) == 2


def test_only_its_owner_reads_what_belongs_to_a_store(settings):
    settings.data_dir.mkdir(mode=0o755)

    with create_store(settings):
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in settings.data_dir.iterdir() if entry.is_dir()}
        assert settings.data_dir.stat().st_mode & 0o777 == 0o700
        assert modes == {"originals": 0o700, "snapshots": 0o700, "locks": 0o700}
        assert settings.key_file.stat().st_mode & 0o777 == 0o600


def test_two_stores_share_nothing(settings, tmp_path):
    other = settings.model_copy(update={"data_dir": tmp_path / "other", "key_file": tmp_path / "keys" / "other.key"})

    with create_store(settings) as first, create_store(other) as second:
        assert first.store_id != second.store_id
        for purpose in Purpose:
            assert first.key(purpose) != second.key(purpose)


def test_a_store_is_never_made_over_another(closed):
    before = {entry.name: entry.read_bytes() for entry in closed.data_dir.iterdir() if entry.is_file()}

    with pytest.raises(StoreExists, match="holds a store already"):
        create_store(closed)

    assert {entry.name: entry.read_bytes() for entry in closed.data_dir.iterdir() if entry.is_file()} == before


def test_half_a_store_is_no_store_and_is_not_written_over(closed):
    (closed.data_dir / "store.json").unlink()

    with pytest.raises(StoreMissing):
        open_store(closed)
    with pytest.raises(StoreExists, match="keyring without a store"):
        create_store(closed)


def test_an_empty_folder_holds_no_store(settings):
    with pytest.raises(StoreMissing, match=str(settings.data_dir)) as missing:
        open_store(settings)

    assert "init" in missing.value.advice
    assert not settings.data_dir.exists()


def test_the_key_of_a_store_may_not_lie_beside_its_data(settings):
    beside = settings.model_copy(update={"key_file": settings.data_dir / "keys" / "store.key"})

    with pytest.raises(StoreError), create_store(beside):
        pass


def test_another_key_does_not_open_a_store(closed):
    closed.key_file.write_text(new_key().hex())

    with pytest.raises(KeyUnavailable, match="another store"):
        open_store(closed)


def test_a_key_file_may_be_found_by_the_id_of_its_store(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = load_settings({name: value for name, value in environment.items() if name != "KB_KEY_FILE"})

    with create_store(settings) as store:
        store_id = store.store_id

    assert (tmp_path / "home" / ".config" / "strongroom" / f"{store_id}.key").is_file()
    open_store(settings).close()


@pytest.mark.parametrize("name", ["catalogue.1.db", "journal.1.db"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda file: file.unlink(), id="missing"),
        pytest.param(lambda file: file.write_bytes(b""), id="emptied"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[: 3 * 16_384]), id="cut"),
        pytest.param(lambda file: file.write_bytes(bytes(file.stat().st_size)), id="zeros"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[1:] + b"x"), id="shifted"),
    ],
)
def test_a_spoilt_database_is_no_store_and_no_new_one(closed, name, spoil):
    spoil(closed.data_dir / name)

    with pytest.raises(StoreError, match=re.escape(name)):
        open_store(closed)


def test_a_database_of_another_store_does_not_open(closed, tmp_path):
    other = closed.model_copy(update={"data_dir": tmp_path / "other", "key_file": tmp_path / "keys" / "other.key"})
    create_store(other).close()
    shutil.copy(other.data_dir / "catalogue.1.db", closed.data_dir / "catalogue.1.db")

    with pytest.raises(StoreError, match=r"catalogue\.1\.db"):
        open_store(closed)


def test_catalogue_and_journal_do_not_open_in_each_others_place(closed):
    shutil.copy(closed.data_dir / "journal.1.db", closed.data_dir / "catalogue.1.db")

    with pytest.raises(StoreError, match=r"catalogue\.1\.db"):
        open_store(closed)


def test_a_folder_that_was_moved_with_its_store_opens(closed, tmp_path):
    moved = closed.data_dir.rename(tmp_path / "moved to 100% #1?")

    with open_store(closed.model_copy(update={"data_dir": moved})) as store:
        assert add_change(store.catalogue) == 1


@pytest.mark.parametrize("name", ["catalogue", "journal"])
def test_a_process_does_not_write_once_another_generation_is_current(settings, store, name):
    database = getattr(store, name)
    switch_generation(settings, 2)

    with pytest.raises(StoreReplaced, match="generation 2"), database.transaction("r"):
        pytest.fail("the block must not begin")


def test_a_change_in_the_name_of_somebody_is_refused_once_another_generation_is_current(settings, store):
    switch_generation(settings, 2)

    with pytest.raises(StoreReplaced), store.transaction(ACT):
        pytest.fail("the block must not begin")


def test_the_old_generation_stays_readable_to_those_who_have_it_open(settings, store):
    add_change(store.catalogue)
    switch_generation(settings, 2)

    with store.catalogue.read() as connection:
        assert connection.execute("SELECT count(*) FROM changes").fetchone() == (1,)


def test_writing_the_same_manifest_again_stops_nobody(settings, store):
    switch_generation(settings, 1)

    assert add_change(store.catalogue) == 1


@pytest.mark.parametrize("generation", [0, 2, 99])
def test_a_generation_written_without_the_key_is_damage(settings, store, generation):
    change_manifest(settings, generation=generation)

    with pytest.raises(StoreDamaged, match="without the key"), store.catalogue.transaction("r"):
        pytest.fail("the block must not begin")
    with pytest.raises(StoreDamaged, match="without the key"):
        open_store(settings)


@pytest.mark.parametrize("fields", [{"created_at": "2001-01-01T00:00:00.000Z"}, {"mac": "00" * 32}, {"mac": ""}])
def test_every_field_of_the_manifest_is_authenticated(closed, fields):
    change_manifest(closed, **fields)

    with pytest.raises(StoreDamaged, match="without the key"):
        open_store(closed)


def test_the_manifest_of_another_store_does_not_fit(closed, tmp_path):
    other = closed.model_copy(update={"data_dir": tmp_path / "other", "key_file": tmp_path / "keys" / "other.key"})
    create_store(other).close()
    shutil.copy(other.data_dir / "store.json", closed.data_dir / "store.json")

    with pytest.raises(StoreDamaged):
        open_store(closed)


@pytest.mark.parametrize("unknown", [0, 2, "1", None])
def test_a_store_of_an_unknown_format_is_refused_and_named(closed, unknown):
    change_manifest(closed, format=unknown)

    with pytest.raises(StoreDamaged, match=f"format {unknown}, this release reads 1"):
        open_store(closed)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"format": 1}', b"\xff", b'{"format": 1, "store_id": "a"}']
)
def test_what_is_no_manifest_is_damage(closed, content):
    (closed.data_dir / "store.json").write_bytes(content)

    with pytest.raises(StoreDamaged, match=r"store\.json cannot be read"):
        open_store(closed)


@pytest.mark.parametrize("field", ["store_id", "mac", "created_at"])
def test_half_a_character_in_the_manifest_is_damage(closed, field):
    change_manifest(closed, **{field: "\ud800"})

    with pytest.raises(StoreError):
        open_store(closed)


def test_a_store_whose_folder_vanished_takes_no_writes(settings, store):
    settings.data_dir.rename(settings.data_dir.with_name("unmounted"))

    with pytest.raises(StoreError), store.catalogue.transaction("r"):
        pytest.fail("the block must not begin")


def test_a_closed_store_leaves_one_file_a_database(settings, store):
    add_change(store.catalogue)
    store.audit.record(ACT, "done")

    store.close()

    assert not [entry.name for entry in settings.data_dir.iterdir() if entry.name.endswith(("-wal", "-shm"))]
