"""A sentence-transformers folder as it lies on the disk.

Reads the small JSON files only; neither weights nor tokenizer are loaded here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.errors import SettingsError
from app.inference.placing import read_note
from app.settings import EmbeddingSettings

QUERY_NAMES = ("query",)
PASSAGE_NAMES = ("document", "passage", "corpus")

Pooling = Literal["mean", "cls", "other"]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What a sentence-transformers folder says about itself, the settings laid over it.

    Attributes:
        folder: the folder itself.
        transformer_dir: where weights and tokenizer lie.
        modules: class names of its modules in order, such as Transformer, Pooling, Normalize.
        pooling: how token vectors become one; ``other`` is left to sentence-transformers.
        pooling_settings: the pooling module's own settings.
        lower_case: texts are put in lower case before the tokenizer.
        max_tokens: longest text in tokens, special tokens and prompt included.
        query_prompt: put before each question.
        passage_prompt: put before each passage.
    """

    folder: Path
    transformer_dir: Path
    modules: tuple[str, ...]
    pooling: Pooling
    pooling_settings: dict[str, Any]
    lower_case: bool
    max_tokens: int
    query_prompt: str
    passage_prompt: str


def read_folder(folder: Path, settings: EmbeddingSettings) -> ModelFolder:
    """Read what the folder says about itself.

    Raises:
        SettingsError: it is no sentence-transformers folder with a tokenizer.json.
    """
    modules = read_json(folder / "modules.json", folder)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise SettingsError("embedding.model: the folder's modules.json is not a list of modules")
    names = tuple(str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules)
    if "Transformer" not in names:
        raise SettingsError("embedding.model: the folder's model has no transformer")
    transformer_dir = folder / str(modules[names.index("Transformer")].get("path", ""))
    if not (transformer_dir / "tokenizer.json").is_file():
        raise SettingsError("embedding.model: the folder's model has no tokenizer.json")
    pooling_settings: dict[str, Any] = {}
    if "Pooling" in names:
        pooling_settings = read_note(folder / str(modules[names.index("Pooling")].get("path", "")) / "config.json")
    texts = read_note(next(iter(sorted(transformer_dir.glob("sentence_*_config.json"))), transformer_dir / "absent"))
    prompts = read_note(folder / "config_sentence_transformers.json").get("prompts")
    prompts = prompts if isinstance(prompts, dict) else {}
    return ModelFolder(
        folder=folder,
        transformer_dir=transformer_dir,
        modules=names,
        pooling=pooling_of(pooling_settings),
        pooling_settings=pooling_settings,
        lower_case=bool(texts.get("do_lower_case", False)),
        max_tokens=min(settings.max_tokens, longest_text(transformer_dir, texts)),
        query_prompt=choose_prompt(settings.query_prompt, prompts, QUERY_NAMES),
        passage_prompt=choose_prompt(settings.passage_prompt, prompts, PASSAGE_NAMES),
    )


def read_json(file: Path, folder: Path) -> Any:  # noqa: ANN401 - any JSON
    """Read a JSON file that the folder must have."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        advice = "Name 'default', a sentence-transformers folder, or module:Class."
        raise SettingsError(
            f"embedding.model: {folder} is no sentence-transformers folder ({file.name})", advice=advice
        ) from error


def pooling_of(settings: dict[str, Any]) -> Pooling:
    """Name the pooling in either of the two forms in which folders give it."""
    if settings.get("include_prompt") is False:
        return "other"
    named = settings.get("pooling_mode")
    if isinstance(named, str):
        return "mean" if named == "mean" else "cls" if named == "cls" else "other"
    chosen = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value is True]
    if chosen == ["pooling_mode_mean_tokens"]:
        return "mean"
    return "cls" if chosen == ["pooling_mode_cls_token"] else "other"


def longest_text(transformer_dir: Path, texts: dict[str, Any]) -> int:
    """Longest text the model takes, tokens: what the folder says, else what its positions allow."""
    said = texts.get("max_seq_length")
    if isinstance(said, int) and said > 0:
        return said
    config = read_note(transformer_dir / "config.json")
    positions = config.get("max_position_embeddings")
    limits = [positions if isinstance(positions, int) and positions > 0 else 512]
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert"}:
        limits[0] -= 2  # their positions start behind the padding index
    tokenizer_limit = read_note(transformer_dir / "tokenizer_config.json").get("model_max_length")
    if isinstance(tokenizer_limit, int) and tokenizer_limit > 0:
        limits.append(tokenizer_limit)
    return min(limits)


def choose_prompt(wanted: str | None, prompts: dict[str, Any], names: tuple[str, ...]) -> str:
    """Take the settings' prompt, or else the folder's under the first of ``names`` that it has."""
    if wanted is not None:
        return wanted
    return next((str(prompts[name]) for name in names if prompts.get(name)), "")
