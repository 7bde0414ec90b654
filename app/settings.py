"""Settings: read once, checked, frozen, handed down. Nothing else reads the environment.

Order of precedence: environment ``KB_SECTION__NAME`` > the overlay named by ``KB_CONFIG`` >
``configs/default.yaml`` (which documents each one). An unknown key refuses the start.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from app.errors import SettingsError

DEFAULT_CONFIG_FILE = Path(__file__).resolve().parent.parent / "configs" / "default.yaml"
PREFIX = "KB_"


class Section(BaseModel):
    """A part of the settings: frozen, and a misspelt key stops the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def names_in(value: object) -> object:
    """Take a list of names also as one text with commas, as the environment gives it."""
    if value is None:
        return ()
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


HostName = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$", to_lower=True)
]
HostNames = Annotated[tuple[HostName, ...], BeforeValidator(names_in)]


TAKEN_APART = ("zip", "jsonl")
Extension = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,12}$")]
ClassPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", max_length=200)]


def own_readers_in(value: object) -> object:
    """Take own readers also as one text, "extension=module:Class" with commas; extensions in lower case, no dot."""
    if value is None:
        return {}
    if isinstance(value, str):
        value = dict(pair.partition("=")[::2] for pair in value.replace(",", " ").split())
    if not isinstance(value, dict):
        return value
    readers = {str(extension).lower().lstrip("."): path for extension, path in value.items()}
    if taken := [extension for extension in TAKEN_APART if extension in readers]:
        raise ValueError(f"{taken[0]}: such a file is taken apart, and its parts are read")
    return readers


OwnReaders = Annotated[dict[Extension, ClassPath], BeforeValidator(own_readers_in)]


class ServerSettings(Section):
    """HTTP: where it listens and what it accepts."""

    host: str
    port: int = Field(ge=0, le=65_535)
    max_upload_bytes: int = Field(ge=1_024, le=4 * 2**30)
    max_question_chars: int = Field(ge=16, le=100_000)
    max_searches_at_once: int = Field(ge=1, le=10_000)
    request_timeout_s: float = Field(gt=0, le=3_600)
    allowed_hosts: HostNames = Field(max_length=100)
    session_idle_minutes: int = Field(ge=2, le=1_440)
    session_hours: int = Field(ge=1, le=168)


class EmbeddingSettings(Section):
    """The embedding model."""

    model: str
    query_prompt: str | None
    passage_prompt: str | None
    max_tokens: int = Field(ge=32, le=8_192)
    batch_size: int = Field(ge=1, le=16)
    threads: int = Field(ge=0, le=256)
    precision: Literal["auto", "f32", "bf16"]


class ChatSettings(Section):
    """The chat model behind an OpenAI-compatible endpoint; off without a base_url."""

    base_url: str | None
    api_key: SecretStr | None
    model: str
    temperature: float = Field(ge=0, le=2)
    context_tokens: int = Field(ge=1_024, le=2_000_000)
    max_answer_tokens: int = Field(ge=16, le=32_768)
    connections: int = Field(ge=1, le=10_000)
    connect_timeout_s: float = Field(gt=0, le=600)
    first_token_timeout_s: float = Field(gt=0, le=3_600)
    stall_timeout_s: float = Field(gt=0, le=3_600)


class IngestSettings(Section):
    """Reading files and cutting them into chunks."""

    worker: Literal["embedded", "external"]
    readers: int = Field(ge=1, le=64)
    max_file_bytes: int = Field(ge=1_024, le=16 * 2**30)
    max_text_chars: int = Field(ge=10_000, le=1_000_000_000)
    max_pages: int = Field(ge=1, le=1_000_000)
    file_timeout_s: float = Field(gt=0, le=3_600)
    reader_memory_bytes: int = Field(ge=256 * 2**20, le=64 * 2**30)
    ocr: bool
    own_readers: OwnReaders = Field(max_length=50)
    chunk_tokens: int = Field(ge=32, le=2_048)
    overlap_tokens: int = Field(ge=0, le=512)


class RetrievalSettings(Section):
    """Search."""

    limit: int = Field(ge=1, le=100)
    candidates: int = Field(ge=10, le=1_000)
    words_weight: float = Field(ge=0, le=10)
    chroma_from_rows: int = Field(ge=0)
    unknown_token_share: float = Field(ge=0, le=1)


class AnswerSettings(Section):
    """Answers."""

    passages: int = Field(ge=1, le=50)
    confidence_floor: float = Field(ge=0, le=1)
    finding_chars: int = Field(ge=100, le=5_000)


class Settings(Section):
    """All settings of one process."""

    data_dir: Path
    key_file: Path | None
    anchor_dir: Path | None
    ram_dir: Path | None
    models_dir: Path
    log_level: Literal["debug", "info", "warning", "error"]
    server: ServerSettings
    embedding: EmbeddingSettings
    chat: ChatSettings
    ingest: IngestSettings
    retrieval: RetrievalSettings
    answers: AnswerSettings

    def key_file_for(self, store_id: str) -> Path:
        """Where the key of the store lies: named by the settings, else under the home folder."""
        if self.key_file is not None:
            return self.key_file
        return Path.home() / ".config" / "strongroom" / f"{store_id}.key"

    def ram_root(self) -> Path:
        """Parent of all RAM folders of this user; never on a disk unless named so."""
        if self.ram_dir is not None:
            return self.ram_dir
        return Path("/dev/shm") / f"strongroom-{os.getuid()}"  # noqa: S108 - a RAM file system, 0700 below


def read_yaml(file: Path) -> dict[str, Any]:
    """Read one YAML mapping; errors name the file."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        # Where and what, never the line itself: it may hold a key.
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SettingsError(f"cannot read the settings in {file}: line {line}: {error.problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings in {file}: {type(error).__name__}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold a mapping of settings")
    return content


def overlay(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes`` laid over it, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Turn ``KB_SECTION__NAME=value`` into nested settings; empty or ``null`` is none."""
    found: dict[str, Any] = {}
    for name, raw in environment.items():
        if not name.startswith(PREFIX) or name == "KB_CONFIG":
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise SettingsError(f"{name}: '{section}' is both a setting and a section")
        # As it stands: pydantic makes numbers of it, and a key such as 0123 or #abc stays what it is.
        place[key] = None if raw in {"", "null"} else raw
    return found


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: a file cannot be read, a key is unknown, or a value is out of range.
    """
    environment = os.environ if environment is None else environment
    merged = read_yaml(DEFAULT_CONFIG_FILE)
    named = environment.get("KB_CONFIG")
    if named:
        merged = overlay(merged, read_yaml(Path(named)))
    merged = overlay(merged, from_environment(environment))
    for key in ("data_dir", "key_file", "anchor_dir", "ram_dir", "models_dir"):
        if isinstance(merged.get(key), str):
            try:
                merged[key] = Path(merged[key]).expanduser().absolute()
            except RuntimeError as error:
                raise SettingsError(f"{key}: no such home folder in {merged[key]}") from error
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise SettingsError("settings do not hold: " + "; ".join(lines)) from error


def quiet_libraries(temp_dir: Path) -> None:
    """Close the libraries' doors to the outside before they are imported: no telemetry, hub or tracing.

    Temporary files go to ``temp_dir``, which lies in RAM.
    """
    os.environ.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        DO_NOT_TRACK="1",
        ANONYMIZED_TELEMETRY="False",
        LANGSMITH_TRACING="false",
        LANGCHAIN_TRACING_V2="false",
        OMP_WAIT_POLICY="PASSIVE",  # spinning threads cost 5-20x in latency on busy cores
        TOKENIZERS_PARALLELISM="false",
        OTEL_SDK_DISABLED="true",
        TMPDIR=str(temp_dir),
    )
    tempfile.tempdir = str(temp_dir)
