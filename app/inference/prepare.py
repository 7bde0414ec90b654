"""Preparing the embedding model, once: made or found, converted for OpenVINO, engines measured.

All of it happens in a child, so that the caller never imports torch. As a module it is that child:
settings as one JSON line on stdin, progress and outcome as JSON lines on stdout.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from app.errors import ModelUnavailable, SettingsError, StrongroomError
from app.inference import custom_embedder, default_model, engine_choice, hardware
from app.inference.embedder import Space, model_space
from app.inference.placing import making_models, read_note, write_note
from app.inference.prepared import PreparedModel, find_prepared
from app.inference.processes import WITH_PARENT_THREAD, harden_child, on_main_thread, start_child, take_stdout
from app.settings import EmbeddingSettings, quiet_libraries


def say_nothing(_line: str) -> None:
    """Drop a line of progress."""


def prepare_models(settings: EmbeddingSettings, models_dir: Path, say: Callable[[str], None] = say_nothing) -> Space:
    """Make all that the settings' embedding model needs on this machine; at once when it is there.

    Args:
        settings: which model.
        models_dir: where made models lie; several processes may prepare at the same time.
        say: is given lines of progress for a person.

    Raises:
        ModelUnavailable: the model cannot be made.
        SettingsError: the settings name no model.
    """
    if custom_embedder.is_custom(settings.model) or is_prepared(settings, models_dir):
        return model_space(settings, models_dir)
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelUnavailable(f"the models folder {models_dir} cannot be made") from error
    run_child(resolved(settings), models_dir.absolute(), say)
    return model_space(settings, models_dir)


def is_prepared(settings: EmbeddingSettings, models_dir: Path) -> bool:
    """Whether nothing is left to do on this machine; reads a few small files.

    Raises:
        SettingsError: the settings name no model.
    """
    try:
        prepared = find_prepared(settings, models_dir)
    except ModelUnavailable:
        return False
    if hardware.gpu_available():
        return True
    if not prepared.is_converted():
        return conversion_is_settled(prepared)
    return engine_choice.noted_engine(prepared, settings) is not None


def conversion_is_settled(prepared: PreparedModel) -> bool:
    """Whether this version of OpenVINO has tried to convert the model and could not."""
    return prepared.refused_conversion() and read_note(prepared.conversion_note).get("openvino") == version("openvino")


def resolved(settings: EmbeddingSettings) -> EmbeddingSettings:
    """The settings with a model folder's full path, for a process in another folder."""
    if settings.model == default_model.NAME or custom_embedder.is_custom(settings.model):
        return settings
    return settings.model_copy(update={"model": str(Path(settings.model).expanduser().absolute())})


def run_child(settings: EmbeddingSettings, models_dir: Path, say: Callable[[str], None]) -> None:
    """Run the preparing child to its end.

    Raises:
        ModelUnavailable: it failed.
        SettingsError: the settings name no model.
    """
    order = {"settings": settings.model_dump(), "models_dir": str(models_dir), "temp_dir": tempfile.gettempdir()}
    outcome: dict[str, Any] = {}
    with start_child("app.inference.prepare", *on_main_thread()) as child:
        if child.stdin is None or child.stdout is None:
            raise ModelUnavailable("the preparing process has no pipes")
        try:
            child.stdin.write(json.dumps(order).encode() + b"\n")
            child.stdin.flush()
            for line in child.stdout:
                outcome = json.loads(line)
                if "say" in outcome:
                    say(outcome["say"])
        except (OSError, ValueError) as error:
            raise ModelUnavailable("the preparing process broke off") from error
        finally:
            child.kill()
    if "error" in outcome:
        kind = SettingsError if outcome["code"] == SettingsError.code else ModelUnavailable
        raise kind(outcome["error"], advice=outcome["advice"])
    if not outcome.get("done"):
        raise ModelUnavailable("the preparing process died", advice="Free some memory and disk space and try again.")


def prepare_here(settings: EmbeddingSettings, models_dir: Path, say: Callable[[str], None]) -> None:
    """Do the work, in this process.

    Raises:
        ModelUnavailable: the model cannot be made.
        SettingsError: the settings name no model.
    """
    with making_models(models_dir):
        if settings.model == default_model.NAME and not default_model.default_folder(models_dir).is_dir():
            say("Making the default embedding model (470 MB) ...")
            default_model.make_default_model(models_dir)
        prepared = find_prepared(settings, models_dir)
        if hardware.gpu_available():
            return
        if not prepared.is_converted() and not conversion_is_settled(prepared):
            say("Converting it for this machine's processor ...")
            convert_noting(prepared)
        if prepared.is_converted():
            if engine_choice.noted_engine(prepared, settings) is None:
                say("Measuring which engine is faster here ...")
            engine = engine_choice.faster_engine(prepared, settings)
            say(f"Passages are embedded by {engine}.")
        else:
            say("It could not be converted; it runs in torch, which takes more time and memory to start.")


def convert_noting(prepared: PreparedModel) -> None:
    """Convert the model; note the outcome, so that a model that does not convert is not tried again and again.

    Raises:
        ModelUnavailable: the disk is full.
    """
    from app.inference.conversion import CannotConvert, convert  # noqa: PLC0415 - imports torch

    note: dict[str, Any] = {"converted": True, "openvino": version("openvino")}
    try:
        prepared.prepared_dir.mkdir(parents=True, exist_ok=True)
        convert(prepared.folder, prepared.converted_dir)
    except CannotConvert as error:
        note |= {"converted": False, "reason": str(error)}
    except OSError as error:
        raise ModelUnavailable("the converted embedding model cannot be written") from error
    write_note(prepared.conversion_note, note)


def main() -> None:
    """Be the child: one order on stdin, lines of JSON on stdout."""
    harden_child(with_parent_thread=WITH_PARENT_THREAD in sys.argv)
    out = take_stdout()
    order = json.loads(sys.stdin.readline())
    quiet_libraries(Path(order["temp_dir"]))
    try:
        settings = EmbeddingSettings.model_validate(order["settings"])
        prepare_here(settings, Path(order["models_dir"]), lambda line: tell(out, {"say": line}))
    except StrongroomError as error:
        tell(out, {"error": str(error), "code": error.code, "advice": error.advice})
    except Exception as error:  # noqa: BLE001 - the edge of the process; nobody reads its stderr
        failed = ModelUnavailable(f"preparing the model failed: {type(error).__name__}")
        tell(out, {"error": str(failed), "code": failed.code, "advice": failed.advice})
    else:
        tell(out, {"done": True})


def tell(out: IO[bytes], line: dict[str, Any]) -> None:
    """Write one line to the parent."""
    out.write(json.dumps(line).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
