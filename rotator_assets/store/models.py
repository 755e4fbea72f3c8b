"""Trained networks: one ``.keras`` file a fold, and a manifest that says what they are. Safe mode, no pickle."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import is_abandoned, replacing
from rotator_assets.core.recipes import Recipe

if TYPE_CHECKING:
    import keras

_MANIFEST = "model.json"


@dataclass(frozen=True)
class TrainedModels:
    """The networks of one dataset and recipe, one a fold and repeat, with what made them.

    ``recipe`` is the one trained, after the reduction of the quick profile if ``profile`` is ``quick``; of its stages,
    ``training`` alone decided the networks.
    ``training``: hash of all that decides what is trained; "" where it was not noted. ``parameters``: numbers that one
    network learns; None where it was not noted.
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
        """The network of one fold, counted on over the repeats, in inference-ready state."""
        return load_model(self.folder / f"fold-{fold}.keras")


@contextmanager
def writing_models(parent: Path) -> Iterator[Path]:
    """A fresh folder for the networks of a training in progress; seen by nobody until `commit_models` names it.

    It is gone again when the block fails or is interrupted.
    """
    folder = parent / f"training-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def checkpoint_folder(parent: Path, training: str) -> Path:
    """Where an interrupted training of this content left its checkpoints, or a new one will; those of others go.

    They go a day after they were last written to: they may be of a training that still runs.
    """
    chosen = parent / f".checkpoints-{training}"
    _remove_abandoned(parent, ".checkpoints-*", keep=chosen)
    return chosen


def commit_models(models: TrainedModels) -> None:
    """Make the models the ones their parent folder stands for, in one step; the training's checkpoints go.

    Older ones are removed after a day: another run may still be training beside these, or reading the last ones.
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
    }
    with replacing(parent / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    shutil.rmtree(checkpoint_folder(parent, models.training), ignore_errors=True)
    _remove_abandoned(parent, "training-*", keep=models.folder)


def open_models(parent: Path) -> TrainedModels:
    """The models a folder stands for.

    Raises FileNotFoundError where none were committed, InputError where their recipe has settings that are no more.
    """
    path = parent / _MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{parent} holds no trained model; materialize rotator_classifier first")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    try:
        recipe = Recipe.kept(manifest["recipe"])
    except ValidationError:
        raise InputError(
            f"{path}: was trained by another version of this program; materialize rotator_classifier again"
        ) from None
    return TrainedModels(
        folder=parent / manifest["folder"],
        recipe=recipe,
        profile=manifest["profile"],
        device=manifest["device"],
        seconds=manifest["seconds"],
        synthetic=manifest["synthetic"],
        training=manifest.get("training", ""),
        parameters=manifest.get("parameters"),
    )


def _remove_abandoned(parent: Path, pattern: str, keep: Path) -> None:
    """Remove the folders of the pattern, but for one, into which nothing was written for a day."""
    for old in parent.glob(pattern):
        if old != keep and is_abandoned(old):
            shutil.rmtree(old, ignore_errors=True)


def load_model(path: Path) -> keras.Model:
    """A saved network in Keras' safe mode (no code is run from the file). Raises InputError if it cannot be read."""
    tensorflow()
    from keras import saving

    try:
        return saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not a trained network ({reason}); materialize rotator_classifier again") from None
