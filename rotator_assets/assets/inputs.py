"""What the pipeline is given: files, settings, recipes. External assets, whose changes make what they feed stale.

Nothing materializes them. A sensor, and the command line before it runs, report an observation with a new data
version for each that has changed; Dagster then marks exactly the partitions made from it.
"""

import hashlib
import json
from pathlib import Path

import dagster as dg

from rotator_assets.data_root import DataRoot
from rotator_assets.files import walk_files
from rotator_assets.partitions import recipe_partitions, survey_partitions
from rotator_assets.recipes import load_recipes
from rotator_assets.settings import load_settings, version_of
from rotator_assets.surveys import SURVEYS

GROUP = "inputs"
OWNERS = ["team:rotators"]

catalog_files = dg.AssetSpec(
    "catalog_files",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"fits", "hdf5"},
    partitions_def=survey_partitions,
    description="The published tables of a survey, in `<survey>/catalogs/` of the data root.",
)
kinematic_files = dg.AssetSpec(
    "kinematic_files",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"fits", "hdf5"},
    partitions_def=survey_partitions,
    description="Stellar maps (`<survey>/maps/`) or star particles (`<survey>/cutouts/`) to measure lambda_R from.",
)
image_files = dg.AssetSpec(
    "image_files",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"fits"},
    partitions_def=survey_partitions,
    description="The images of a survey, in `<survey>/images/` of the data root, and blank sky in `<survey>/sky/`.",
)
label_settings = dg.AssetSpec(
    "label_settings",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    partitions_def=survey_partitions,
    description="How galaxies of a survey are matched and labelled: `settings.yaml` of the data root.",
)
kinematics_settings = dg.AssetSpec(
    "kinematics_settings",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    partitions_def=survey_partitions,
    description="How lambda_R of a survey is measured: `settings.yaml` of the data root.",
)
image_settings = dg.AssetSpec(
    "image_settings",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    partitions_def=survey_partitions,
    description="Scale and mock observation of a survey's images: `settings.yaml` of the data root.",
)
training_recipe = dg.AssetSpec(
    "training_recipe",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    partitions_def=recipe_partitions,
    description="What a training is: one entry of `recipes.yaml`. Editing it makes its partitions stale.",
)
INPUTS = [
    catalog_files,
    kinematic_files,
    image_files,
    label_settings,
    kinematics_settings,
    image_settings,
    training_recipe,
]


def input_versions(root: DataRoot) -> dict[tuple[str, str], str]:
    """Version of every input, by asset name and partition: equal content, equal version.

    Files count by path, size and time of change; settings and recipes by content.
    """
    settings = load_settings(root)
    versions = {}
    for survey in SURVEYS:
        chosen = settings.survey(survey)
        folder = root.survey(survey)
        versions["catalog_files", survey] = _files_version(folder, "catalogs")
        versions["kinematic_files", survey] = _files_version(folder, "maps", "cutouts")
        versions["image_files", survey] = _files_version(folder, "images", "sky")
        labels = [version_of(chosen.labels), chosen.jam_qual_min, *chosen.lambda_r_preference]
        versions["label_settings", survey] = _version(labels)
        versions["kinematics_settings", survey] = version_of(chosen.kinematics)
        versions["image_settings", survey] = _version([version_of(chosen.images), version_of(chosen.mock)])
    for recipe in load_recipes().values():
        if recipe.name in recipe_partitions.get_partition_keys():  # others are new: they come with the next reload
            versions["training_recipe", recipe.name] = _version([recipe.version, settings.profile])
    return versions


def observe_inputs(instance: dg.DagsterInstance, root: DataRoot) -> list[dg.AssetObservation]:
    """Observations of the inputs that changed since the instance last heard of them."""
    return [
        dg.AssetObservation(
            asset_key=asset,
            partition=partition,
            tags={"dagster/data_version": version},
            metadata={"data_root": dg.MetadataValue.path(str(root.path))},
        )
        for (asset, partition), version in input_versions(root).items()
        if version != _last_observed(instance, asset, partition)
    ]


@dg.sensor(
    name="input_changes",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Notices changed files, settings and recipes, so that what was made from them shows as stale.",
)
def input_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    observations = observe_inputs(context.instance, DataRoot.from_environment())
    return dg.SensorResult(asset_events=observations) if observations else dg.SkipReason("no input changed")


def _last_observed(instance: dg.DagsterInstance, asset: str, partition: str) -> str | None:
    records = instance.fetch_observations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition]), limit=1
    ).records
    observation = records[0].asset_observation if records else None
    return observation.data_version if observation else None


def _files_version(folder: Path, *names: str) -> str:
    """Version of all that lies in these folders of the folder."""
    digest = hashlib.sha256()
    for path in (path for name in names for path in walk_files(folder / name)):
        stat = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _version(parts: list) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
