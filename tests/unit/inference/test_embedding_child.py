import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelUnavailable, SettingsError
from app.inference.embedding_child import EmbeddingChild
from app.inference.processes import APPLICATION_DIR
from app.settings import load_settings
from tests.hash_embedder import HashEmbedder

SETTINGS = load_settings({}).embedding.model_copy(update={"model": "tests.hash_embedder:HashEmbedder", "batch_size": 4})


class FailingEmbedder(HashEmbedder):
    """Fails on demand; the process stays."""

    def embed_passages(self, texts):
        if "fail" in texts:
            raise ModelUnavailable("asked to fail", advice="Ask for something else.")
        if "crash" in texts:
            os._exit(3)
        return super().embed_passages(texts)


@pytest.fixture
def child(tmp_path):
    with EmbeddingChild(SETTINGS, tmp_path) as running:
        yield running


def named(name):
    return SETTINGS.model_copy(update={"model": f"{__name__}:{name}"})


def test_vectors_come_in_the_order_of_the_texts(child):
    texts = ["long " * 40, "短い", "", "a lone surrogate \ud800", *(f"text {number}" * number for number in range(9))]
    assert np.array_equal(child.embed(texts), HashEmbedder().embed_passages(texts))
    assert child.embed([]).shape == (0, 64)
    assert child.space == HashEmbedder.space
    assert child.engine == "HashEmbedder"


def test_a_frame_may_be_larger_than_a_pipe(child):
    texts = ["知识 " * 60_000] * 3
    assert np.array_equal(child.embed(texts), HashEmbedder().embed_passages(texts))


def test_the_child_yields_to_every_other_process(child):
    assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE


def test_the_child_leaves_no_core_and_is_read_by_nobody(child):
    assert Path(f"/proc/{child.pid}").stat().st_uid == 0  # what cannot be dumped belongs to root
    if os.geteuid() != 0:
        pytest.skip("only root may look further")
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_a_child_that_was_killed_is_replaced_at_the_next_call(child):
    first = child.pid
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    assert child.embed(["again"]).shape == (1, 64)
    assert child.pid != first


def test_dying_at_work_is_an_error_and_the_next_call_goes_on(tmp_path):
    with EmbeddingChild(named("FailingEmbedder"), tmp_path) as child:
        with pytest.raises(ModelUnavailable, match="died"):
            child.embed(["crash"])
        assert child.embed(["fine"]).shape == (1, 64)


def test_a_failure_of_the_model_is_told_and_the_child_stays(tmp_path):
    with EmbeddingChild(named("FailingEmbedder"), tmp_path) as child:
        first = child.pid
        with pytest.raises(ModelUnavailable, match="asked to fail") as failure:
            child.embed(["fail"])
        assert failure.value.advice == "Ask for something else."
        assert child.embed(["fine"]).shape == (1, 64)
        assert child.pid == first


def test_an_unprepared_model_is_said_at_the_start(tmp_path):
    settings = SETTINGS.model_copy(update={"model": "default"})
    with pytest.raises(ModelUnavailable) as failure, EmbeddingChild(settings, tmp_path):
        pass
    assert "models prepare" in failure.value.advice


def test_a_wrong_setting_is_said_at_the_start(tmp_path):
    with pytest.raises(SettingsError), EmbeddingChild(named("Absent"), tmp_path):
        pass


def test_the_child_ends_with_its_parent(tmp_path):
    program = (
        "import sys, time, threading\n"
        "from pathlib import Path\n"
        "from app.inference.embedding_child import EmbeddingChild\n"
        "from app.settings import load_settings\n"
        "settings = load_settings({}).embedding.model_copy(update={'model': 'tests.hash_embedder:HashEmbedder'})\n"
        "child = EmbeddingChild(settings, Path(sys.argv[1]))\n"
        "starter = threading.Thread(target=child.__enter__)\n"  # not the main thread, and it ends
        "starter.start(); starter.join(); time.sleep(0.2)\n"
        "print(child.pid, child.embed(['x']).shape[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=APPLICATION_DIR, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid, rows = map(int, parent.stdout.readline().split())
        assert rows == 1
        parent.kill()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)
