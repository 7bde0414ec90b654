"""A real vLLM, serving the copy model, for all tests of a run: about a minute to start, 2 GB of memory."""

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-vllm" / "bin" / "python"
START_TIMEOUT_S = 240
STOP_TIMEOUT_S = 30
MODEL = "deepseek"
CONTEXT_TOKENS = 16_384  # of bytes: the copy model has no larger tokens


@dataclass(frozen=True)
class ModelServer:
    """Where the model server listens and what it asks for."""

    base_url: str
    api_key: str
    model: str
    context_tokens: int


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait for the health check; fail with the end of the log if the server dies or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    state = "did not start in time" if process.poll() is None else f"ended with {process.returncode}"
    pytest.fail(f"vLLM {state}:\n{log.read_text(errors='replace')[-4_000:]}")


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Start vLLM with the copy model on a loopback port; SIGTERM at the end."""
    if not PYTHON.exists():
        pytest.fail("no .venv-vllm: run sh tests/vllm/build_environment.sh first")
    folder = tmp_path_factory.mktemp("vllm")
    model, log, key = folder / "model", folder / "log", secrets.token_hex(16)
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_API_KEY": key,
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    make = [str(PYTHON), str(Path(__file__).with_name("make_copy_model.py")), str(model)]
    made = subprocess.run(make, env=environment, capture_output=True, check=False, timeout=START_TIMEOUT_S)
    assert made.returncode == 0, made.stderr.decode(errors="replace")[-4_000:]

    port = free_port()
    arguments = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--served-model-name": MODEL,
        "--dtype": "float32",
        "--max-model-len": str(CONTEXT_TOKENS),
        "--max-num-seqs": "8",
        "--kv-cache-memory-bytes": "128M",
        "--reasoning-parser": "deepseek_r1",
        "--shutdown-timeout": "10",
    }
    command = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += [part for pair in arguments.items() for part in pair]
    command += ["--enforce-eager", "--disable-uvicorn-access-log", "--enable-prompt-tokens-details"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=folder)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/health", log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", key, MODEL, CONTEXT_TOKENS)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
