"""Repeats a training from what was recorded of it, and compares the predictions."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from rotator_assets.comparison.reproduction import Agreement, agreement
from rotator_assets.core.backend import PRECISION_VARIABLE, computes_bfloat16, gpu_name
from rotator_assets.core.changes import changes
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.environment import RECIPES_VARIABLE
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.origin import ONEDNN
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import recipes_file
from rotator_assets.lineage.partitions import recipe_partitions
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.preview import link_files
from rotator_assets.orchestration.runner import Runner, input_error
from rotator_assets.store.models import open_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.assets import as_predicted

_ASSETS, _RECIPES = ("rotator_classifier", "predictions"), "recipes.yaml"
_NEW_EACH_TIME = ("training", "trained_at", "run_id", "recipe_content", "profile")
"""Columns of table ``provenance`` that do not tell two trainings from the same apart."""
_JSON = ("recipe_content", "inputs", "packages", "environment")


@dataclass(frozen=True)
class _Workshop(DataRoot):
    """A temporary data root: it reads the inputs, tables and images of another one, and writes to its own folder."""

    own: Path

    @property
    def results(self) -> Path:
        """The folder of links and new results."""
        return self.own / "results"

    @property
    def database(self) -> Path:
        """Its own views."""
        return self.own / "rotators.duckdb"

    @property
    def settings(self) -> Path:
        """The settings without the quick profile, as the recorded recipe is reduced already, and without a server."""
        return self.own / "settings.yaml"


@dataclass(frozen=True)
class Recorded:
    """What is known of a training that was made before.

    Attributes
    ----------
    key
        Dataset and recipe, joined by ``|``.
    recipe
        The recipe as trained and predicted with.
    predictions
        Its rows of table ``predictions``.
    origin
        Its row of table ``provenance``; None where an earlier version of this program trained it.
    """

    key: str
    recipe: Recipe
    predictions: pd.DataFrame
    origin: dict[str, Any] | None

    @classmethod
    def of(cls, store: TableStore, dataset: str, recipe: str) -> Recorded:
        """Read what is recorded of the current training. Raises InputError where there is none."""
        key = f"{dataset}|{recipe}"
        try:
            models = open_models(store.root.models / dataset / recipe)
            predictions, repeats = (store.read(name, key) for name in ("predictions", "repeat_predictions"))
        except FileNotFoundError:
            raise InputError(
                f"{store.root.path}: has no predictions of {dataset} and {recipe}; "
                f"run `rotators run --dataset {dataset} --recipe {recipe}` first"
            ) from None
        return cls(key, as_predicted(models, repeats), predictions, _origin(store, key, models.folder.name))


def _origin(store: TableStore, key: str, training: str) -> dict[str, Any] | None:
    """Return the row of a training in table ``provenance``, with its JSON read; None where there is none."""
    try:
        row = store.read("provenance", f"{key}.{training}").iloc[0].to_dict()
    except FileNotFoundError:
        return None
    return {str(name): json.loads(value) if name in _JSON else value for name, value in row.items()}


@dataclass(frozen=True)
class Reproduction:
    """A repeated training.

    Attributes
    ----------
    agreement
        How well its predictions agree with those of the first.
    differences
        What differs between the two trainings in program, packages, machine and inputs, one line each.
    is_exact
        Whether nothing differs and sums have a fixed order, so that the predictions have to be identical.
    """

    agreement: Agreement
    differences: tuple[str, ...]
    is_exact: bool

    @property
    def is_successful(self) -> bool:
        """Whether the predictions agree as well as they have to."""
        found = self.agreement
        return found.is_identical or (not self.is_exact and found.is_within_tolerance)

    def lines(self) -> Iterator[str]:
        """Iterate over the lines to print, the verdict last."""
        for line in self.differences:
            yield f"other than at first: {line}"
        found = self.agreement
        if found.is_identical:
            yield f"identical to the last digit: {found.n_galaxies} galaxies, AUC {found.auc_now:.4f}"
            return
        others = f", {found.n_others} galaxies predicted by one training only" if found.n_others else ""
        shown = (
            f"largest difference of a probability {found.largest:.3g}, median {found.median:.2g}, "
            f"AUC {found.auc_before:.4f} -> {found.auc_now:.4f}{others}"
        )
        if self.is_successful:
            yield f"within the tolerance of docs/reproducing.md: {shown}"
        elif self.is_exact:
            yield f"differs, though machine, program and inputs are the same: {shown}; see docs/reproducing.md"
        else:
            yield f"differs by more than the tolerance of docs/reproducing.md: {shown}"


def reproduce(
    store: TableStore, recorded: Recorded, open_runner: Callable[[DataRoot, str], Runner], log_level: str
) -> Reproduction:
    """Train again in a temporary folder, and compare the predictions. Nothing is written to the data root.

    Parameters
    ----------
    store
        Tables of the data root.
    recorded
        The first training.
    open_runner
        Opens a runner on a data root, with the lowest level of the messages that it shows.
    log_level
        This level.

    Returns
    -------
    Reproduction
        The result.

    Raises
    ------
    InputError
        If the inputs of the training are no longer there.
    """
    dataset, name = split_training_key(recorded.key)
    if name not in recipe_partitions.get_partition_keys():
        raise InputError(f"{recipes_file()}: lacks the recipe '{name}'; add one of this name, with any settings")
    with tempfile.TemporaryDirectory(prefix="rotators-") as own:
        workshop = _workshop(store, Path(own), recorded.recipe)
        with _as_recorded(recorded.origin, workshop.own / _RECIPES), open_runner(workshop, log_level) as runner:
            try:
                runner.execute(Step(f"repetition of {dataset} {name}", _ASSETS, recorded.key))
            except Exception as error:
                raise input_error(error) or error from error
            training = open_models(workshop.models / dataset / name).folder.name
            now = _origin(runner.store, recorded.key, training)
            found = agreement(recorded.predictions, runner.store.read("predictions", recorded.key))
            differences = _differences(recorded.origin, now or {})
            return Reproduction(found, differences, is_exact=not differences and gpu_name() is None)


def _workshop(store: TableStore, own: Path, recipe: Recipe) -> _Workshop:
    """Fill a folder with links to tables and images, and with settings and recipes of the training."""
    root, workshop = store.root, _Workshop(store.root.path, own)
    for table in store.tables:
        link_files(root.tables / table, workshop.tables / table)
    workshop.results.mkdir(exist_ok=True)
    workshop.tensors.symlink_to(root.tensors.absolute())
    settings = yaml.safe_load(root.settings.read_text("utf-8")) if root.settings.is_file() else {}
    own_records = {"profile": "full", "instance": None}  # of Dagster, in the folder
    workshop.settings.write_text(yaml.safe_dump({**(settings or {}), **own_records}), "utf-8")
    content = {name: value for name, value in recipe.model_dump(mode="json").items() if name != "name"}
    (own / _RECIPES).write_text(yaml.safe_dump({"recipes": {recipe.name: content}}), "utf-8")
    return workshop


@contextmanager
def _as_recorded(origin: Mapping[str, Any] | None, recipes: Path) -> Generator[None]:
    """Set the environment of the first training, apart from variables that the user has set, while the block runs."""
    before = dict(os.environ)
    recorded = origin["environment"] if origin else {}
    os.environ.update({k: v for k, v in recorded.items() if k not in before or k == ONEDNN})
    os.environ[RECIPES_VARIABLE] = str(recipes)
    try:
        if os.environ.get(PRECISION_VARIABLE) == "bfloat16" and not computes_bfloat16():
            os.environ[PRECISION_VARIABLE] = "float32"
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _differences(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what differs between two rows of table ``provenance``, one line each."""
    if before is None:
        return ("an earlier version of this program trained it and recorded nothing else",)
    ignored = {*_NEW_EACH_TIME, *(["code_commit"] if before["code_hash"] == now["code_hash"] else [])}
    rows = [{name: value for name, value in row.items() if name not in ignored} for row in (before, now)]
    return tuple(changes(*rows))


def described(origin: Mapping[str, Any] | None) -> Iterator[str]:
    """Iterate over lines that say where a training comes from."""
    if origin is None:
        yield "trained by an earlier version of this program, which recorded its recipe only"
        return
    packages = ", ".join(f"{name} {version}" for name, version in origin["packages"].items())
    environment = ", ".join(f"{name}={value}" for name, value in origin["environment"].items())
    yield f"trained: {origin['trained_at']:%Y-%m-%d %H:%M} UTC, Dagster run {origin['run_id']}, seed {origin['seed']}"
    code = origin["code_commit"] or "not from a git repository"
    yield f"program: {origin['program_version']}, {code}, modules {origin['code_hash']}, Python {origin['python']}"
    yield f"packages: {packages}"
    yield f"machine: {origin['device']}, {origin['system']}, {environment}"
    inputs = origin["inputs"]
    yield f"images: {inputs['image_tensors']}; labels: {inputs['labeled_images']}"
    for name, one in inputs.items():
        if isinstance(one, dict) and "sha256" in one:
            yield f"{name}: {one['files']} files, SHA-256 of their list {one['sha256']}"
