import pytest

from tests.integration.knowledge.world import World


@pytest.fixture
def world(settings, store, tmp_path):
    made = World(settings, store, tmp_path)
    yield made
    made.close()
