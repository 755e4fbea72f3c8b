"""Inputs of the pipeline as external assets: files, settings and recipes.

Nothing materializes them. `observing` reports their changes, which make the assets that depend on them stale.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.encoder_files import encoder_file, published_network
from rotator_assets.core.files import walk_files
from rotator_assets.core.profiles import reduced
from rotator_assets.core.recipes import Recipe, Stage
from rotator_assets.core.recipes_file import load_recipes, recipes_file
from rotator_assets.core.settings import SurveySettings, version_of
from rotator_assets.lineage.partitions import recipe_partitions, recipe_to_training, survey_partitions
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.surveys import SURVEYS, Survey
from rotator_assets.surveys.datasets import CROPS_PX

OWNERS = ["team:rotators"]

FOLLOW_CHANGES = (
    dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed() & ~dg.AutomationCondition.executed_with_root_target()
    ).since_last_handled()
    & ~dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("follow_changes")
"""Rebuilds a partition when its inputs have changed, but never builds one for the first time.

Unlike Dagster's ``eager``, it neither builds missing partitions nor reacts to an input that was rebuilt with the same
result. The automation sensor, which is off by default, evaluates it.
"""


def _input(
    name: str, group: str, kinds: set[str], description: str, partitions: dg.PartitionsDefinition = survey_partitions
) -> dg.AssetSpec:
    """Make an input, in the group of the first asset that depends on it."""
    return dg.AssetSpec(
        name, group_name=group, owners=OWNERS, kinds=kinds, partitions_def=partitions, description=description
    )


catalog_files = _input(
    "catalog_files",
    "catalogs",
    {"fits", "hdf5"},
    "The published tables of a survey, in `<survey>/catalogs/` of the data root.",
)
kinematic_files = _input(
    "kinematic_files",
    "catalogs",
    {"fits", "hdf5"},
    "Stellar maps (`<survey>/maps/`) or star particles (`<survey>/cutouts/`) to measure lambda_R from.",
)
image_files = _input(
    "image_files",
    "images",
    {"fits"},
    "The images of a survey, in `<survey>/images/` of the data root, and blank sky in `<survey>/sky/`.",
)
label_settings = _input(
    "label_settings",
    "galaxies",
    {"yaml"},
    "Settings for matching and labelling the galaxies of a survey: `settings.yaml` of the data root.",
)
kinematics_settings = _input(
    "kinematics_settings",
    "catalogs",
    {"yaml"},
    "Settings for measuring lambda_R of a survey: `settings.yaml` of the data root.",
)
image_settings = _input(
    "image_settings",
    "images",
    {"yaml"},
    "Settings for the scale and mock observation of a survey's images: `settings.yaml` of the data root.",
)
training_recipe = _input(
    "training_recipe",
    "learning",
    {"yaml"},
    "Settings that determine the networks of a recipe: one entry of `recipes.yaml`. An edit makes its trainings stale.",
    recipe_partitions,
)
prediction_recipe = _input(
    "prediction_recipe",
    "learning",
    {"yaml"},
    "Settings for the predictions of a recipe (`test_time_averaging`): one entry of `recipes.yaml`.",
    recipe_partitions,
)
attribution_recipe = _input(
    "attribution_recipe",
    "reports",
    {"yaml"},
    "Settings for the attributions of a recipe (`attribution_*`): one entry of `recipes.yaml`.",
    recipe_partitions,
)
RECIPES: dict[Stage, dg.AssetSpec] = {
    "training": training_recipe,
    "prediction": prediction_recipe,
    "attribution": attribution_recipe,
}
"""The input with the settings of each stage of a recipe."""


def of_recipe(*stages: Stage) -> list[dg.AssetDep]:
    """Return the dependencies of an asset per training on the settings for these stages of its recipe.

    Assets that show results of a stage depend on it directly, because staleness in Dagster reaches only one step: an
    edited recipe marks everything made with it at once.
    """
    return [dg.AssetDep(RECIPES[stage], partition_mapping=recipe_to_training) for stage in stages]


FOLDERS = {"catalog_files": "catalogs", "kinematic_files": "kinematics", "image_files": "images"}
"""Kind of the files of each input, as in ``Survey.folders``."""
SETTINGS = {
    "label_settings": (
        "labels",
        "lambda_r_preference",
        "jam_qual_min",
        "fill_refused",
        "lambda_r_scale",
        "ellipticity_preference",
        "exclude",
    ),
    "kinematics_settings": ("kinematics",),
    "image_settings": ("images", "mock", "exclude"),
}
"""Settings of a survey in each input. Images depend only on the galaxies that are excluded from everything."""
SCALED_AT_MOST = "at most 1"
"""Part of the version of a factor of lambda_R. The products had no upper limit when the setting was introduced."""


@dataclass(frozen=True)
class Input:
    """The current state of one partition of an input; equal content has the same version.

    Attributes
    ----------
    asset
        Name of the input.
    partition
        Partition key; None without partitions.
    content
        Settings by name or, for an input of `FOLDERS`, size in bytes and modification time in ns by path.
    version
        Hash of the content.
    written_in
        The YAML file of settings or recipes.
    """

    asset: str
    partition: str | None
    content: dict[str, Any]
    version: str
    written_in: Path | None = None


def read_inputs(root: DataRoot) -> Iterator[Input]:
    """Iterate over the current state of every input.

    Files are compared by path, size and modification time, settings and recipes by content, and a recipe that starts
    from an encoder also by the file of the encoder. Raises InputError where
    ``settings.yaml`` or ``recipes.yaml`` has an error.
    """
    settings, recipes = load_settings(root), load_recipes()
    for survey in SURVEYS:
        described = settings.described(survey)
        for asset, kind in FOLDERS.items():
            files = _files(root.survey(survey), *described.folders[kind]) | _reading(described, kind)
            yield Input(asset, survey, files, _version_of_files(files))
        for asset, (content, version) in _settings(settings.survey(survey)).items():
            yield Input(asset, survey, content, version, root.settings)
    for recipe in recipes.values():
        if recipe.name not in recipe_partitions.get_partition_keys():  # new since the code location was loaded
            continue
        for stage, asset in RECIPES.items():
            content, parts = recipe.settings(stage), [recipe.version(stage)]
            if stage != "prediction":  # the quick profile does not change predictions
                content["profile"] = settings.profile
            if _depends_on_profile(recipe, stage):
                parts.append(settings.profile)
            if stage == "training" and (encoder := _encoder(recipe, root)):
                content["encoder"] = encoder
                parts.append(encoder)
            yield Input(asset.key.to_user_string(), recipe.name, content, _version(parts), recipes_file())


INPUT_SPECS = (
    catalog_files,
    kinematic_files,
    image_files,
    label_settings,
    kinematics_settings,
    image_settings,
    *RECIPES.values(),
)


def version_of_content(content: object) -> str:
    """Return the hash of JSON content; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache(maxsize=1024)
def _depends_on_profile(recipe: Recipe, stage: Stage) -> bool:
    """Return True where the quick profile changes a setting of the stage."""
    return any(reduced(recipe, crop_px).settings(stage) != recipe.settings(stage) for crop_px in CROPS_PX)


def _encoder(recipe: Recipe, root: DataRoot) -> str | None:
    """Return size and modification time of the recipe's encoder; None if it has none, or one published by Keras."""
    if recipe.pretrained is None or published_network(recipe.pretrained):
        return None
    try:
        stat = encoder_file(recipe.pretrained, root.encoders).stat()
    except OSError:
        return "missing"
    return f"{stat.st_size} bytes, modified {stat.st_mtime_ns} ns"


def _settings(survey: SurveySettings) -> dict[str, tuple[dict[str, Any], str]]:
    """Return content and version of the settings inputs of a survey, by asset."""
    chosen = survey.model_dump(mode="json")
    of_sources = [name for name in SETTINGS["label_settings"] if name not in ("labels", "exclude")]
    exclude = sorted(survey.exclude, key=lambda one: one.name)
    excluded = {one.name: f"{one.excluded_from}, {one.reason}" for one in exclude}
    without_image = {one.name: excluded[one.name] for one in exclude if one.excluded_from == "everything"}
    bound = [SCALED_AT_MOST] if survey.lambda_r_scale else []
    return {
        "label_settings": _with_exclusions(
            {name: chosen[name] for name in ("labels", *of_sources)},
            [version_of(survey.labels), version_of(survey, of_sources), *bound],
            excluded,
        ),
        "kinematics_settings": (
            {name: chosen[name] for name in SETTINGS["kinematics_settings"]},
            version_of(survey.kinematics),
        ),
        "image_settings": _with_exclusions(
            {name: chosen[name] for name in ("images", "mock")},
            [version_of(survey.images), version_of(survey.mock)],
            without_image,
        ),
    }


def _with_exclusions(content: dict[str, Any], versions: list, excluded: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Return content and version of settings with the excluded galaxies, which change neither if there are none."""
    if excluded:
        content, versions = {**content, "exclude": excluded}, [*versions, excluded]
    return content, _version(versions)


def listed_files(folder: Path, *names: str) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Iterate over files with these names or in these subfolders: names relative to the folder, paths and states."""
    named = (folder / name for name in names)
    for path in (path for one in named for path in ([one] if one.is_file() else walk_files(one))):
        try:
            stat = path.stat()
        except OSError:  # a dangling link, or removed since it was listed
            continue
        yield str(path.relative_to(folder)).encode(errors="backslashreplace").decode(), path, stat  # may not be UTF-8


def _files(folder: Path, *names: str) -> dict[str, list[int]]:
    """Return size and modification time of the files with these names or in these subfolders, by path."""
    return {name: [stat.st_size, stat.st_mtime_ns] for name, _, stat in listed_files(folder, *names)}


def _reading(survey: Survey, kind: str) -> dict[str, list[int]]:
    """Return the settings about the files of a survey of the user's own, as if they were one more file."""
    how = survey.reading_of(kind)
    number = int.from_bytes(hashlib.sha256(how.encode()).digest()[:6], "big")
    return {f"settings.yaml, surveys.{survey.key}": [len(how), number]} if how else {}


def _version_of_files(files: dict[str, list[int]]) -> str:
    digest = hashlib.sha256()
    for path, (size, changed_ns) in files.items():
        digest.update(f"{path}\0{size}\0{changed_ns}\n".encode())
    return digest.hexdigest()[:16]


def _version(parts: list) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
