"""Rough times and sizes of the steps of a plan, before they run.

A step that has run before on this data root takes as long as then. Trainings are scaled from those of this root. Other
numbers are the rough speeds below, of two processor cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.profiles import effective_recipe
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.core.training_cost import TESTED, image_passes, network_bytes, network_cost
from rotator_assets.imaging.images import ImageSource
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.orchestration.plans import Step
from rotator_assets.store.models import TrainedModels, open_models
from rotator_assets.store.tensors import open_tensor
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS, Dataset

START_SECONDS = 5.0
"""Start of a step, and its checks."""
ASSET_SECONDS = {
    "roc_report": 5.0,
    "attribution_maps": 20.0,
    "candidates": 8.0,
    "attribution_tests": 30.0,
    "label_noise_report": 20.0,
    "learning_curve": 10.0,
    "planted_truth": 120.0,
}
"""Time of an asset apart from the work below, such as drawing its figures."""
OTHER_ASSET_SECONDS = 1.0
PASS_SECONDS = 0.004
"""Time per image of 64 x 64 pixels, epoch and network of the study, in training."""
IMAGE_SECONDS = 0.003
"""Reading an image and making its cut-out of 64 x 64 pixels."""
MAPS_SECONDS = 0.1
"""Measuring lambda_R from the kinematic file of a galaxy, unless it was measured before."""
STRUCTURE_SECONDS = 0.2
"""Measuring the structure of an image, unless it was measured before."""
ATTRIBUTION_PASSES = 1.5
"""Gradients per attribution and quadrature point of the recipe, with doublings, as passes of an image in training."""
PREDICTION_PASSES = 0.3
"""A prediction of an image by a network, as passes of an image in training."""
ATTRIBUTION_TESTS = 10
"""Number of attributions per galaxy that the tests of attributions make."""
STEP_BYTES = 3e6
"""Tables and figures of a step, and what Dagster records."""
_PIXEL_BYTES = 3 * 4
"""float32 in three bands."""
_UNKNOWN_IMAGES = 2000
"""Number of galaxies of a survey whose images are cut from frames."""


class Estimate(NamedTuple):
    """Rough time and disk space of a step; ``measured`` is True if the time is that of the same step before."""

    seconds: float
    n_bytes: float
    measured: bool = False


class Measured(NamedTuple):
    """A step that was run before: its assets, and the time that it took."""

    assets: frozenset[str]
    seconds: float


@dataclass(frozen=True)
class _Galaxies:
    """Galaxies of a dataset: number of images, and whether they are synthetic."""

    n_images: int
    synthetic: bool


class Estimates:
    """Estimates for a data root; reads headers and manifests, and writes nothing.

    Parameters
    ----------
    root
        The data root.
    before
        Steps that were run before, by title.
    """

    def __init__(self, root: DataRoot, before: Mapping[str, Measured]) -> None:
        self._root, self._before = root, before
        self._profile = load_settings(root).profile
        self._recipes = load_recipes()
        self._galaxies: dict[str, _Galaxies] = {}

    def of(self, step: Step) -> Estimate:
        """Return the estimate of a step."""
        before = self._before.get(step.title)
        if before and before.assets == frozenset(step.assets):
            return Estimate(before.seconds, self._bytes(step), measured=True)
        seconds = sum(ASSET_SECONDS.get(asset, OTHER_ASSET_SECONDS) + self._work(asset, step) for asset in step.assets)
        return Estimate(START_SECONDS + seconds, self._bytes(step))

    def _work(self, asset: str, step: Step) -> float:
        """Return the time in seconds that grows with the number of galaxies."""
        if asset == "measured_kinematics" and step.partition:
            survey = SURVEYS[step.partition]
            return MAPS_SECONDS * len(survey.kinematic_files(self._root.survey(survey.key)))
        if step.partition is None or (dataset := DATASETS.get(step.partition.split("|")[0])) is None:
            return 0.0
        n_images = self._of(dataset).n_images
        if asset == "image_tensors":
            return IMAGE_SECONDS * n_images * _area(dataset)
        if asset == "image_morphology":
            return STRUCTURE_SECONDS * n_images
        return self._pass_seconds * _area(dataset) * self._passes(asset, step, n_images)

    def _passes(self, asset: str, step: Step, n_images: int) -> float:
        """Return passes of images through networks of the study's size."""
        recipe = self._recipe(step)
        if recipe is None:
            return 0.0
        attributed = TESTED[recipe.population] * n_images * recipe.attribution_steps * network_cost(recipe)
        copies = recipe.networks * recipe.members * (8 if recipe.test_time_averaging else 1)
        return {
            "rotator_classifier": image_passes(recipe, n_images),
            "attribution_maps": ATTRIBUTION_PASSES * attributed,
            "attribution_tests": ATTRIBUTION_TESTS * ATTRIBUTION_PASSES * attributed,
            "candidates": PREDICTION_PASSES * copies * n_images * network_cost(recipe),
        }.get(asset, 0.0)

    def _bytes(self, step: Step) -> float:
        """Return the disk space in bytes; what a step replaces is deleted after a while and is not subtracted."""
        total = STEP_BYTES
        dataset = DATASETS.get((step.partition or "").split("|")[0])
        if dataset is None:
            return total
        n_images, image_bytes = self._of(dataset).n_images, _PIXEL_BYTES * dataset.crop_px**2
        recipe = self._recipe(step)
        if "image_tensors" in step.assets:
            total += n_images * image_bytes
        if recipe is not None and "rotator_classifier" in step.assets:
            total += network_bytes(recipe, dataset.crop_px)
        if recipe is not None and "attribution_maps" in step.assets:
            total += TESTED[recipe.population] * n_images * image_bytes
        return total

    def _recipe(self, step: Step) -> Recipe | None:
        """Return the recipe of a step as it is trained; None if the step has none."""
        key, _, name = (step.partition or "").partition("|")
        if name not in self._recipes:
            return None
        dataset = DATASETS[key]
        return effective_recipe(self._recipes[name], dataset.crop_px, self._profile, self._of(dataset).synthetic)[0]

    def _of(self, dataset: Dataset) -> _Galaxies:
        if dataset.key not in self._galaxies:
            self._galaxies[dataset.key] = _galaxies(self._root, dataset)
        return self._galaxies[dataset.key]

    @cached_property
    def _pass_seconds(self) -> float:
        """Time of a pass of an image of 64 x 64 pixels: the median of the root's trainings, else `PASS_SECONDS`."""
        speeds = []
        for manifest in self._root.models.glob("*/*/model.json"):
            dataset = DATASETS.get(manifest.parts[-3])
            if dataset and (models := _trained(manifest.parent)):
                passes = image_passes(models.recipe, self._of(dataset).n_images)
                speeds.append(models.seconds / (passes * _area(dataset)))
        return median(speeds) if speeds else PASS_SECONDS


def _area(dataset: Dataset) -> float:
    """Return the number of pixels of an image, relative to 64 x 64."""
    return (dataset.crop_px / 64) ** 2


def _trained(folder: Path) -> TrainedModels | None:
    try:
        return open_models(folder)
    except InputError:  # of another version
        return None


def _galaxies(root: DataRoot, dataset: Dataset) -> _Galaxies:
    """Return the galaxies of the dataset's tensor, or those with an image file where there is no tensor yet."""
    try:
        tensor = open_tensor(root.tensors / dataset.key)
    except FileNotFoundError:
        sources = SURVEYS[dataset.survey].image_index(root.survey(dataset.survey))
        return _Galaxies(len(sources) or _UNKNOWN_IMAGES, any(map(_is_synthetic, list(sources.values())[:1])))
    return _Galaxies(len(tensor.galaxy_ids), tensor.synthetic)


def _is_synthetic(source: ImageSource) -> bool:
    try:
        return source.read().synthetic
    except UnusableImage:
        return False
