"""What an embedder is, and how each process opens the one that the settings name.

Holds the roles and the choice between the engines; the engines themselves are imported when one
is opened, so that importing this module costs numpy alone. Vectors of the same *space* may be
mixed, whichever engine made them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import structlog
from numpy.typing import NDArray

from app.errors import ModelUnavailable

if TYPE_CHECKING:
    from app.inference.prepared import PreparedModel
    from app.settings import EmbeddingSettings

PREPARE_ADVICE = "Run 'python -m app models prepare'."

# Eight texts whose vectors must agree before vectors of another machine or engine are mixed in.
PROBES: tuple[str, ...] = (
    "The pump must be switched off before its cover is opened.",
    "术前八小时禁食，两小时禁饮。",
    "Maximum dose: 5 mg twice a day, with food.",
    "本保修不包括因使用不当造成的损坏。",
    "XJ-9000 控制器的固件版本低于 2.3 时，请先升级再校准。",
    "Who signs off a change to the production line, and within how many days?",
    "合同期满前三十日内，任何一方均可书面提出终止。",
    "Q3",
)
AGREEMENT = 0.999  # smallest cosine at which two vectors of one text count as the same


@dataclass(frozen=True, slots=True)
class Space:
    """Where vectors live: only vectors of one space may be compared.

    Attributes:
        space_id: SHA-256, lower-case hexadecimal, of all that shapes the vectors.
        dimension: floats in a vector.
        description: for people; never compared.
    """

    space_id: str
    dimension: int
    description: str

    def __post_init__(self) -> None:
        """Refuse spaces that cannot hold a vector."""
        if not self.space_id or self.dimension < 1:
            raise ValueError(f"impossible space {self.space_id!r} of {self.dimension} dimensions")


class TokenCounter(Protocol):
    """Measures texts in the model's own tokens."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without special tokens and prompts, however long it is."""
        ...

    def unknown_share(self, text: str) -> float:
        """Share (0..1) of the text's tokens that the model does not know; 0 for an empty text."""
        ...


class Embedder(TokenCounter, Protocol):
    """Turns texts into unit vectors of one space; safe to call from several threads."""

    space: Space

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, shape (len(texts), dimension), rows of length 1.

        Raises:
            ModelUnavailable: the model does not answer.
        """
        ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, shape (len(texts), dimension), rows of length 1.

        Raises:
            ModelUnavailable: the model does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of the model; may be called twice."""
        ...


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale each row of (n, dimension) to length 1; a row of zeros stays."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return cast("NDArray[np.float32]", rows / np.where(lengths > 0, lengths, 1))


def agree(first: NDArray[np.floating], second: NDArray[np.floating]) -> bool:
    """Whether two matrices (n, dimension) are the same vectors row by row, cosine >= 0.999."""
    if first.shape != second.shape or first.ndim != 2:
        return False
    cosines = np.einsum("ij,ij->i", unit_rows(first), unit_rows(second))
    return bool(np.all(cosines >= AGREEMENT))


def open_query_embedder(settings: "EmbeddingSettings", models_dir: Path) -> Embedder:
    """Open the embedder of the serving process: on a GPU in torch, else in OpenVINO, quick per text.

    Without a GPU neither torch nor transformers is imported, unless the model could not be converted.

    Raises:
        ModelUnavailable: the model is not prepared, or does not load.
        SettingsError: the settings name no model.
    """
    from app.inference import custom_embedder, hardware, prepared  # noqa: PLC0415 - costs its caller alone

    if custom_embedder.is_custom(settings.model):
        return custom_embedder.load_custom(settings)
    model = prepared.find_prepared(settings, models_dir)
    if hardware.gpu_available():
        return open_torch(model, settings)
    if model.is_converted():
        return open_openvino(model, settings)
    if model.refused_conversion():
        structlog.get_logger().warning("model_not_converted", engine="torch", space_id=model.space.space_id)
        return open_torch(model, settings)
    raise ModelUnavailable("the embedding model is not prepared for this machine", advice=PREPARE_ADVICE)


def open_passage_embedder(settings: "EmbeddingSettings", models_dir: Path) -> Embedder:
    """Open the embedder of the process that fills vectors: the engine that measured faster here.

    Raises:
        ModelUnavailable: the model is not prepared, or does not load.
        SettingsError: the settings name no model.
    """
    from app.inference import custom_embedder, engine_choice, hardware, prepared  # noqa: PLC0415 - as above

    if custom_embedder.is_custom(settings.model):
        return custom_embedder.load_custom(settings)
    model = prepared.find_prepared(settings, models_dir)
    if hardware.gpu_available() or not model.is_converted():
        return open_torch(model, settings)
    if engine_choice.faster_engine(model, settings) == "torch":
        return open_torch(model, settings)
    return open_openvino(model, settings)


def load_token_counter(settings: "EmbeddingSettings", models_dir: Path) -> TokenCounter:
    """Load the tokenizer alone, for cutting documents into chunks.

    Raises:
        ModelUnavailable: the model is not prepared.
        SettingsError: the settings name no model.
    """
    from app.inference import custom_embedder, prepared, tokens  # noqa: PLC0415 - as above

    if custom_embedder.is_custom(settings.model):
        return custom_embedder.load_custom(settings)
    return tokens.FolderTokens(prepared.find_prepared(settings, models_dir).folder)


def model_space(settings: "EmbeddingSettings", models_dir: Path) -> Space:
    """Say which space the settings' model fills, without loading the model.

    The default model's needs no files at all; a folder's is hashed, once per file and change.

    Raises:
        ModelUnavailable: a file of the model cannot be read.
        SettingsError: the settings name no model.
    """
    from app.inference import custom_embedder, fingerprint  # noqa: PLC0415 - as above

    if custom_embedder.is_custom(settings.model):
        custom = custom_embedder.load_custom(settings)
        try:
            return custom.space
        finally:
            custom.close()
    return fingerprint.space_of(settings, models_dir)


def open_torch(model: "PreparedModel", settings: "EmbeddingSettings") -> Embedder:
    """Open the prepared model in torch."""
    from app.inference.torch_model import TorchEmbedder  # noqa: PLC0415 - imports torch, seconds

    return TorchEmbedder(model, settings)


def open_openvino(model: "PreparedModel", settings: "EmbeddingSettings") -> Embedder:
    """Open the prepared model in OpenVINO."""
    from app.inference.openvino_model import OpenVinoEmbedder  # noqa: PLC0415 - imports OpenVINO

    return OpenVinoEmbedder(model, settings)
