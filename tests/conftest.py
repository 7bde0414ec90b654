"""Shared by all tests: settings that point below tmp_path, a store, and an environment that is put back."""

import os
import tempfile
from pathlib import Path

import pytest

from app.database.store import create_store
from app.settings import load_settings

REPOSITORY = Path(__file__).resolve().parents[1]
OF_PYTEST = "PYTEST_CURRENT_TEST"  # pytest changes it itself, between the steps of one test


@pytest.fixture(autouse=True)
def _environment():
    """Hide the developer's own KB_ settings, and undo what a test does to the environment."""
    before = dict(os.environ)
    temp_dir = tempfile.tempdir
    for name in before:
        if name.startswith("KB_"):
            del os.environ[name]

    yield

    for name in set(os.environ) - set(before) - {OF_PYTEST}:
        del os.environ[name]
    for name, value in before.items():
        if name != OF_PYTEST and os.environ.get(name) != value:
            os.environ[name] = value
    tempfile.tempdir = temp_dir


@pytest.fixture
def ram_dir():
    """A folder in RAM: the product refuses one on a disk."""
    with tempfile.TemporaryDirectory(prefix="strongroom-test-", dir="/dev/shm") as folder:
        yield folder


@pytest.fixture
def environment(tmp_path, ram_dir):
    """The KB_ variables of a process that works below tmp_path."""
    return {
        "KB_DATA_DIR": str(tmp_path / "data"),
        "KB_KEY_FILE": str(tmp_path / "keys" / "store.key"),
        "KB_ANCHOR_DIR": str(tmp_path / "anchor"),
        "KB_RAM_DIR": ram_dir,
        "KB_MODELS_DIR": str(tmp_path / "models"),
    }


@pytest.fixture
def settings(environment):
    """The defaults, with every folder below tmp_path, the RAM folder apart."""
    return load_settings(environment)


@pytest.fixture
def store(settings):
    """A new, empty store, open."""
    with create_store(settings) as created:
        yield created
