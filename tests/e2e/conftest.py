"""Machines for the journeys; each is closed with all its processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine


@pytest.fixture(scope="module")
def make_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """Return a maker of machines that live as long as the module's tests."""
    made: list[Machine] = []

    def make(**options: str) -> Machine:
        machine = Machine(Path(tmp_path_factory.mktemp("machine")), **options)
        made.append(machine)
        return machine

    yield make
    for machine in made:
        machine.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Return a fresh machine with the hash embedder, without a store."""
    machine = Machine(tmp_path)
    yield machine
    machine.close()
