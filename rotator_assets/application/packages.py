"""Exported models: a folder with networks, their interpretation and a card; nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from rotator_assets.application.card import FORMAT, Card
from rotator_assets.candidates.interpretation_file import NAME as INTERPRETATION
from rotator_assets.candidates.interpretation_file import Interpretation
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import onto_disk, sha256_of
from rotator_assets.core.recipes import Recipe
from rotator_assets.imaging.cutouts import Treatment
from rotator_assets.store.models import read_model

if TYPE_CHECKING:
    import keras

CARD, PAGE = "model.json", "MODEL_CARD.md"
AGAIN = "export it again (`rotators model export`)"


@dataclass(frozen=True)
class Package:
    """A model that can be applied to any images.

    Attributes
    ----------
    folder
        Folder of its networks.
    card
        What it is.
    interpretation
        What turns outputs into predictions.
    """

    folder: Path
    card: Card
    interpretation: Interpretation

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of its networks, predictions and attribution maps."""
        return Recipe.kept(self.card.recipe)

    @property
    def treatment(self) -> Treatment:
        """How images are made and checked."""
        images = self.card.images
        return Treatment(
            images.survey,
            images.noise,
            images.crop_px,
            images.settings,
            images.mock,
            arcsec_per_pixel=images.arcsec_per_pixel,
        )

    def network(self, fold: int) -> keras.Model:
        """Load the networks of a fold with all their outputs."""
        return read_model(self.folder / _network(fold), "is not a trained network", AGAIN)

    @property
    def version(self) -> str:
        """Hash of everything that decides its predictions."""
        content = f"{self.interpretation.version} {self.card.model_dump_json()}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def open_package(folder: Path) -> Package:
    """Open an exported model.

    Raises InputError if the folder is none, if a file is missing, damaged or changed, or if it was written by a later
    version.
    """
    if not (folder / CARD).is_file():
        problem = f"has no {CARD}, so it is no exported model" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{folder}: {problem}; name a folder that `rotators model export` has written")
    card = _read_card(folder / CARD)
    for name, digest in card.files.items():
        if Path(name).name != name or not (folder / name).is_file():
            raise InputError(f"{folder}: {name} is missing; copy the whole folder, or {AGAIN}")
        if sha256_of(folder / name) != digest:
            raise InputError(f"{folder / name}: is damaged or was changed; copy it again, or {AGAIN}")
    interpretation = Interpretation.read(folder / INTERPRETATION) if INTERPRETATION in card.files else None
    if interpretation is None or any(_network(fold.fold) not in card.files for fold in interpretation.folds):
        raise InputError(f"{folder}: the networks or their interpretation are not listed in {CARD}; {AGAIN}")
    package = Package(folder, card, interpretation)
    try:
        _ = package.recipe
    except ValidationError:
        raise InputError(f"{folder / CARD}: its recipe belongs to another version of this program; {AGAIN}") from None
    return package


def _read_card(path: Path) -> Card:
    try:
        content = json.loads(path.read_bytes())
        if isinstance(content, dict) and content.get("format") not in (None, FORMAT):
            raise InputError(
                f"{path}: has format {content['format']!r}, this version reads {FORMAT}; update the program"
            )
        card = Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise InputError(f"{path}: is not the card of a model ({where}: {first['msg']}); {AGAIN}") from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not the card of a model ({error}); {AGAIN}") from None
    if card.checksum != card.true_checksum:
        raise InputError(f"{path}: is damaged or was changed; copy it again, or {AGAIN}")
    return card


@contextmanager
def writing_package(folder: Path) -> Generator[Path]:
    """Provide a new folder next to ``folder`` that takes its place when the block succeeds.

    The same model may be there already, as after an export that was killed at its very end. Raises InputError if there
    is something else, if that model is damaged, or the folder cannot be made.
    """
    is_taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if is_taken and not (folder / CARD).is_file():
        raise InputError(f"{folder}: exists already; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        yield temporary
        if is_taken:
            if (folder / CARD).read_bytes() != (temporary / CARD).read_bytes():
                raise InputError(f"{folder}: exists already and is another model; name a new folder")
            open_package(folder)
            return
        onto_disk(*temporary.iterdir(), temporary)
        temporary.replace(folder)
        onto_disk(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def export_package(package: Package, folder: Path, *, onnx: bool = False) -> None:
    """Write a model into a new folder, which appears as a whole.

    Parameters
    ----------
    package
        The model.
    folder
        The folder. It does not exist, is empty, or holds this model already.
    onnx
        Write its networks in ONNX, too.

    Raises
    ------
    InputError
        As `writing_package`; and for ``onnx`` if the converter is not installed.
    """
    with writing_package(folder.absolute()) as temporary:
        for fold in package.interpretation.folds:
            name = _network(fold.fold)
            shutil.copyfile(package.folder / name, temporary / name)
            if onnx:
                write_onnx(package.network(fold.fold), temporary / f"fold-{fold.fold}.onnx")
        package.interpretation.write(temporary / INTERPRETATION)
        files = {path.name: sha256_of(path) for path in sorted(temporary.iterdir())}
        card = package.card.model_copy(update={"files": files})
        card = card.model_copy(update={"checksum": card.true_checksum})
        (temporary / PAGE).write_text(card.markdown(), encoding="utf-8")
        (temporary / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")


def write_onnx(network: keras.Model, path: Path) -> None:
    """Write a network in ONNX: normalized images (n, size, size, bands) to its outputs, float32.

    Raises InputError if the converter is not installed.
    """
    if find_spec("tf2onnx") is None:
        raise InputError("--onnx needs the converter: install it with `uv sync --extra onnx`")
    network(np.zeros((1, *network.input_shape[1:]), np.float32))  # the exporter needs a model that was called
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras adapts tf2onnx to new versions of NumPy
        network.export(path, format="onnx", verbose=False)


def _network(fold: int) -> str:
    return f"fold-{fold}.keras"
