import os
import signal
import threading

import pytest

from app.database.locks import FileLock, hold_for_life, is_held
from app.errors import StoreBusy

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from app.database.locks import FileLock\n"
    "FileLock(Path(sys.argv[1])).acquire()\n"
    "print('held', flush=True)\n"
    "sys.stdin.readline()\n"
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "locks" / "serve.lock"


@pytest.fixture
def holder(file, start_python):
    """Another process that holds the lock."""
    process = start_python(HOLD, file)
    assert process.stdout.readline() == "held\n"
    return process


def in_a_thread(work):
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join(timeout=30)
    return results[0]


def test_a_lock_is_held_until_it_is_released(file):
    lock = FileLock(file)

    assert not is_held(file)
    with lock.held():
        assert is_held(file)
    assert not is_held(file)


def test_a_lock_is_released_when_its_block_fails(file):
    lock = FileLock(file)

    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError

    assert lock.acquire(wait=False)


def test_another_thread_does_not_get_a_lock_that_is_held(file):
    lock = FileLock(file)

    with lock.held():
        assert not in_a_thread(lambda: lock.acquire(wait=False))

    assert in_a_thread(lambda: lock.acquire(wait=False))


def test_two_locks_of_one_file_shut_each_other_out_within_a_process(file):
    first, second = FileLock(file), FileLock(file)

    with first.held():
        assert not second.acquire(wait=False)

    assert second.acquire(wait=False)


def test_threads_that_wait_get_the_lock_one_after_the_other(file):
    lock, inside, most = FileLock(file), [], []

    def work():
        for _ in range(50):
            with lock.held():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(most) == 400
    assert set(most) == {1}


def test_another_process_does_not_get_a_lock_that_is_held(file, holder):
    assert is_held(file)
    assert not FileLock(file).acquire(wait=False)


def test_a_lock_that_a_process_gives_back_goes_to_the_one_who_waits(file, holder):
    waiting = threading.Thread(target=FileLock(file).acquire)
    waiting.start()

    holder.communicate("\n")
    waiting.join(timeout=30)

    assert not waiting.is_alive()
    assert is_held(file)


def test_a_killed_process_holds_no_lock(file, holder):
    holder.kill()
    holder.wait()

    assert not is_held(file)
    assert FileLock(file).acquire(wait=False)


def test_a_process_that_was_started_by_the_holder_does_not_keep_the_lock(file, start_python):
    program = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from app.database.locks import FileLock\n"
        "FileLock(Path(sys.argv[1])).acquire()\n"
        "print(subprocess.Popen(['sleep', '20'], stdout=subprocess.DEVNULL, close_fds=False).pid, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    holder = start_python(program, file)
    child = int(holder.stdout.readline())

    holder.kill()
    holder.wait()

    try:
        assert not is_held(file)
    finally:
        os.kill(child, signal.SIGKILL)


def test_what_runs_for_life_runs_once(file):
    with hold_for_life(file, what="a service"):
        with pytest.raises(StoreBusy, match="a service is running"), hold_for_life(file, what="a service"):
            pass
        assert is_held(file)

    with hold_for_life(file, what="a service"):
        pass


def test_what_another_process_runs_for_life_is_not_started_again(file, holder):
    with pytest.raises(StoreBusy, match="an ingest worker is running"), hold_for_life(file, what="an ingest worker"):
        pass


def test_a_lock_file_stays_and_is_for_its_owner_alone(file):
    with hold_for_life(file, what="a service"):
        pass

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_to_ask_for_a_lock_makes_no_file(file):
    assert not is_held(file)
    assert not file.exists()


def test_a_symbolic_link_is_no_lock_file(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic link"):
        FileLock(file).acquire()

    assert not (tmp_path / "elsewhere").exists()
    # What failed has not kept the lock's threads waiting.
    file.unlink()
    assert FileLock(file).acquire(wait=False)


def test_a_closed_lock_may_be_taken_again(file):
    lock = FileLock(file)
    with lock.held():
        pass

    lock.close()

    with lock.held():
        assert is_held(file)
