"""Embedding passages on this CPU: milliseconds a chunk for each engine, by threads, streams and shape of the batches.

Texts are the sentences of the sample documents, packed to about ``CHUNK_TOKENS``. Variants take turns, so that a slow
minute of the machine hits all of them; the figure is the median of the rounds. ``cosine`` is the least agreement with
OpenVINO in float32 as it is configured.
"""

import time
from pathlib import Path
from statistics import median

import numpy as np

from app.inference import openvino_model
from app.inference.embedder import Embedder, open_openvino, open_torch
from app.inference.openvino_model import import_openvino
from app.inference.prepared import find_prepared
from app.settings import Settings, load_settings
from tests.bench.machine import describe_machine

CHUNK_TOKENS = 200
TEXTS = 48
ROUNDS = 3
TEXTS_DIR = Path(__file__).parents[1] / "documents" / "texts"
OPTIONS = {
    "openvino, as configured": {},
    "openvino, 1 thread": {"INFERENCE_NUM_THREADS": 1},
    "openvino, 2 streams": {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2},
    "openvino, int8 activations": {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 32},
}
PART_TOKENS = (256, 512, 2_048, 4_096)


def measure() -> dict[str, object]:
    """Measure all variants."""
    settings = load_settings()
    prepared = find_prepared(settings.embedding, settings.models_dir)
    embedders: dict[str, Embedder] = {}
    usual = openvino_model.engine_options
    for name, changes in OPTIONS.items():
        openvino_model.engine_options = lambda chosen, changes=changes: usual(chosen) | changes
        embedders[name] = open_openvino(prepared, settings.embedding)
    openvino_model.engine_options = usual
    embedders["torch"] = open_torch(prepared, settings.embedding)
    texts = texts_of(embedders["torch"])
    wanted = embedders["openvino, as configured"].embed_passages(texts)
    rounds: dict[str, list[float]] = {}
    cosines: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, embedder in embedders.items():
            seconds, vectors = timed(embedder, texts, settings)
            rounds.setdefault(name, []).append(seconds)
            cosines[name] = round(float((vectors * wanted).sum(axis=1).min()), 5)
        for tokens in PART_TOKENS:
            usual_tokens, openvino_model.PART_TOKENS = openvino_model.PART_TOKENS, tokens
            seconds, _ = timed(embedders["openvino, as configured"], texts, settings, at_once=TEXTS)
            openvino_model.PART_TOKENS = usual_tokens
            rounds.setdefault(f"openvino, {tokens} tokens an inference", []).append(seconds)
    counted = embedders["torch"].count_tokens(texts)
    return {
        "machine": describe_machine(),
        "openvino": import_openvino().__version__,
        "tokens_per_chunk": round(sum(counted) / len(counted)),
        "milliseconds_per_chunk": {name: round(median(all_of) / TEXTS * 1_000, 1) for name, all_of in rounds.items()},
        "cosine": cosines,
    }


def timed(embedder: Embedder, texts: list[str], settings: Settings, at_once: int = 0) -> tuple[float, np.ndarray]:
    """Embed as the filling of vectors does; return seconds and vectors."""
    size = at_once or settings.embedding.batch_size
    began = time.perf_counter()
    vectors = [embedder.embed_passages(texts[start : start + size]) for start in range(0, len(texts), size)]
    return time.perf_counter() - began, np.concatenate(vectors)


def texts_of(embedder: Embedder) -> list[str]:
    """Return texts of about ``CHUNK_TOKENS`` tokens, in Chinese and English in turn."""
    sources = ["\n".join(file.read_text(encoding="utf-8").split()) for file in sorted(TEXTS_DIR.glob("*.*"))]
    texts: list[str] = []
    while len(texts) < TEXTS:
        source = sources[len(texts) % len(sources)]
        share = CHUNK_TOKENS / embedder.count_tokens([source])[0]
        width = max(1, int(len(source) * share))
        start = (len(texts) // len(sources)) * width % max(1, len(source) - width)
        texts.append(source[start : start + width])
    return texts
