import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from app.errors import ModelUnavailable, SettingsError
from app.inference import engine_choice, fingerprint, hardware
from app.inference.embedder import (
    PROBES,
    Space,
    agree,
    load_token_counter,
    model_space,
    open_passage_embedder,
    open_query_embedder,
)
from app.inference.model_folder import longest_text, pooling_of, read_folder
from app.inference.openvino_model import PART_TOKENS, parts_by_length
from app.inference.placing import making_models, placed_folder, read_note, write_note
from app.inference.prepare import prepare_models
from app.inference.processes import APPLICATION_DIR
from app.inference.tokens import breaking_pattern, broken, clean
from app.settings import load_settings
from tests.hash_embedder import HashEmbedder

SETTINGS = load_settings({}).embedding


class Halfway(HashEmbedder):
    unknown_share = None


class NoSpace(HashEmbedder):
    space = "somewhere"


class NoSettings(HashEmbedder):
    def __init__(self):
        super().__init__()


def naming(model, **changes):
    return SETTINGS.model_copy(update={"model": model, **changes})


def a_folder(parent, *, pooling="mean"):
    folder = parent / "a-model"
    (folder / "1_Pooling").mkdir(parents=True)
    files = {
        "modules.json": [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}],
        "1_Pooling/config.json": {"pooling_mode": pooling, "embedding_dimension": 24},
        "config.json": {"hidden_size": 24, "max_position_embeddings": 130, "model_type": "xlm-roberta"},
        "config_sentence_transformers.json": {"prompts": {"query": "ask: ", "passage": "text: "}},
        "tokenizer.json": {},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_importing_the_roles_costs_no_engine():
    program = (
        "import sys, app.inference.embedder, app.inference.prepare, app.inference.embedding_child\n"
        "heavy = {'torch', 'openvino', 'transformers', 'tokenizers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=APPLICATION_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("open_model", [open_query_embedder, open_passage_embedder, load_token_counter])
def test_an_unprepared_model_says_how_to_prepare_it(open_model, tmp_path):
    with pytest.raises(ModelUnavailable) as failure:
        open_model(SETTINGS, tmp_path)
    assert "python -m app models prepare" in failure.value.advice


def test_an_owners_class_is_taken(tmp_path):
    settings = naming("tests.hash_embedder:HashEmbedder")
    assert isinstance(open_query_embedder(settings, tmp_path), HashEmbedder)
    assert isinstance(open_passage_embedder(settings, tmp_path), HashEmbedder)
    assert load_token_counter(settings, tmp_path).count_tokens(["两个 words"]) == [3]
    assert model_space(settings, tmp_path) == HashEmbedder.space
    assert prepare_models(settings, tmp_path) == HashEmbedder.space


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Halfway", "unknown_share"),
        ("NoSpace", "space"),
        ("NoSettings", "does not take"),
        ("Absent", "no class Absent"),
    ],
)
def test_an_unfit_class_is_refused_by_what_it_lacks(name, said, tmp_path):
    with pytest.raises(SettingsError, match=said):
        open_query_embedder(naming(f"{__name__}:{name}"), tmp_path)


def test_an_absent_module_or_folder_is_refused(tmp_path):
    for model in ("no_such_module:Model", str(tmp_path / "absent"), "a name"):
        with pytest.raises(SettingsError):
            model_space(naming(model), tmp_path)


def test_the_default_space_is_known_without_files_and_depends_on_what_shapes_vectors(tmp_path):
    space = model_space(SETTINGS, tmp_path)
    assert space.dimension == 384
    assert list(tmp_path.iterdir()) == []
    same = naming("default", batch_size=3, threads=7, precision="bf16", max_tokens=4_096, query_prompt="query: ")
    assert model_space(same, tmp_path).space_id == space.space_id
    for changed in ({"query_prompt": ""}, {"passage_prompt": "x"}, {"max_tokens": 256}):
        assert model_space(naming("default", **changed), tmp_path).space_id != space.space_id


def test_a_folders_space_follows_its_content_not_its_place(tmp_path):
    first = a_folder(tmp_path / "one")
    second = a_folder(tmp_path / "two")
    space = model_space(naming(str(first)), tmp_path)
    assert space.dimension == 24
    assert model_space(naming(str(second)), tmp_path).space_id == space.space_id
    (second / "model.safetensors").write_bytes(b"other weights")
    assert model_space(naming(str(second)), tmp_path).space_id != space.space_id
    third = a_folder(tmp_path / "three", pooling="cls")
    assert model_space(naming(str(third)), tmp_path).space_id != space.space_id


def test_a_big_file_is_hashed_once(tmp_path, monkeypatch):
    settings = naming(str(a_folder(tmp_path)))
    space = model_space(settings, tmp_path)
    monkeypatch.setattr(fingerprint.hashlib, "file_digest", None)
    assert model_space(settings, tmp_path) == space


def test_a_folder_without_weights_is_unavailable(tmp_path):
    folder = a_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable):
        model_space(naming(str(folder)), tmp_path)


def test_a_folder_says_its_prompts_and_longest_text_and_settings_come_first(tmp_path):
    folder = a_folder(tmp_path)
    model = read_folder(folder, SETTINGS)
    assert (model.query_prompt, model.passage_prompt, model.max_tokens) == ("ask: ", "text: ", 128)
    model = read_folder(folder, naming("x", query_prompt="", max_tokens=64))
    assert (model.query_prompt, model.passage_prompt, model.max_tokens) == ("", "text: ", 64)
    assert longest_text(folder, {"max_seq_length": 100}) == 100


@pytest.mark.parametrize(
    ("said", "pooling"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": "lasttoken"}, "other"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, "other"),
        ({"pooling_mode": "mean", "include_prompt": False}, "other"),
        ({}, "other"),
    ],
)
def test_pooling_is_read_in_both_forms(said, pooling):
    assert pooling_of(said) == pooling


def test_bf16_is_taken_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(hardware, "cpu_description", lambda: ("cpu", frozenset({"avx2"})))
    assert hardware.cpu_precision("auto") == "f32"
    assert hardware.cpu_precision("bf16") == "bf16"
    monkeypatch.setattr(hardware, "cpu_description", lambda: ("cpu", frozenset({"avx2", "avx512_bf16"})))
    assert hardware.cpu_precision("auto") == "bf16"
    assert hardware.cpu_precision("f32") == "f32"


def test_agreement_is_row_by_row():
    vectors = HashEmbedder().embed(PROBES)
    assert len(PROBES) == 8
    assert agree(vectors, vectors * 3)
    assert not agree(vectors, vectors[::-1])
    assert not agree(vectors, vectors[:4])
    one_off = vectors.copy()
    one_off[5] = np.roll(one_off[5], 1)
    assert not agree(vectors, one_off)


def test_spaces_hold_vectors():
    for space_id, dimension in (("", 3), ("x", 0)):
        with pytest.raises(ValueError, match="impossible"):
            Space(space_id, dimension, "")


def test_rows_of_like_length_are_computed_together():
    lengths = [5, 500, 7, 480, 300, 6, 512]
    parts = list(parts_by_length(lengths))
    assert sorted(row for part in parts for row in part) == list(range(len(lengths)))
    assert all(len(part) * max(lengths[row] for row in part) <= PART_TOKENS or len(part) == 1 for part in parts)
    assert len(parts) == 3
    assert list(parts_by_length([])) == []


def test_trial_texts_have_about_the_wanted_tokens():
    counts = HashEmbedder().count_tokens(engine_choice.trial_texts(HashEmbedder()))
    assert all(0.7 * engine_choice.TRIAL_TOKENS < count < 1.3 * engine_choice.TRIAL_TOKENS for count in counts)


def test_text_that_looks_like_a_special_token_is_broken_up():
    pattern = breaking_pattern(["<s>", "</s>", "[MASK]"])
    assert pattern.sub(broken, "a<s>b [MASK] </s>") == "a< s>b [ MASK] < /s>"
    assert breaking_pattern([]) is None
    assert clean("a\ud800b") == "a\ufffdb"


def test_a_folder_is_placed_whole_or_not_at_all(tmp_path):
    target = tmp_path / "made"
    with suppress(RuntimeError), placed_folder(target) as making:
        (making / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with placed_folder(target) as making:
        (making / "whole").write_text("x")
    assert (target / "whole").read_text() == "x"
    (tmp_path / ".making-left").mkdir()
    with making_models(tmp_path):
        assert not (tmp_path / ".making-left").exists()


def test_notes_are_forgiving(tmp_path):
    write_note(tmp_path / "note.json", {"a": 1})
    assert read_note(tmp_path / "note.json") == {"a": 1}
    (tmp_path / "note.json").write_text("{half")
    assert read_note(tmp_path / "note.json") == {}
    write_note(tmp_path / "absent" / "note.json", {"a": 1})
