"""Which space a model fills: a hash over all that shapes its vectors, and nothing that does not.

Hashed are weights, tokenizer, modules with their settings, prompts, longest text and the class of
precision; versions of libraries and the engine are not. Big files are hashed once: a note in the
models folder remembers the hash by path, size and time of change.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from app.errors import ModelUnavailable
from app.inference import default_model
from app.inference.embedder import Space
from app.inference.model_folder import ModelFolder, choose_prompt, read_folder
from app.inference.placing import read_note, write_note
from app.settings import EmbeddingSettings

PRECISION_CLASS = "16/32-bit float"
HASHES_NOTE = "hashes.json"
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
DESCRIBING = ("config.json", "tokenizer.json")


def space_of(settings: EmbeddingSettings, models_dir: Path) -> Space:
    """Work out the space that the settings' model fills.

    Raises:
        ModelUnavailable: a file of the model cannot be read.
        SettingsError: the settings name no sentence-transformers folder.
    """
    if settings.model == default_model.NAME:
        return default_space(settings)
    return folder_space(read_folder(Path(settings.model).expanduser().absolute(), settings), models_dir)


def default_space(settings: EmbeddingSettings) -> Space:
    """Space of the default model, whether or not it has been made."""
    max_tokens = min(settings.max_tokens, default_model.MAX_TOKENS)
    prompts = {"query": default_model.QUERY_PROMPT, "document": default_model.PASSAGE_PROMPT}
    parts = {
        "data": default_model.DATA_SHA256,
        "recipe": default_model.RECIPE,
        "query_prompt": choose_prompt(settings.query_prompt, prompts, ("query",)),
        "passage_prompt": choose_prompt(settings.passage_prompt, prompts, ("document",)),
        "max_tokens": max_tokens,
        "precision": PRECISION_CLASS,
    }
    description = f"multilingual-e5-small, texts up to {max_tokens} tokens"
    return Space(hash_parts(parts), default_model.DIMENSION, description)


def folder_space(model: ModelFolder, models_dir: Path) -> Space:
    """Space of a sentence-transformers folder."""
    parts = {
        "content": hash_content(model, models_dir),
        "query_prompt": model.query_prompt,
        "passage_prompt": model.passage_prompt,
        "max_tokens": model.max_tokens,
        "precision": PRECISION_CLASS,
    }
    description = f"{model.folder.name}, texts up to {model.max_tokens} tokens"
    return Space(hash_parts(parts), dimension_of(model), description)


def hash_content(model: ModelFolder, models_dir: Path) -> str:
    """Hash what lies in the folder: weights, tokenizer, modules; independent of its place and the settings.

    Raises:
        ModelUnavailable: it holds no weights, or a file cannot be read.
    """
    weights = {file for pattern in WEIGHTS for file in model.folder.rglob(pattern)}
    if any(file.suffix == ".safetensors" for file in weights):
        weights = {file for file in weights if file.suffix == ".safetensors"}
    if not weights:
        raise ModelUnavailable("the embedding model's folder holds no weights", advice="Copy the whole folder.")
    describing = {model.transformer_dir / name for name in DESCRIBING}
    files = sorted(weights | {file for file in describing if file.is_file()})
    try:
        hashes = hash_files(files, models_dir / HASHES_NOTE)
    except OSError as error:
        raise ModelUnavailable("a file of the embedding model cannot be read") from error
    parts = {
        "files": {str(file.relative_to(model.folder)): hashes[file] for file in files},
        "modules": model.modules,
        "pooling": model.pooling_settings,
        "lower_case": model.lower_case,
        "normalise": True,
    }
    return hash_parts(parts)


def hash_parts(parts: dict[str, Any]) -> str:
    """SHA-256, hexadecimal, of canonical JSON."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def hash_files(files: list[Path], note_file: Path) -> dict[Path, str]:
    """SHA-256 of each file, remembered in ``note_file`` by path, size and time of change.

    Raises:
        OSError: a file cannot be read.
    """
    known = read_note(note_file)
    hashes, news = {}, False
    for file in files:
        status = file.stat()
        key = f"{file.absolute()}|{status.st_size}|{status.st_mtime_ns}"
        if not isinstance(known.get(key), str):
            with file.open("rb") as content:
                known[key] = hashlib.file_digest(content, "sha256").hexdigest()
            news = True
        hashes[file] = known[key]
    if news and note_file.parent.is_dir():
        write_note(note_file, known)
    return hashes


def dimension_of(model: ModelFolder) -> int:
    """Floats in a vector: the last module that says so, else the transformer's hidden size.

    Raises:
        ModelUnavailable: the folder does not say.
    """
    modules = json.loads((model.folder / "modules.json").read_text(encoding="utf-8"))
    for module in reversed(modules):
        said = read_note(model.folder / str(module.get("path", "")) / "config.json")
        for key in ("out_features", "word_embedding_dimension", "embedding_dimension", "hidden_size"):
            if isinstance(said.get(key), int):
                return int(said[key])
    raise ModelUnavailable("the embedding model's folder does not say how long its vectors are")
