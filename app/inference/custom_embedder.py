"""An owner's own embedder, named ``module:Class`` in ``embedding.model``."""

import importlib
import re
from typing import cast

from app.errors import SettingsError
from app.inference.embedder import Embedder, Space
from app.settings import EmbeddingSettings

NAMED_CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
METHODS = ("embed_queries", "embed_passages", "count_tokens", "unknown_share", "close")


def is_custom(model: str) -> bool:
    """Whether the setting names a class."""
    return NAMED_CLASS.fullmatch(model) is not None


def load_custom(settings: EmbeddingSettings) -> Embedder:
    """Make the embedder that ``settings.model`` names; it is given these settings.

    Raises:
        SettingsError: there is no such class, it cannot be made, or a part of an embedder is missing.
    """
    module_name, _, class_name = settings.model.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ImportError as error:
        raise SettingsError(f"embedding.model: module {module_name} cannot be imported") from error
    if not isinstance(found, type):
        raise SettingsError(f"embedding.model: {module_name} has no class {class_name}")
    for method in METHODS:
        if not callable(getattr(found, method, None)):
            raise SettingsError(f"embedding.model: {settings.model} has no method {method}")
    try:
        made = found(settings)
    except TypeError as error:
        raise SettingsError(f"embedding.model: {settings.model} does not take the embedding settings") from error
    if not isinstance(getattr(made, "space", None), Space):
        raise SettingsError(f"embedding.model: {settings.model} has no space (app.inference.embedder.Space)")
    return cast("Embedder", made)
