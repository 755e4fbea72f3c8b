"""The code location: assets, groups, partitions, jobs, and light imports."""

import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.definitions import definitions
from rotator_assets.lineage.partitions import dataset, training_key
from rotator_assets.surveys.datasets import DATASETS

REPOSITORY = Path(__file__).parent.parent
ASSETS = {
    "morphology_catalog": ("catalogs", "survey"),
    "photometry_catalog": ("catalogs", "survey"),
    "kinematics_catalog": ("catalogs", "survey"),
    "measured_kinematics": ("catalogs", "survey"),
    "galaxies": ("galaxies", "survey"),
    "labeled_galaxies": ("galaxies", "survey"),
    "lambda_r_agreement": ("galaxies", "survey"),
    "label_sensitivity": ("galaxies", "survey"),
    "early_type_galaxies": ("galaxies", "survey"),
    "image_tensors": ("images", "dataset"),
    "labeled_images": ("images", "dataset"),
    "imaged_galaxies": ("images", "dataset"),
    "rotator_classifier": ("learning", "training"),
    "predictions": ("learning", "training"),
    "roc_report": ("reports", "training"),
    "galaxy_report": ("reports", "training"),
    "candidates": ("reports", "training"),
    "attribution_maps": ("reports", "training"),
    "recipe_comparison": ("reports", "dataset"),
    "image_morphology": ("robustness", "dataset"),
    "ellipticity_report": ("robustness", "training"),
    "intervals_report": ("robustness", "training"),
    "label_noise_report": ("robustness", "training"),
    "attribution_tests": ("robustness", "training"),
    "learning_curve": ("robustness", "dataset"),
    "transfer_report": ("robustness", "dataset"),
    "planted_truth": ("robustness", None),
    "dataset_comparison": ("reports", None),
    "study_report": ("reports", None),
}
DATASET_KEYS = {
    "manga-observed-128", "manga-observed-64", "tng100-noisy-128", "tng100-noisy-64",
    "tng100-noiseless-128", "tng100-noiseless-64",
}  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    return definitions(DataRoot(Path("/nowhere"))).resolve_asset_graph()


def test_promised_assets_groups_and_partitions(graph):
    nodes = {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}
    assert set(nodes) == set(ASSETS)
    keys = {"survey": {"manga", "tng100", "atlas3d"}, "dataset": DATASET_KEYS}
    keys["training"] = {f"{d}|{r}" for d in DATASET_KEYS for r in load_recipes()}
    for name, (group, kind) in ASSETS.items():
        node = nodes[name]
        assert node.group_name == group, name
        assert node.is_partitioned == (kind is not None), name
        if kind:
            assert set(node.partitions_def.get_partition_keys()) == keys[kind], name


def test_every_asset_is_described_owned_versioned_and_of_a_kind(graph):
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description and node.owners and node.code_version and node.kinds, key


def test_jobs_exist_and_the_report_follows_by_itself():
    repository = definitions(DataRoot(Path("/nowhere"))).get_repository_def()
    assert {"train", "retrain_stale", "refresh_report", "compare_recipes"} <= set(repository.job_names)
    running = {s.name for s in repository.sensor_defs if s.default_status == dg.DefaultSensorStatus.RUNNING}
    assert running == {"input_changes", "report_follows_results"}


def test_trainings_share_a_pool_with_the_job_that_rebuilds_stale_ones(graph):
    assert graph.get(dg.AssetKey("rotator_classifier")).pools == {"training"}
    job = definitions(DataRoot(Path("/nowhere"))).resolve_job_def("retrain_stale")
    assert {op.pool for op in job.all_node_defs} == {"training"}


def test_the_code_location_loads_without_heavy_imports():
    code = (
        "import sys, rotator_assets.definitions; "
        "print([m for m in ('tensorflow', 'keras', 'alibi', 'matplotlib', 'galsim', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pyproject_and_workspace_name_the_same_module():
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    named = {entry["python_module"]["module_name"] for entry in workspace["load_from"]}
    assert named == {pyproject["tool"]["dagster"]["module_name"]} == {"rotator_assets.definitions"}


def test_keys():
    assert set(DATASETS) == DATASET_KEYS
    assert dataset("tng100-noisy-64").crop_px == 64
    key = training_key("tng100-noisy-64", "log")
    assert split_training_key(key) == ("tng100-noisy-64", "log")


def test_an_unknown_dataset_is_an_error_that_lists_the_known_ones():
    from rotator_assets.core.errors import InputError

    with pytest.raises(InputError, match="manga-observed-64"):
        dataset("manga-noisy-64")
