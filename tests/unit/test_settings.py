import re

import pytest
import yaml
from pydantic import BaseModel

from app.errors import SettingsError
from app.settings import DEFAULT_CONFIG_FILE, Settings, load_settings


def fields_of(model: type[BaseModel], before: str = "") -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= fields_of(field.annotation, f"{before}{name}.")
        else:
            names.add(before + name)
    return names


def keys_of(tree: dict, before: str = "") -> set[str]:
    names = set()
    for name, value in tree.items():
        names |= keys_of(value, f"{before}{name}.") if isinstance(value, dict) else {before + name}
    return names


def test_the_default_file_holds_every_setting_and_nothing_else():
    assert keys_of(yaml.safe_load(DEFAULT_CONFIG_FILE.read_text(encoding="utf-8"))) == fields_of(Settings)


def test_every_setting_is_documented_by_a_comment_above_it_or_above_its_group():
    lines = DEFAULT_CONFIG_FILE.read_text(encoding="utf-8").splitlines()
    undocumented = []
    for at, line in enumerate(lines):
        if re.match(r"^ *[a-z_]+: \S", line):
            above = at - 1
            while re.match(r"^ *[a-z_]+: \S", lines[above]):
                above -= 1
            if not lines[above].strip().startswith("#"):
                undocumented.append(line)

    assert undocumented == []


def test_there_are_at_most_sixty_settings():
    assert len(fields_of(Settings)) <= 60


def test_an_unknown_key_refuses_the_start_and_is_named():
    with pytest.raises(SettingsError, match=r"server\.prot"):
        load_settings({"KB_SERVER__PROT": "8001"})


def test_a_value_out_of_range_is_named():
    with pytest.raises(SettingsError, match=r"server\.port"):
        load_settings({"KB_SERVER__PORT": "70000"})


def test_the_environment_wins_over_the_overlay_and_the_overlay_over_the_defaults(tmp_path):
    overlay = tmp_path / "site.yaml"
    overlay.write_text("server: {port: 8100, host: localhost}\n", encoding="utf-8")

    settings = load_settings({"KB_CONFIG": str(overlay), "KB_SERVER__PORT": "8200"})

    assert (settings.server.port, settings.server.host) == (8200, "localhost")
    assert settings.retrieval.limit == load_settings({}).retrieval.limit


@pytest.mark.parametrize("content", ["server: [", "- a list", "server: {port: !!python/object:os.system x}"])
def test_a_broken_overlay_is_named(tmp_path, content):
    overlay = tmp_path / "site.yaml"
    overlay.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match=r"site\.yaml"):
        load_settings({"KB_CONFIG": str(overlay)})


def test_a_missing_overlay_is_named(tmp_path):
    with pytest.raises(SettingsError, match="absent"):
        load_settings({"KB_CONFIG": str(tmp_path / "absent.yaml")})


def test_a_secret_does_not_show():
    settings = load_settings({"KB_CHAT__API_KEY": "sesame-open"})

    assert "sesame-open" not in repr(settings)
    assert settings.chat.api_key.get_secret_value() == "sesame-open"
