import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from app.errors import SettingsError
from app.settings import DEFAULT_CONFIG_FILE, Settings, from_environment, load_settings, overlay, quiet_libraries

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_SETTINGS = 60
MOST_BELOW_ONE_COMMENT = 3  # a comment may speak of a few neighbours: "to connect; until the first token; ..."


def names_of(model, prefix=""):
    """Every setting of a section, as section.name."""
    names = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += names_of(field.annotation, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def keys_of(content, prefix=""):
    """Every key of a YAML mapping, as section.name."""
    keys = []
    for key, value in content.items():
        keys += keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return keys


@pytest.fixture
def config(tmp_path):
    """Write an overlay and return the environment that names it."""

    def write(text):
        file = tmp_path / "strongroom.yaml"
        file.write_text(text, encoding="utf-8")
        return {"KB_CONFIG": str(file)}

    return write


def test_default_yaml_documents_every_setting_and_nothing_else():
    documented = keys_of(yaml.safe_load(DEFAULT_CONFIG_FILE.read_text(encoding="utf-8")))

    assert sorted(documented) == sorted(names_of(Settings))
    assert len(documented) == len(set(documented))


def test_each_setting_has_a_comment_above_it():
    without, run = [], MOST_BELOW_ONE_COMMENT
    for line in DEFAULT_CONFIG_FILE.read_text(encoding="utf-8").splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            run = 0
        elif not bare or bare.endswith(":"):
            run = MOST_BELOW_ONE_COMMENT  # a gap, or the head of a section: the comment above is of something else
        else:
            run += 1
            if run > MOST_BELOW_ONE_COMMENT:
                without.append(bare)

    assert without == []


def test_there_are_no_more_settings_than_a_person_can_read():
    assert len(names_of(Settings)) <= MOST_SETTINGS


def test_the_defaults_hold_by_themselves():
    settings = load_settings({})

    assert settings.server.host == "127.0.0.1"
    assert settings.chat.base_url is None
    assert settings.data_dir.is_absolute()
    assert settings.models_dir == Path.home() / ".local" / "share" / "strongroom" / "models"


def test_settings_are_frozen():
    settings = load_settings({})

    with pytest.raises(ValidationError):
        settings.log_level = "debug"
    with pytest.raises(ValidationError):
        settings.server.port = 1


def test_an_overlay_changes_what_it_names_and_nothing_else(config):
    settings = load_settings(config("server:\n  port: 9000\nlog_level: debug\n"))

    assert (settings.server.port, settings.log_level) == (9000, "debug")
    assert settings.model_copy(update={"server": None, "log_level": None}) == load_settings({}).model_copy(
        update={"server": None, "log_level": None}
    )
    assert settings.server.host == load_settings({}).server.host


def test_the_environment_goes_before_the_overlay_and_the_overlay_before_the_defaults(config):
    environment = config("server:\n  port: 9000\n  max_question_chars: 99\n")

    settings = load_settings(environment | {"KB_SERVER__PORT": "9001"})

    assert settings.server.port == 9001
    assert settings.server.max_question_chars == 99
    assert settings.retrieval == load_settings({}).retrieval


def test_an_empty_overlay_changes_nothing(config):
    for text in ("", "# only a comment\n", "---\n"):
        assert load_settings(config(text)) == load_settings({})
    assert load_settings({"KB_CONFIG": ""}) == load_settings({})


def test_the_environment_of_the_process_is_read():
    os.environ["KB_SERVER__PORT"] = "9002"

    assert load_settings().server.port == 9002


def test_other_variables_are_none_of_our_business():
    assert load_settings({"PATH": "/bin", "SERVER__PORT": "1", "XKB_SERVER__PORT": "2"}) == load_settings({})


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("KB_SERVR__PORT", "servr"),
        ("KB_SERVER__PROT", "server.prot"),
        ("KB_SERVER__PORT__X", "server.port"),
        ("KB_DATADIR", "datadir"),
    ],
)
def test_an_unknown_variable_refuses_the_start_and_is_named(variable, named):
    with pytest.raises(SettingsError, match=named):
        load_settings({variable: "1"})


@pytest.mark.parametrize(
    ("text", "named"),
    [("servr:\n  port: 1\n", "servr"), ("server:\n  prot: 1\n", r"server\.prot"), ("port: 1\n", "port")],
)
def test_an_unknown_key_refuses_the_start_and_is_named(config, text, named):
    with pytest.raises(SettingsError, match=named):
        load_settings(config(text))


def test_a_section_cannot_be_a_value():
    for environment in (
        {"KB_SERVER": "x"},
        {"KB_SERVER": "x", "KB_SERVER__PORT": "1"},
        {"KB_SERVER__PORT": "1", "KB_SERVER": "x"},
    ):
        with pytest.raises(SettingsError, match="server"):
            load_settings(environment)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KB_SERVER__PORT", "65536"),
        ("KB_SERVER__PORT", "-1"),
        ("KB_SERVER__PORT", "http"),
        ("KB_SERVER__PORT", ""),
        ("KB_RETRIEVAL__LIMIT", "0"),
        ("KB_RETRIEVAL__WORDS_WEIGHT", ".nan"),
        ("KB_ANSWERS__CONFIDENCE_FLOOR", "1.01"),
        ("KB_CHAT__CONNECT_TIMEOUT_S", "0"),
        ("KB_CHAT__CONNECT_TIMEOUT_S", ".inf"),
        ("KB_LOG_LEVEL", "loud"),
        ("KB_EMBEDDING__PRECISION", "f16"),
        ("KB_INGEST__WORKER", "[embedded]"),
    ],
)
def test_a_value_out_of_range_refuses_the_start_and_names_its_setting(variable, value):
    named = variable.removeprefix("KB_").lower().replace("__", ".")

    with pytest.raises(SettingsError, match=named.replace(".", r"\.")):
        load_settings({variable: value})


def test_every_number_has_its_bounds():
    """No number is so large or so small that it is let through by mistake."""
    for section in [Settings, *(field.annotation for field in Settings.model_fields.values())]:
        for name, field in getattr(section, "model_fields", {}).items():
            if field.annotation in {int, float}:
                assert field.metadata, f"{section.__name__}.{name} takes any number"


@pytest.mark.parametrize(
    "text",
    ["server: [", "a: b: c", "\tserver:\n", "- a list\n", "just text", "server:\n  port: !!python/object:x {}\n"],
)
def test_what_is_no_mapping_of_settings_refuses_the_start_and_names_the_file(config, text):
    environment = config(text)

    with pytest.raises(SettingsError, match=r"strongroom\.yaml"):
        load_settings(environment)


def test_an_overlay_that_cannot_be_read_is_named(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")

    for file in (tmp_path / "absent.yaml", tmp_path, binary):
        with pytest.raises(SettingsError, match=str(file)):
            load_settings({"KB_CONFIG": str(file)})


def test_a_broken_overlay_does_not_show_the_secrets_in_it(config):
    environment = config('chat:\n  api_key: "very secret value\n')

    with pytest.raises(SettingsError) as refused:
        load_settings(environment)

    assert "very secret value" not in str(refused.value)


def test_secrets_show_in_no_message_and_no_print():
    settings = load_settings({"KB_CHAT__API_KEY": "very-secret-value"})
    with pytest.raises(SettingsError) as refused:
        load_settings({"KB_CHAT__API_KEY": "[very, secret]", "KB_SERVER__PORT": "x"})

    assert settings.chat.api_key.get_secret_value() == "very-secret-value"
    assert "very-secret-value" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "secret", ["12345678", "1e5", "0123", "true", "no", "2026-01-01", "#abc", "abc #def", "&abc", "[abc", "a: b", "~x"]
)
def test_a_secret_in_the_environment_is_taken_as_it_is(secret):
    assert load_settings({"KB_CHAT__API_KEY": secret}).chat.api_key.get_secret_value() == secret


def test_a_prompt_in_the_environment_keeps_its_colon_and_its_space():
    assert load_settings({"KB_EMBEDDING__QUERY_PROMPT": "query: "}).embedding.query_prompt == "query: "


def test_a_model_may_be_named_by_a_number():
    assert load_settings({"KB_CHAT__MODEL": "2026"}).chat.model == "2026"


def test_null_in_the_environment_takes_a_setting_away(config):
    environment = config("chat:\n  base_url: http://127.0.0.1:8100/v1\n") | {"KB_CHAT__BASE_URL": "null"}

    assert load_settings(environment).chat.base_url is None


def test_folders_are_absolute_and_know_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    settings = load_settings({"KB_DATA_DIR": "~/data", "KB_KEY_FILE": "keys/../store.key", "KB_RAM_DIR": "ram"})

    assert settings.data_dir == tmp_path / "data"
    assert settings.key_file.is_absolute()
    assert settings.ram_root() == tmp_path / "ram"


@pytest.mark.parametrize("name", ["2026", "a b", "数据", "a#b", "x: y"])
def test_a_folder_may_have_any_name(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert load_settings({"KB_DATA_DIR": name}).data_dir == tmp_path / name


def test_the_home_folder_of_nobody_refuses_the_start():
    with pytest.raises(SettingsError):
        load_settings({"KB_DATA_DIR": "~nobody-of-this-name/data"})


def test_each_store_has_a_key_file_of_its_own_and_every_user_a_ram_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings({})

    assert settings.key_file_for("a") == tmp_path / ".config" / "strongroom" / "a.key"
    assert settings.key_file_for("a") != settings.key_file_for("b")
    assert settings.ram_root() == Path(f"/dev/shm/strongroom-{os.getuid()}")


def test_an_overlay_replaces_a_value_by_a_section_and_a_section_by_a_value():
    assert overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}
    assert overlay({"a": {"b": 1}}, {"a": None}) == {"a": None}
    assert overlay({"a": 1}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def test_names_in_the_environment_may_be_of_any_depth_and_case():
    assert from_environment({"KB_A__B__C": "1"})["a"]["b"].keys() == {"c"}
    assert load_settings({"KB_server__port": "81"}).server.port == 81


def test_libraries_are_told_to_stay_at_home(tmp_path):
    os.environ |= {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "ANONYMIZED_TELEMETRY": "True"}

    quiet_libraries(tmp_path)

    assert {os.environ[name] for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2")} == {"false"}
    assert os.environ["ANONYMIZED_TELEMETRY"] == "False"
    assert {os.environ[name] for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DO_NOT_TRACK")} == {"1"}
    assert os.environ["OTEL_SDK_DISABLED"] == "true"
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path)


def test_importing_the_settings_reads_nothing():
    program = "import app.settings, app.errors, app.logs; print('imported')"
    broken = os.environ | {"KB_NONSENSE": "1", "KB_CONFIG": "/absent"}

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env=broken, capture_output=True, text=True, check=True
    )

    assert ran.stdout == "imported\n"
