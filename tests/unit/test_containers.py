"""What the image and the compose file promise, as far as it can be read from them."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from app.settings import load_settings

DOCKER = Path(__file__).resolve().parents[2] / "docker"
USER = "10001"
SUBSTITUTED = re.compile(r"\$\{(\w+)(?::([-+?])([^}]*))?\}")


def resolve(value, environment):
    """Put the environment into values as Compose does, after YAML was read."""
    if isinstance(value, dict):
        return {key: resolve(below, environment) for key, below in value.items()}
    if isinstance(value, list):
        return [resolve(below, environment) for below in value]
    return SUBSTITUTED.sub(lambda match: word_for(match, environment), value) if isinstance(value, str) else value


def word_for(match, environment):
    name, operator, word = match.groups()
    there = environment.get(name, "")
    assert there or operator != "?", f"{name} is required: {word}"
    return {"-": there or word, "+": there and word}.get(operator, there)


def compose(**environment):
    content = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return resolve(content, {"STRONGROOM_HOST": "kb.lan"} | environment)


@pytest.fixture
def service():
    return compose()["services"]["strongroom"]


@pytest.fixture
def model():
    return compose()["services"]["vllm"]


def instructions():
    """The Dockerfile as (word, rest), continued lines joined, for each stage."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def last_stage():
    lines = instructions()
    begins = max(number for number, (word, _) in enumerate(lines) if word == "FROM")
    return lines[begins:]


def variables():
    words = [shlex.split(rest) for word, rest in last_stage() if word == "ENV"]
    return dict(one.split("=", 1) for line in words for one in line)


def test_every_image_is_pinned_by_a_version():
    arguments = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG" and "=" in rest)
    bases = {
        rest.split()[0].replace("${PYTHON}", arguments["PYTHON"]) for word, rest in instructions() if word == "FROM"
    }
    images = {one["image"] for one in compose()["services"].values()}

    assert "vllm/vllm-openai:v0.32.0" in images
    for image in bases | images:
        assert re.search(r":v?\d+\.\d+\.\d+[\w.-]*$", image), image


def test_the_service_is_not_root_and_can_write_its_volumes_and_ram_alone(service):
    users = [rest for word, rest in last_stage() if word == "USER"]

    assert users == [f"{USER}:{USER}"]
    assert service["user"] == users[0]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    targets = {volume.split(":")[1]: volume.split(":")[2:] for volume in service["volumes"]}
    assert targets == {"/data": [], "/keys": [], "/tls": ["ro"], "/models": []}
    assert "privileged" not in str(compose())
    assert "docker.sock" not in str(compose())


def test_no_terminal_is_given_to_a_container_so_that_no_credential_reaches_its_log():
    for one in compose()["services"].values():
        assert "tty" not in one
        assert "stdin_open" not in one


def test_the_ram_folder_is_a_tmpfs_of_a_size_for_the_service_alone(service):
    mounts = dict(mount.split(":", 1) for mount in service["tmpfs"])

    assert variables()["KB_RAM_DIR"] in mounts
    for options in mounts.values():
        assert {"mode=0700", f"uid={USER}"} <= set(options.split(","))
        assert re.search(r"size=\d+[gm]", options)


def test_what_the_image_sets_are_settings_that_hold():
    settings = load_settings({name: value for name, value in variables().items() if name.startswith("KB_")})

    assert str(settings.data_dir) == "/data"
    assert str(settings.key_file_for("any")) == "/keys/strongroom.key"


@pytest.mark.parametrize("profiles", ["", "gpu"])
def test_the_model_is_asked_where_it_runs_and_only_then(profiles):
    service = compose(COMPOSE_PROFILES=profiles)["services"]["strongroom"]
    settings = load_settings({name: str(value) for name, value in service["environment"].items() if name[:3] == "KB_"})

    assert settings.chat.base_url == ("http://vllm:8000/v1" if profiles else None)
    assert settings.chat.model == "deepseek"


def test_the_product_answers_on_port_8000_and_the_model_to_the_product_alone(service, model):
    assert service["ports"] == ["8000:8000"]
    assert ("EXPOSE", "8000") in last_stage()
    assert "ports" not in model
    networks = compose()["networks"]
    assert [networks[name]["internal"] for name in model["networks"]] == [True]
    assert set(model["networks"]) < set(service["networks"])


def test_the_owners_words_for_the_model_are_kept(model):
    assert "/data/models:/app/models:ro" in model["volumes"]
    assert model["environment"]["MODEL_PATH"] == "deepseek-7b"
    assert model["profiles"] == ["gpu"]
    (device,) = model["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


def test_the_model_server_calls_nobody(model):
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"):
        assert model["environment"][name] == "1"
    assert model["read_only"] is True


def test_the_model_server_is_started_with_the_folder_and_arguments_that_its_environment_names(model, tmp_path):
    said = tmp_path / "vllm"
    said.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    said.chmod(0o755)
    (command,) = model["command"]
    environment = {"MODEL_PATH": "a folder", "VLLM_ARGS": "--max-model-len 4096"}

    ran = subprocess.run(
        [*model["entrypoint"], command.replace("$$", "$")],
        env=environment | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    words = ran.stdout.splitlines()
    assert words[:2] == ["serve", "/app/models/a folder"]
    assert words[-2:] == ["--max-model-len", "4096"]
    assert words[words.index("--served-model-name") + 1] == "deepseek"


def test_health_is_asked_over_tls_on_the_port_that_is_served():
    (health,) = [rest for word, rest in last_stage() if word == "HEALTHCHECK"]
    command = yaml.safe_load(health.split("CMD", 1)[1])

    assert command[:2] == ["python", "-c"]
    compile(command[2], "health", "exec")
    assert "https://127.0.0.1:8000/healthz" in command[2]


def test_what_is_copied_into_the_image_is_sent_to_the_builder():
    ignored = (DOCKER.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]

    assert "*" in ignored
    assert not any(name.startswith((".git", ".venv", "data", "tests")) for name in sent)
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest and "${" not in rest:
            for source in rest.split()[:-1]:
                assert (DOCKER.parent / source).exists(), source
                assert any(source == name or source.startswith(f"{name}/") for name in sent), source


@pytest.mark.parametrize("script", sorted(DOCKER.glob("*.sh")), ids=lambda file: file.name)
def test_the_scripts_are_posix_shell_and_stop_at_the_first_error(script):
    assert "\nset -eu\n" in script.read_text(encoding="utf-8")
    subprocess.run(["dash" if Path("/bin/dash").exists() else "sh", "-n", str(script)], check=True)


def test_no_registry_of_packages_is_named():
    for file in DOCKER.iterdir():
        addresses = re.findall(r"https?://([^/\s'\"]+)", file.read_text(encoding="utf-8"))
        assert {one.split(":")[0] for one in addresses} <= {"127.0.0.1", "vllm", "..."}, file.name
