"""Embedding by sentence-transformers in torch: on a GPU, for models that do not convert, and for filling vectors.

Importing this module takes seconds and several hundred megabytes; the serving process on a CPU never does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from app.errors import ModelUnavailable
from app.inference import hardware
from app.inference.embedder import unit_rows
from app.inference.folder_embedder import FolderEmbedder
from app.inference.prepared import PreparedModel
from app.inference.tokens import clean
from app.settings import EmbeddingSettings

GPU_BATCH = 64


class TorchEmbedder(FolderEmbedder):
    """A sentence-transformers folder in torch; calls from several threads take turns."""

    engine = "torch"

    def __init__(self, prepared: PreparedModel, settings: EmbeddingSettings) -> None:
        """Load the folder from local files, running no code of its own.

        Raises:
            ModelUnavailable: it does not load.
        """
        super().__init__(prepared)
        on_gpu = hardware.gpu_available()
        self.batch_size = GPU_BATCH if on_gpu else settings.batch_size
        if not on_gpu:
            torch.set_num_threads(hardware.cpu_threads(settings.threads))
        try:
            self.model: Any = SentenceTransformer(
                str(self.folder.folder),
                device="cuda" if on_gpu else "cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": weights_type(settings, on_gpu=on_gpu)},
            )
        except Exception as error:
            raise ModelUnavailable(f"the embedding model does not load: {type(error).__name__}") from error
        self.model.max_seq_length = self.folder.max_tokens

    def close(self) -> None:
        """Let go of the weights."""
        with self.turn:
            self.model = None

    def embed(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        """Vectors of texts behind ``prompt``, in the order of the texts."""
        if not texts:
            return np.empty((0, self.space.dimension), np.float32)
        escaped = [clean(self.tokens.escape(text)) for text in texts]
        with self.turn:
            if self.model is None:
                raise ModelUnavailable("the embedding model is closed")
            try:
                vectors = self.model.encode(
                    escaped,
                    prompt=prompt,
                    batch_size=self.batch_size,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
            except RuntimeError as error:  # out of memory among them
                raise ModelUnavailable("the embedding model failed") from error
        return unit_rows(vectors)


def weights_type(settings: EmbeddingSettings, *, on_gpu: bool) -> torch.dtype:
    """Type of the weights: bf16 where it is computed as such, else float32."""
    if on_gpu:
        use_half = settings.precision != "f32" and torch.cuda.is_bf16_supported()
    else:
        use_half = hardware.cpu_precision(settings.precision) == "bf16"
    return torch.bfloat16 if use_half else torch.float32
