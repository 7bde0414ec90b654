"""Finding what was prepared for the model that the settings name."""

from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelUnavailable
from app.inference import default_model, fingerprint
from app.inference.embedder import PREPARE_ADVICE, Space
from app.inference.model_folder import ModelFolder, read_folder
from app.inference.placing import read_note
from app.settings import EmbeddingSettings

CONVERTED = "openvino-1"  # raise the number when conversion.py gives other files
CONVERSION_NOTE = "conversion.json"


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model folder, its space, and the folder that holds what was made from it.

    Attributes:
        folder: the sentence-transformers folder.
        space: the space that its vectors fill.
        prepared_dir: inside the models folder; holds the converted model and notes about it.
    """

    folder: ModelFolder
    space: Space
    prepared_dir: Path

    @property
    def converted_dir(self) -> Path:
        """Where the converted model lies, if it could be converted."""
        return self.prepared_dir / CONVERTED

    @property
    def conversion_note(self) -> Path:
        """Where the outcome of the conversion is noted."""
        return self.prepared_dir / CONVERSION_NOTE

    def is_converted(self) -> bool:
        """Whether the converted model is there."""
        return self.converted_dir.is_dir()

    def refused_conversion(self) -> bool:
        """Whether a conversion was tried and failed, so that torch has to do."""
        return read_note(self.conversion_note).get("converted") is False


def find_prepared(settings: EmbeddingSettings, models_dir: Path) -> PreparedModel:
    """Find the model that the settings name; it may still want conversion.

    Raises:
        ModelUnavailable: the default model has not been made yet, or a folder cannot be read.
        SettingsError: the settings name neither ``default`` nor a sentence-transformers folder.
    """
    if settings.model == default_model.NAME:
        folder = default_model.default_folder(models_dir)
        if not folder.is_dir():
            raise ModelUnavailable("the default embedding model is not prepared", advice=PREPARE_ADVICE)
        return PreparedModel(read_folder(folder, settings), fingerprint.default_space(settings), folder)
    model = read_folder(Path(settings.model).expanduser().absolute(), settings)
    content = fingerprint.hash_content(model, models_dir)
    return PreparedModel(model, fingerprint.folder_space(model, models_dir), models_dir / f"prepared-{content[:16]}")
