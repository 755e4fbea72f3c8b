"""What the pipeline is given: files, settings, recipes. External assets, whose changes make what they feed stale.

Nothing materializes them. A sensor, and the command line before it runs, report an observation with a new data
version for each that has changed; Dagster then marks exactly the partitions made from it. An observation carries what
the input was and what changed in it, so that whoever sees a stale partition can be told why.
"""

import gzip
import hashlib
import json
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from rotator_assets.changes import changes, file_changes
from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.files import replacing, walk_files
from rotator_assets.partitions import recipe_partitions, survey_partitions
from rotator_assets.recipes import load_recipes, recipes_file
from rotator_assets.settings import SurveySettings, load_settings, version_of
from rotator_assets.surveys import SURVEYS

warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*multi_observable_source_asset")

GROUP = "inputs"
OWNERS = ["team:rotators"]

FOLLOW_CHANGES = (
    dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed() & ~dg.AutomationCondition.executed_with_root_target()
    ).since_last_handled()
    & ~dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("follow_changes")
"""Makes a partition anew when what it was made from has changed; never one that nobody asked for before.

What Dagster's ``eager`` would also do: make all partitions that are missing, and those whose input was made anew and
came out the same. For the automation sensor, which is off until someone switches it on.
"""


def _input(name: str, kinds: set[str], description: str, partitions=survey_partitions) -> dg.AssetSpec:
    return dg.AssetSpec(
        name, group_name=GROUP, owners=OWNERS, kinds=kinds, partitions_def=partitions, description=description
    )


catalog_files = _input(
    "catalog_files", {"fits", "hdf5"}, "The published tables of a survey, in `<survey>/catalogs/` of the data root."
)
kinematic_files = _input(
    "kinematic_files",
    {"fits", "hdf5"},
    "Stellar maps (`<survey>/maps/`) or star particles (`<survey>/cutouts/`) to measure lambda_R from.",
)
image_files = _input(
    "image_files",
    {"fits"},
    "The images of a survey, in `<survey>/images/` of the data root, and blank sky in `<survey>/sky/`.",
)
label_settings = _input(
    "label_settings", {"yaml"}, "How galaxies of a survey are matched and labelled: `settings.yaml` of the data root."
)
kinematics_settings = _input(
    "kinematics_settings", {"yaml"}, "How lambda_R of a survey is measured: `settings.yaml` of the data root."
)
image_settings = _input(
    "image_settings", {"yaml"}, "Scale and mock observation of a survey's images: `settings.yaml` of the data root."
)
training_recipe = _input(
    "training_recipe",
    {"yaml"},
    "What a training is: one entry of `recipes.yaml`. Editing it makes its partitions stale.",
    recipe_partitions,
)


FOLDERS = {
    "catalog_files": ("catalogs",),
    "kinematic_files": ("maps", "cutouts"),
    "image_files": ("images", "sky"),
}
"""Folders of a survey whose files each of these inputs stands for."""

_MANIFESTS_KEPT = 50
"""Lists of files kept of each input: further back than that, a change of files is told without their names."""


@dataclass(frozen=True)
class Input:
    """What one partition of an input is now: equal content, equal version.

    ``content`` is settings by their names or, of an input of `FOLDERS`, (size in bytes, time of change in ns) by path.
    ``written_in`` is the YAML file of settings and recipes.
    """

    asset: str
    partition: str
    content: dict[str, Any]
    version: str
    written_in: Path | None = None


def read_inputs(root: DataRoot) -> Iterator[Input]:
    """Every input there is now. Files count by path, size and time of change; settings and recipes by content.

    Raises InputError where ``settings.yaml`` or ``recipes.yaml`` has an error.
    """
    settings, recipes = load_settings(root), load_recipes()
    for survey in SURVEYS:
        for asset, folders in FOLDERS.items():
            files = _files(root.survey(survey), *folders)
            yield Input(asset, survey, files, _version_of_files(files))
        for asset, (content, version) in _settings(settings.survey(survey)).items():
            yield Input(asset, survey, content, version, root.settings)
    for recipe in recipes.values():
        if recipe.name in recipe_partitions.get_partition_keys():  # others are new: they come with the next reload
            content = {**recipe.model_dump(mode="json", exclude={"name"}), "profile": settings.profile}
            version = _version([recipe.version, settings.profile])
            yield Input("training_recipe", recipe.name, content, version, recipes_file())


def observe_inputs(instance: dg.DagsterInstance, root: DataRoot) -> list[dg.AssetObservation]:
    """Observations of the inputs that changed since the instance last heard of them. Raises InputError as above."""
    observations = []
    for now in read_inputs(root):
        last = last_observation(instance, now.asset, now.partition)
        if last is None or last.data_version != now.version:
            observations.append(_observation(instance, root, now, last))
    return observations


def last_observation(
    instance: dg.DagsterInstance, asset: str, partition: str, before_storage_id: int | None = None
) -> dg.AssetObservation | None:
    """The last observation of an input, or the last before an event of the instance; None where there is none."""
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey(asset), asset_partitions=[partition], before_storage_id=before_storage_id
    )
    records = instance.fetch_observations(wanted, limit=1).records
    return records[0].asset_observation if records else None


def observed_content(instance: dg.DagsterInstance, observation: dg.AssetObservation) -> dict[str, Any] | None:
    """What an input was when it was observed, as in `Input.content`; None where that was not kept."""
    asset = observation.asset_key.to_user_string()
    if asset in FOLDERS:
        return _read_manifest(_manifest(instance, asset, observation.partition, observation.data_version))
    content = observation.metadata.get("content")
    return content.value if isinstance(content, dg.JsonMetadataValue) else None


def content_changes(asset: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    """What differs between two contents of an input, in words."""
    if old is None or new is None:
        return ["what it was before is not recorded"]
    return file_changes(old, new) if asset in FOLDERS else changes(old, new)


@dg.sensor(
    name="input_changes",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Notices changed files, settings and recipes, so that what was made from them shows as stale.",
)
def input_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    try:
        observations = observe_inputs(context.instance, DataRoot.from_environment())
    except InputError as error:
        return dg.SkipReason(f"no change can be noticed before this is put right: {error}")
    return dg.SensorResult(asset_events=observations) if observations else dg.SkipReason("no input changed")


def _observable(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    """The input as an asset that can be observed, which automation conditions need, and the UI's button Observe."""
    name = spec.key.to_user_string()

    @dg.multi_observable_source_asset(name=f"observe_{name}", specs=[spec])
    def observe(context, root: dg.ResourceParam[DataRoot]):
        wanted = set(context.partition_keys)
        for now in read_inputs(root):
            if now.asset == name and now.partition in wanted:
                last = last_observation(context.instance, name, now.partition)
                told = _observation(context.instance, root, now, last)
                yield dg.ObserveResult(
                    asset_key=spec.key,
                    data_version=dg.DataVersion(now.version),
                    metadata=told.metadata,
                )

    return observe


INPUTS = [
    _observable(spec)
    for spec in (
        catalog_files,
        kinematic_files,
        image_files,
        label_settings,
        kinematics_settings,
        image_settings,
        training_recipe,
    )
]


def _observation(
    instance: dg.DagsterInstance, root: DataRoot, now: Input, last: dg.AssetObservation | None
) -> dg.AssetObservation:
    metadata: dict[str, Any] = {"data_root": dg.MetadataValue.path(str(root.path))}
    if last is None:
        metadata["changed"] = "first seen"
    else:
        metadata["changed"] = "; ".join(content_changes(now.asset, observed_content(instance, last), now.content))
    if now.asset in FOLDERS:
        metadata["files"] = len(now.content)
        _keep_manifest(instance, now)
    else:
        metadata["content"] = dg.MetadataValue.json(now.content)
    if now.written_in and now.written_in.is_file():
        metadata["written_in"] = dg.MetadataValue.path(str(now.written_in))
        metadata["edited"] = dg.MetadataValue.timestamp(now.written_in.stat().st_mtime)
    return dg.AssetObservation(
        asset_key=now.asset, partition=now.partition, tags={"dagster/data_version": now.version}, metadata=metadata
    )


def _settings(survey: SurveySettings) -> dict[str, tuple[dict[str, Any], str]]:
    """Content and version of the settings inputs of a survey, by asset."""
    chosen = survey.model_dump(mode="json")
    labels = [version_of(survey.labels), survey.jam_qual_min, *survey.lambda_r_preference]
    return {
        "label_settings": (
            {name: chosen[name] for name in ("labels", "jam_qual_min", "lambda_r_preference")},
            _version(labels),
        ),
        "kinematics_settings": ({"kinematics": chosen["kinematics"]}, version_of(survey.kinematics)),
        "image_settings": (
            {name: chosen[name] for name in ("images", "mock")},
            _version([version_of(survey.images), version_of(survey.mock)]),
        ),
    }


def _files(folder: Path, *names: str) -> dict[str, list[int]]:
    """Size and time of change of all that lies in these folders of the folder, by path."""
    files = {}
    for path in (path for name in names for path in walk_files(folder / name)):
        try:
            stat = path.stat()
        except OSError:  # a link to nowhere, or gone since it was listed
            continue
        name = str(path.relative_to(folder)).encode(errors="backslashreplace").decode()  # names need not be UTF-8
        files[name] = [stat.st_size, stat.st_mtime_ns]
    return files


def _version_of_files(files: dict[str, list[int]]) -> str:
    digest = hashlib.sha256()
    for path, (size, changed_ns) in files.items():
        digest.update(f"{path}\0{size}\0{changed_ns}\n".encode())
    return digest.hexdigest()[:16]


def _version(parts: list) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _manifest(instance: dg.DagsterInstance, asset: str, partition: str, version: str) -> Path:
    """Where the instance keeps a list of files: an image folder's would be too long for an observation's metadata."""
    return Path(instance.root_directory) / "inputs" / f"{asset}.{partition}.{version}.json.gz"


def _keep_manifest(instance: dg.DagsterInstance, now: Input) -> None:
    path = _manifest(instance, now.asset, now.partition, now.version)
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(json.dumps(now.content).encode(), compresslevel=5))
    kept = sorted(path.parent.glob(f"{now.asset}.{now.partition}.*.json.gz"), key=lambda old: old.stat().st_mtime_ns)
    for old in kept[:-_MANIFESTS_KEPT]:
        old.unlink(missing_ok=True)


def _read_manifest(path: Path) -> dict[str, list[int]] | None:
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return None
