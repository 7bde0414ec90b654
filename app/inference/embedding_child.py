"""Embedding passages in a child that yields to every other process, so that questions come first.

Parent and child speak in frames over the child's stdin and stdout, never pickle:

    to the child    u4 length (little-endian), JSON: first the order, then {"texts": [...]} per batch
    to the parent   u4 length, 1 byte kind, content: "H" JSON about the model, "V" float32 vectors
                    row by row, "E" JSON of an error after which the child goes on
"""

import json
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from app.errors import ModelUnavailable, SettingsError, StrongroomError
from app.inference.embedder import Embedder, Space, open_passage_embedder
from app.inference.prepare import resolved
from app.inference.processes import WITH_PARENT_THREAD, harden_child, on_main_thread, start_child, take_stdout
from app.settings import EmbeddingSettings, quiet_libraries

LENGTH = struct.Struct("<I")
HEAD = struct.Struct("<Ic")
HELLO, VECTORS, FAILED = b"H", b"V", b"E"
DIED = "the embedding process died"
WAIT_S = 10.0  # for a child that was told to end


class EmbeddingChild:
    """Passages in, vectors out; a child that died is replaced at the next call. Safe to use from several threads."""

    def __init__(self, settings: EmbeddingSettings, models_dir: Path) -> None:
        """Keep what a child needs to know; none is started yet."""
        self.settings = resolved(settings)
        self.models_dir = models_dir.absolute()
        self.turn = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.hello: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Start the child and wait until it has loaded the model.

        Raises:
            ModelUnavailable: the model is not prepared, or does not load.
            SettingsError: the settings name no model.
        """
        with self.turn:
            self.ensure_running()
        return self

    def __exit__(self, *_exception: object) -> None:
        """End the child."""
        self.close()

    @property
    def space(self) -> Space:
        """The space that the child fills.

        Raises:
            ModelUnavailable: no child has answered yet.
        """
        if not self.hello:
            raise ModelUnavailable("the embedding process has not been started")
        return Space(**self.hello["space"])

    @property
    def engine(self) -> str:
        """What computes in the child: openvino, torch or an owner's own class; empty before it runs."""
        return str(self.hello.get("engine", ""))

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return self.process.pid if self.process else None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, shape (n, dimension), rows of length 1, in the order of the texts.

        Inside, texts of like length go together in batches of the settings' size.

        Raises:
            ModelUnavailable: the child died or the model fails; the next call starts anew.
        """
        with self.turn:
            process = self.ensure_running()
            vectors = np.empty((len(texts), self.space.dimension), np.float32)
            by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
            for start in range(0, len(by_length), self.settings.batch_size):
                rows = by_length[start : start + self.settings.batch_size]
                vectors[rows] = self.embed_batch(process, [texts[row] for row in rows])
        return vectors

    def close(self) -> None:
        """End the child at once, also one that is at work for another thread; may be called twice."""
        process = self.process
        if process is not None:
            end_process(process)

    def ensure_running(self) -> "subprocess.Popen[bytes]":
        """The running child, started if there is none; the caller holds ``turn``."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.forget()
        self.process = process = start_child("app.inference.embedding_child", *on_main_thread())
        order = {
            "settings": self.settings.model_dump(),
            "models_dir": str(self.models_dir),
            "temp_dir": tempfile.gettempdir(),
            "import_path": [str(Path(entry).absolute()) for entry in sys.path],
        }
        try:
            self.hello = json.loads(self.ask(process, order, HELLO))
        except StrongroomError:
            self.forget()
            raise
        return process

    def embed_batch(self, process: "subprocess.Popen[bytes]", texts: list[str]) -> NDArray[np.float32]:
        """Vectors of one batch."""
        content = self.ask(process, {"texts": texts}, VECTORS)
        if len(content) != len(texts) * self.space.dimension * 4:
            self.forget()
            raise ModelUnavailable("the embedding process gave vectors of another size")
        return np.frombuffer(content, "<f4").reshape(len(texts), self.space.dimension)

    def ask(self, process: "subprocess.Popen[bytes]", question: dict[str, Any], expected: bytes) -> bytes:
        """Send one frame and take the content of the answer.

        Raises:
            ModelUnavailable: the child died, or says that the model fails.
            SettingsError: the child says that the settings name no model.
        """
        if process.stdin is None or process.stdout is None:
            raise ModelUnavailable("the embedding process has no pipes")
        content = json.dumps(question).encode()
        try:
            process.stdin.write(LENGTH.pack(len(content)) + content)
            process.stdin.flush()
            length, kind = HEAD.unpack(read_exactly(process.stdout, HEAD.size))
            answer = read_exactly(process.stdout, length)
        except (OSError, EOFError, ValueError) as error:  # ValueError: closed by another thread
            self.forget()
            raise ModelUnavailable(DIED, advice="The next attempt starts a new one; see its memory.") from error
        if kind == FAILED:
            failure = json.loads(answer)
            raised = SettingsError if failure["code"] == SettingsError.code else ModelUnavailable
            raise raised(failure["message"], advice=failure["advice"])
        if kind != expected:
            self.forget()
            raise ModelUnavailable("the embedding process answered out of turn")
        return answer

    def forget(self) -> None:
        """End what is left of the child, so that the next call starts a new one."""
        if self.process is not None:
            end_process(self.process)
            self.process = None


def end_process(process: "subprocess.Popen[bytes]") -> None:
    """Kill a child, take its exit status and close its pipes."""
    process.kill()
    process.wait(WAIT_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent yet has no reader any more
                pipe.close()


def read_exactly(stream: IO[bytes], count: int) -> bytes:
    """Read ``count`` bytes.

    Raises:
        EOFError: the stream ends before.
    """
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def main() -> None:
    """Be the child: load the model, then answer batches until stdin ends."""
    harden_child(with_parent_thread=WITH_PARENT_THREAD in sys.argv, idle=True)
    out = take_stdout()
    order = read_frame()
    if order is None:
        return
    quiet_libraries(Path(order["temp_dir"]))
    sys.path[:] = order["import_path"]
    try:
        embedder = open_passage_embedder(EmbeddingSettings.model_validate(order["settings"]), Path(order["models_dir"]))
    except StrongroomError as error:
        write_frame(out, FAILED, describe(error))
        return
    space = embedder.space
    hello = {
        "space": {"space_id": space.space_id, "dimension": space.dimension, "description": space.description},
        "engine": getattr(embedder, "engine", type(embedder).__name__),
    }
    write_frame(out, HELLO, json.dumps(hello).encode())
    serve_batches(out, embedder)
    embedder.close()


def serve_batches(out: IO[bytes], embedder: Embedder) -> None:
    """Answer one batch after the other until stdin ends."""
    while (question := read_frame()) is not None:
        try:
            vectors = embedder.embed_passages(question["texts"])
        except StrongroomError as error:
            write_frame(out, FAILED, describe(error))
        else:
            write_frame(out, VECTORS, np.ascontiguousarray(vectors, "<f4").tobytes())


def read_frame() -> dict[str, Any] | None:
    """Take the next frame from stdin; None at its end."""
    head = sys.stdin.buffer.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    question: dict[str, Any] = json.loads(read_exactly(sys.stdin.buffer, length))
    return question


def write_frame(out: IO[bytes], kind: bytes, content: bytes) -> None:
    """Send one frame to the parent."""
    out.write(HEAD.pack(len(content), kind) + content)
    out.flush()


def describe(error: StrongroomError) -> bytes:
    """An error as JSON; its message never holds text of documents."""
    return json.dumps({"code": error.code, "message": str(error), "advice": error.advice}).encode()


if __name__ == "__main__":
    main()
