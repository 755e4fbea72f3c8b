"""Trained networks: one ``.keras`` file a fold, and a manifest that says what they are. Safe mode, no pickle."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rotator_assets.files import is_abandoned, replacing
from rotator_assets.recipes import Recipe

if TYPE_CHECKING:
    import keras

_MANIFEST = "model.json"


@dataclass(frozen=True)
class TrainedModels:
    """The networks of one dataset and recipe, one a fold, with what made them.

    ``thresholds``: for each fold the probability at and above which a galaxy is called fast, from its validation
    part. ``recipe`` is the one trained, after the reduction of the quick profile if ``profile`` is ``quick``.
    """

    folder: Path
    recipe: Recipe
    profile: str
    thresholds: tuple[float, ...]
    device: str
    seconds: float
    synthetic: bool

    def load(self, fold: int) -> keras.Model:
        """The network of one fold, in inference-ready state."""
        from rotator_assets.learning.training import load_model

        return load_model(self.folder / f"fold-{fold}.keras")


def new_model_folder(parent: Path) -> Path:
    """A fresh folder for the networks of a training in progress; seen by nobody until `commit_models` names it."""
    folder = parent / f"training-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    return folder


def commit_models(models: TrainedModels) -> None:
    """Make the models the ones their parent folder stands for, in one step.

    Older ones are removed after a day: another run may still be training beside these, or reading the last ones.
    """
    parent = models.folder.parent
    manifest = {
        "folder": models.folder.name,
        "recipe": models.recipe.model_dump(mode="json"),
        "profile": models.profile,
        "thresholds": list(models.thresholds),
        "device": models.device,
        "seconds": models.seconds,
        "synthetic": models.synthetic,
    }
    with replacing(parent / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for old in parent.glob("training-*"):
        if old != models.folder and is_abandoned(old):
            shutil.rmtree(old, ignore_errors=True)


def open_models(parent: Path) -> TrainedModels:
    """The models a folder stands for. Raises FileNotFoundError where none were committed."""
    path = parent / _MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{parent} holds no trained model; materialize rotator_classifier first")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    return TrainedModels(
        folder=parent / manifest["folder"],
        recipe=Recipe(**manifest["recipe"]),
        profile=manifest["profile"],
        thresholds=tuple(manifest["thresholds"]),
        device=manifest["device"],
        seconds=manifest["seconds"],
        synthetic=manifest["synthetic"],
    )
