"""Which engine fills vectors faster on this machine: measured once, noted beside the prepared model."""

import time
from contextlib import suppress
from statistics import median
from typing import Any, Literal

from app.errors import ModelUnavailable
from app.inference import hardware
from app.inference.embedder import PROBES, Embedder, agree, open_openvino, open_torch
from app.inference.placing import read_note, write_note
from app.inference.prepared import PreparedModel
from app.settings import EmbeddingSettings

Engine = Literal["torch", "openvino"]

ENGINES: tuple[Engine, ...] = ("torch", "openvino")
ENGINE_NOTE = "engine.json"
ROUNDS = 3
TRIAL_TEXTS = 16
TRIAL_TOKENS = 200
FACTOR = 1.05  # torch must win by this much: it takes longer to load, and more memory


def noted_engine(prepared: PreparedModel, settings: EmbeddingSettings) -> Engine | None:
    """Engine noted for this CPU, threads and precision; None if it was not measured."""
    noted = read_note(prepared.prepared_dir / ENGINE_NOTE)
    if noted.get("machine") != describe_machine(settings):
        return None
    return next((name for name in ENGINES if noted.get("engine") == name), None)


def faster_engine(prepared: PreparedModel, settings: EmbeddingSettings) -> Engine:
    """Engine noted for this CPU, threads and precision, or measured now, in about twenty seconds."""
    noted = noted_engine(prepared, settings)
    if noted is not None:
        return noted
    milliseconds = measure(prepared, settings)
    torch_ms = milliseconds.get("torch")
    engine: Engine = "torch" if torch_ms is not None and torch_ms * FACTOR < milliseconds["openvino"] else "openvino"
    note = {
        "machine": describe_machine(settings),
        "engine": engine,
        "milliseconds_per_chunk": milliseconds,
        "chunk_tokens": TRIAL_TOKENS,
    }
    write_note(prepared.prepared_dir / ENGINE_NOTE, note)
    return engine


def describe_machine(settings: EmbeddingSettings) -> dict[str, Any]:
    """What the outcome depends on; a copied models folder is measured again."""
    return {
        "cpu": hardware.cpu_description()[0],
        "threads": hardware.cpu_threads(settings.threads),
        "precision": hardware.cpu_precision(settings.precision),
    }


def measure(prepared: PreparedModel, settings: EmbeddingSettings) -> dict[str, float]:
    """Median milliseconds per chunk of each engine, rounds taken in turn; torch only if its vectors agree.

    Raises:
        ModelUnavailable: OpenVINO does not load.
    """
    engines: dict[str, Embedder] = {"openvino": open_openvino(prepared, settings)}
    with suppress(ModelUnavailable):  # what torch cannot load, OpenVINO embeds
        engines["torch"] = open_torch(prepared, settings)
    vectors = {name: engine.embed_passages(PROBES) for name, engine in engines.items()}
    if "torch" in engines and not agree(vectors["torch"], vectors["openvino"]):
        engines.pop("torch").close()
    texts = trial_texts(engines["openvino"])
    rounds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            started = time.perf_counter()
            engine.embed_passages(texts)
            rounds[name].append((time.perf_counter() - started) / len(texts) * 1_000)
    for engine in engines.values():
        engine.close()
    return {name: round(median(times), 1) for name, times in rounds.items()}


def trial_texts(embedder: Embedder) -> list[str]:
    """Texts of about 200 tokens each, made of the probes, each beginning with another one."""
    whole = " ".join(PROBES)
    times = TRIAL_TOKENS // embedder.count_tokens([whole])[0] + 1
    share = TRIAL_TOKENS / embedder.count_tokens([" ".join([whole] * times)])[0]
    texts = []
    for index in range(TRIAL_TEXTS):
        turn = index % len(PROBES)
        text = " ".join((*PROBES[turn:], *PROBES[:turn]) * times)
        texts.append(text[: int(len(text) * share)])
    return texts
