"""Converting a model folder's transformer for OpenVINO, once; imports torch, so it runs in the preparing child.

The graph takes word vectors and a mask and gives unit vectors: word table outside, pooling inside. A
conversion counts only if it gives the same vectors as the original.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.inference.embedder import agree
from app.inference.model_folder import ModelFolder, Pooling
from app.inference.openvino_model import GRAPH_FILE, WORDS_FILE, import_openvino
from app.inference.placing import placed_folder

KNOWN_MODULES = (("Transformer", "Pooling"), ("Transformer", "Pooling", "Normalize"))
LARGEST_HALF = 60_000.0  # float16 ends at 65,504
SMALLEST_DENOMINATOR = 1e-9
TRIALS = ((1, 7), (3, 33), (2, 512))  # texts, tokens: at most what the model takes


class CannotConvert(Exception):
    """The model needs sentence-transformers itself."""


class Pooled(torch.nn.Module):  # type: ignore[misc]  # torch is not followed
    """A transformer with its pooling behind it."""

    def __init__(self, transformer: Any, pooling: Pooling) -> None:  # noqa: ANN401 - any transformers model
        """Wrap ``transformer``."""
        super().__init__()
        self.transformer = transformer
        self.pooling = pooling

    def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, dimension) of word vectors (n, tokens, width) and mask (n, tokens)."""
        states = self.transformer(inputs_embeds=inputs_embeds, attention_mask=attention_mask).last_hidden_state
        return self.pool(states, attention_mask)

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors of token vectors (n, tokens, dimension)."""
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=SMALLEST_DENOMINATOR)
        return torch.nn.functional.normalize(pooled, dim=1)

    def original(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit vectors by the transformer as it was, from token ids."""
        attention = torch.from_numpy(mask)
        with torch.inference_mode():
            states = self.transformer(input_ids=torch.from_numpy(ids), attention_mask=attention).last_hidden_state
            vectors: NDArray[np.float32] = self.pool(states, attention).numpy()
        return vectors


def convert(model: ModelFolder, converted_dir: Path) -> None:
    """Convert ``model`` into ``converted_dir``; about ten seconds for the default.

    Raises:
        CannotConvert: the model is of a kind that only sentence-transformers runs, or the result differs.
        OSError: the result cannot be written.
    """
    if model.modules not in KNOWN_MODULES or model.pooling == "other":
        raise CannotConvert("modules or pooling are not plain")
    openvino = import_openvino()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about every branch
        try:
            pooled = Pooled(load_transformer(model.transformer_dir), model.pooling).eval()
            words = pooled.transformer.get_input_embeddings().weight.detach().numpy()
            graph = trace(openvino, pooled, words.shape[1])
        except Exception as error:  # the libraries raise what they please, and torch takes over
            raise CannotConvert(f"tracing failed: {type(error).__name__}") from error
    words = np.asarray(words, np.float16 if np.abs(words).max() < LARGEST_HALF else np.float32)
    if not gives_same(graph, pooled, words, model.max_tokens):
        raise CannotConvert("the converted model gives other vectors")
    with placed_folder(converted_dir) as making:
        np.save(making / WORDS_FILE, words, allow_pickle=False)
        openvino.save_model(graph, making / GRAPH_FILE, compress_to_fp16=False)


def load_transformer(transformer_dir: Path) -> Any:  # noqa: ANN401 - any transformers model
    """Load the bare transformer in float32, from local files, running no code of the folder."""
    from transformers import AutoModel, logging  # noqa: PLC0415 - only where there is something to convert

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"local_files_only": True, "trust_remote_code": False, "dtype": torch.float32}
    try:
        return AutoModel.from_pretrained(str(transformer_dir), add_pooling_layer=False, **options)
    except TypeError:  # not every model has the choice
        return AutoModel.from_pretrained(str(transformer_dir), **options)


def trace(openvino: Any, pooled: Pooled, width: int) -> Any:  # noqa: ANN401 - OpenVINO has no types
    """Convert by example; batch and length stay open."""
    mask = torch.ones(2, 9, dtype=torch.int64)
    mask[1, 6:] = 0
    with torch.inference_mode():
        return openvino.convert_model(
            pooled,
            example_input={"inputs_embeds": torch.randn(2, 9, width), "attention_mask": mask},
            input=[("inputs_embeds", [-1, -1, width]), ("attention_mask", [-1, -1])],
        )


def gives_same(graph: Any, pooled: Pooled, words: NDArray[np.floating], max_tokens: int) -> bool:  # noqa: ANN401 - as above
    """Whether graph and original give the same vectors over several shapes, padding included."""
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    request = import_openvino().Core().compile_model(graph, "CPU", options).create_infer_request()
    random = np.random.default_rng(0)
    for texts, most_tokens in TRIALS:
        tokens = min(most_tokens, max_tokens)
        ids = random.integers(len(words) // 10, len(words) * 9 // 10, (texts, tokens))
        mask = np.ones((texts, tokens), np.int64)
        if texts > 1:
            mask[-1, tokens // 2 :] = 0
        try:
            given = request.infer([words[ids].astype(np.float32), mask])[0]
        except RuntimeError:  # the example's shape got stuck in the graph
            return False
        if not agree(given, pooled.original(ids, mask)):
            return False
    return True
