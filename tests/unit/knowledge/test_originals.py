"""Sealed originals, in a row and in a file."""

import errno

import pytest

from app.errors import SealBroken, StoreDamaged, StoreFull
from app.knowledge import originals
from app.knowledge.originals import SealedOriginal, plan_file, read_original, seal_in_row, write_file

CONTENT = b"ten days of leave" * 10_000


def read(folder, original, *, store_id="s1", place=""):
    return b"".join(read_original(folder, original, store_id=store_id, place=place))


def test_a_small_original_comes_back_from_its_row(tmp_path):
    sealed = seal_in_row(b"ten days", store_id="s1", place="p1")

    assert b"ten" not in sealed.in_row
    assert read(tmp_path, sealed, place="p1") == b"ten days"


@pytest.mark.parametrize(("store_id", "place"), [("s2", "p1"), ("s1", "p2")])
def test_a_row_does_not_open_in_another_place(tmp_path, store_id, place):
    sealed = seal_in_row(b"ten days", store_id="s1", place="p1")

    with pytest.raises(SealBroken):
        read(tmp_path, sealed, store_id=store_id, place=place)


def test_a_large_original_comes_back_from_its_file(tmp_path):
    planned = plan_file()
    write_file(tmp_path, planned, [CONTENT[:100], CONTENT[100:]], store_id="s1")

    assert [file.name for file in tmp_path.iterdir()] == [planned.file_name]
    assert b"leave" not in (tmp_path / planned.file_name).read_bytes()
    assert read(tmp_path, planned) == CONTENT


def test_a_file_under_another_name_does_not_open(tmp_path):
    planned, other = plan_file(), plan_file()
    write_file(tmp_path, planned, [CONTENT], store_id="s1")
    (tmp_path / planned.file_name).rename(tmp_path / other.file_name)

    with pytest.raises(SealBroken):
        read(tmp_path, SealedOriginal(planned.key, None, other.file_name))


def test_a_changed_file_does_not_open(tmp_path):
    planned = plan_file()
    write_file(tmp_path, planned, [CONTENT], store_id="s1")
    file = tmp_path / planned.file_name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(SealBroken):
        read(tmp_path, planned)


def test_a_missing_file_is_an_alarm(tmp_path):
    with pytest.raises(StoreDamaged, match="missing"):
        read(tmp_path, plan_file())


def test_names_and_keys_never_repeat():
    plans = [plan_file() for _ in range(100)]

    assert len({plan.file_name for plan in plans}) == len({plan.key for plan in plans}) == 100


def full_disk():
    yield b"some"
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path):
    with pytest.raises(StoreFull):
        write_file(tmp_path, plan_file(), full_disk(), store_id="s1")

    assert list(tmp_path.iterdir()) == []
    assert originals.IN_ROW_BYTES == 65_536
