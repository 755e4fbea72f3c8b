"""Trained networks: one ``.keras`` file per fold and a manifest. They are loaded in safe mode, without pickle."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import is_abandoned, onto_disk, replacing, sha256_of
from rotator_assets.core.recipes import Recipe
from rotator_assets.store.checksums import DAMAGED, Checked, check_files, is_unchanged, with_checksum
from rotator_assets.store.keras_files import require_harmless
from rotator_assets.store.whole_files import is_whole_archive

if TYPE_CHECKING:
    import keras

_MANIFEST = "model.json"


@dataclass(frozen=True)
class TrainedModels:
    """The networks of one dataset and recipe, one per fold and repeat.

    Attributes
    ----------
    recipe
        The recipe as trained, reduced if ``profile`` is ``quick``. Only its settings of stage ``training`` affect the
        networks.
    device, seconds
        Where and how long the networks were trained.
    synthetic
        True where any training galaxy is synthetic.
    training
        Hash of everything that determines the training; empty where it was not recorded.
    parameters
        Number of trainable parameters of one network; None where it was not recorded.
    """

    folder: Path
    recipe: Recipe
    profile: str
    device: str
    seconds: float
    synthetic: bool
    training: str = ""
    parameters: int | None = None

    def load(self, fold: int) -> keras.Model:
        """Load the network of a fold, from images to the logit; folds are numbered consecutively over the repeats."""
        return only_logit(self.load_outputs(fold))

    def load_outputs(self, fold: int) -> keras.Model:
        """Load the network of a fold with all its outputs: the logit, then quantiles of lambda_R if it has them."""
        return load_model(self.folder / f"fold-{fold}.keras")


def only_logit(model: keras.Model) -> keras.Model:
    """Return a network with its first output alone, the logit."""
    if model.output_shape[-1] == 1:
        return model
    from keras import Model

    return Model(model.inputs, model.output[:, :1], name=model.name)


@contextmanager
def writing_models(parent: Path) -> Generator[Path]:
    """Provide a new folder for the networks of a training, which readers ignore until `commit_models` names it.

    The folder is deleted when the block fails or is interrupted.
    """
    folder = parent / f"training-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def checkpoint_folder(parent: Path, training: str) -> Path:
    """Return the folder for the checkpoints of a training, identified by the hash of its content.

    Checkpoints of other trainings are deleted a day after they were last written, because they may still be in use.
    """
    chosen = parent / f".checkpoints-{training}"
    _remove(path for path in abandoned_checkpoints(parent) if path != chosen)
    return chosen


def abandoned_checkpoints(parent: Path) -> list[Path]:
    """Return the folders of checkpoints that have not been written to for a day."""
    return [path for path in parent.glob(".checkpoints-*") if is_abandoned(path)]


def abandoned_models(parent: Path) -> list[Path]:
    """Return the folders of networks that are not the current ones and have not been written to for a day."""
    try:
        current = json.loads((parent / _MANIFEST).read_bytes())["folder"]
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is damaged
        current = None
    return [path for path in parent.glob("training-*") if path.name != current and is_abandoned(path)]


def commit_models(models: TrainedModels) -> None:
    """Make these the current models of their parent folder, atomically, and delete the training's checkpoints.

    Older models are deleted after a day, because another run may still be writing or reading them.
    """
    parent = models.folder.parent
    manifest = {
        "folder": models.folder.name,
        "recipe": models.recipe.model_dump(mode="json"),
        "profile": models.profile,
        "device": models.device,
        "seconds": models.seconds,
        "synthetic": models.synthetic,
        "training": models.training,
        "parameters": models.parameters,
        "files": {path.name: sha256_of(path) for path in sorted(models.folder.iterdir())},
    }
    onto_disk(*models.folder.iterdir(), models.folder)
    with replacing(parent / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(with_checksum(manifest), indent=1), encoding="utf-8")
    shutil.rmtree(checkpoint_folder(parent, models.training), ignore_errors=True)
    _remove(abandoned_models(parent))


def open_models(parent: Path) -> TrainedModels:
    """Open the current models of a folder.

    Raises FileNotFoundError where none were committed, and InputError where the manifest is damaged or the recipe has
    settings that no longer exist.
    """
    path = parent / _MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{parent} holds no trained model; materialize rotator_classifier first")
    try:
        manifest = json.loads(path.read_bytes())
        return TrainedModels(
            folder=parent / manifest["folder"],
            recipe=Recipe.kept(manifest["recipe"]),
            profile=manifest["profile"],
            device=manifest["device"],
            seconds=manifest["seconds"],
            synthetic=manifest["synthetic"],
            training=manifest.get("training", ""),
            parameters=manifest.get("parameters"),
        )
    except ValidationError:
        raise InputError(
            f"{path}: was trained by another version of this program; materialize rotator_classifier again"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: is damaged; train again (`rotators run --stale`)") from None


def check_models(parent: Path) -> Iterator[Checked]:
    """Check the manifest of a folder and the networks that it names; nothing where there is no manifest.

    Networks of an earlier version, whose manifest has no checksums of them, have those of a zip file.
    """
    path = parent / _MANIFEST
    if not path.is_file():
        return
    try:
        manifest = json.loads(path.read_bytes())
        folder, unchanged = parent / manifest["folder"], is_unchanged(manifest)
    except (ValueError, KeyError, TypeError):
        yield Checked(path, DAMAGED)
        return
    yield Checked(path, DAMAGED if unchanged is False else "", unchanged is not None)
    if unchanged is not None:
        yield from check_files(folder, manifest["files"])
        return
    for network in sorted(folder.glob("*.keras")):
        yield Checked(network, "" if is_whole_archive(network, in_full=True) else DAMAGED, is_recorded=False)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def load_model(path: Path) -> keras.Model:
    """Load a trained network as `read_model` does. Raises InputError if it cannot be read."""
    return read_model(path, "is not a trained network", "materialize rotator_classifier again")


def read_model(path: Path, problem: str, remedy: str) -> keras.Model:
    """Load a saved network, checked by `require_harmless`, in Keras' safe mode: no code from the file runs.

    Parameters
    ----------
    path
        The file.
    problem, remedy
        For the message of the InputError if the file cannot be read.
    """
    tensorflow()
    from keras import saving

    try:
        require_harmless(path)
        return saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras and TensorFlow raise nearly anything on damaged files
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: {problem} ({reason}); {remedy}") from None
