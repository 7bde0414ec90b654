"""Embedding in OpenVINO with ``tokenizers`` alone: no torch, no transformers, about a second to load.

The word table stays outside the graph, memory-mapped: only the rows of words that occur are ever read.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ModelUnavailable
from app.inference import hardware
from app.inference.embedder import unit_rows
from app.inference.folder_embedder import FolderEmbedder
from app.inference.prepared import PreparedModel
from app.settings import EmbeddingSettings

GRAPH_FILE = "model.xml"
WORDS_FILE = "words.npy"
PART_TOKENS = 1_024  # rows times longest row of one inference: more gains nothing, and pads more


def import_openvino() -> Any:  # noqa: ANN401 - a module without types
    """Import OpenVINO without its telemetry client, which it takes for absent."""
    if "openvino_telemetry" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # how Python marks a module as absent
    import openvino  # noqa: PLC0415 - only after the line above

    return openvino


def engine_options(settings: EmbeddingSettings) -> dict[str, Any]:
    """Options of the CPU engine: each inference as quick as can be; activations are never quantised."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": hardware.cpu_threads(settings.threads),
        "INFERENCE_PRECISION_HINT": hardware.cpu_precision(settings.precision),
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "CACHE_DIR": "",
    }


class OpenVinoEmbedder(FolderEmbedder):
    """A converted model on the CPU; calls from several threads take turns."""

    engine = "openvino"

    def __init__(self, prepared: PreparedModel, settings: EmbeddingSettings) -> None:
        """Load tokenizer and graph: about a second for the default model.

        Raises:
            ModelUnavailable: a part is missing or damaged.
        """
        super().__init__(prepared)
        openvino = import_openvino()
        graph_file = prepared.converted_dir / GRAPH_FILE
        try:
            self.words = np.load(prepared.converted_dir / WORDS_FILE, mmap_mode="r", allow_pickle=False)
            core = openvino.Core()
            graph = core.read_model(graph_file)
            self.request: Any = core.compile_model(graph, "CPU", engine_options(settings)).create_infer_request()
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelUnavailable(f"the converted embedding model does not load: {type(error).__name__}") from error

    def close(self) -> None:
        """Let go of graph and word table."""
        with self.turn:
            self.request = None

    def embed(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        """Vectors of texts behind ``prompt``, in the order of the texts."""
        ids = self.tokens.encode(texts, prompt)
        vectors = np.empty((len(ids), self.space.dimension), np.float32)
        for rows in parts_by_length([len(row) for row in ids]):
            vectors[rows] = self.infer([ids[row] for row in rows])
        return unit_rows(vectors)

    def infer(self, ids: list[list[int]]) -> NDArray[np.float32]:
        """Vectors of a few texts given as token ids, shorter rows padded at the end."""
        longest = max(len(row) for row in ids)
        words = np.zeros((len(ids), longest, self.words.shape[1]), np.float32)
        mask = np.zeros((len(ids), longest), np.int64)
        for index, row in enumerate(ids):
            words[index, : len(row)] = self.words[row]
            mask[index, : len(row)] = 1
        with self.turn:
            if self.request is None:
                raise ModelUnavailable("the embedding model is closed")
            try:
                return np.array(self.request.infer([words, mask])[0], np.float32)
            except RuntimeError as error:
                raise ModelUnavailable("the embedding model failed") from error


def parts_by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Split rows, given by their lengths, into parts of like length and at most ``PART_TOKENS`` when padded."""
    part: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row], reverse=True):
        if part and (len(part) + 1) * lengths[part[0]] > PART_TOKENS:
            yield part
            part = []
        part.append(row)
    if part:
        yield part
