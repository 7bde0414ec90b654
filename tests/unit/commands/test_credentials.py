import json
import os

import pytest

from app.commands.credentials import Credentials, first_login_file, hand_over, refuse_old_first_login
from app.errors import ConflictError, StoreError

CREDENTIALS = Credentials("admin", "the password", "sr_the key", "AAAA-BBBB")
SECRETS = ("the password", "sr_the key", "AAAA-BBBB")


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "store.key"


def test_without_a_terminal_they_lie_beside_the_key_for_their_owner_alone(key_file, capsys):
    hand_over(CREDENTIALS, key_file)

    file = key_file.with_name("store-first-login.json")
    assert file == first_login_file(key_file)
    assert json.loads(file.read_text()) == {
        "username": "admin", "password": "the password", "api_key": "sr_the key", "recovery_key": "AAAA-BBBB"
    }  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    printed = "".join(capsys.readouterr())
    assert str(file) in printed
    assert not [secret for secret in SECRETS if secret in printed]


@pytest.mark.parametrize("link", [False, True])
def test_a_file_or_link_that_is_there_is_neither_followed_nor_overwritten(key_file, tmp_path, link):
    file, elsewhere = first_login_file(key_file), tmp_path / "elsewhere"
    if link:
        file.symlink_to(elsewhere)
    else:
        file.write_text("of another store")

    with pytest.raises(ConflictError, match="exists already"):
        refuse_old_first_login(key_file)
    with pytest.raises(StoreError, match="cannot be written") as refused:
        hand_over(CREDENTIALS, key_file)

    assert "reset-password admin" in refused.value.advice
    assert "keys recovery" in refused.value.advice
    assert not elsewhere.exists()
    assert link or file.read_text() == "of another store"


def test_where_there_is_no_old_file_nothing_is_refused(key_file):
    refuse_old_first_login(key_file)


def test_a_folder_that_takes_no_file_is_said_with_the_way_to_new_credentials(tmp_path):
    with pytest.raises(StoreError) as refused:
        hand_over(CREDENTIALS, tmp_path / "missing" / "store.key")

    assert not [secret for secret in SECRETS if secret in f"{refused.value} {refused.value.advice}"]


def test_two_stores_have_two_files(tmp_path):
    names = {first_login_file(tmp_path / name).name for name in ("a.key", "b.key", "a")}

    assert len(names) == 2
    assert os.sep not in "".join(names)
