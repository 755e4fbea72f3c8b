"""Results whose files are gone or damaged are out of date, and are made again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.running import open_runner
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import rotators

DATASET, RECIPE = "manga-observed-64", "thesis"
TRAINING = f"{DATASET}|{RECIPE}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copied(finished_root, tmp_path_factory) -> DataRoot:
    """A copy of a finished root, at the same path for all tests."""
    root = tmp_path_factory.mktemp("lost") / "root"
    shutil.copytree(finished_root, root)
    return DataRoot(root)


@pytest.fixture
def root(copied):
    """The copy; its results are restored after the test."""
    kept = copied.path.with_name("kept")
    shutil.copytree(copied.results, kept)
    yield copied
    shutil.rmtree(copied.results)
    kept.rename(copied.results)


def cut(path: Path) -> None:
    """Cut a file short."""
    path.write_bytes(path.read_bytes()[:-20])


def stale(root: DataRoot) -> dict[tuple[str, str], str]:
    with open_runner(root) as runner:
        return {(asset, partition): reason for asset, partition, reason in runner.staleness().stale()}


def files(root: DataRoot) -> dict[str, Path]:
    """One file of each kind."""
    store = open_store(root)
    return {
        "table": store.latest_files("early_type_galaxies")["manga"],
        "shared": store.latest_files("match_report")["manga.galaxies"],
        "tensor": next((root.tensors / DATASET).glob("images-*.npy")),
        "tensor manifest": root.tensors / DATASET / "manifest.json",
        "network": next((root.models / DATASET / RECIPE).glob("training-*/fold-1.keras")),
        "manifest": root.models / DATASET / RECIPE / "model.json",
        "interpretation": root.models / DATASET / RECIPE / "interpretation.npz",
        "maps": root.attributions / DATASET / RECIPE / "maps.npy",
        "report": root.report,
    }


@pytest.mark.parametrize(
    ("harm", "kinds", "reasons"),
    [
        (
            cut,
            ("table", "tensor", "network", "interpretation", "maps"),
            {
                ("early_type_galaxies", "manga"): "its rows of table early_type_galaxies are damaged",
                ("image_tensors", DATASET): "its images are damaged",
                ("rotator_classifier", TRAINING): "its network 1 is gone or damaged",
                ("candidates", TRAINING): "its interpretation is gone or damaged",
                ("attribution_maps", TRAINING): "its maps are gone or damaged",
            },
        ),
        (
            cut,
            ("tensor manifest", "manifest"),
            {
                ("image_tensors", DATASET): "its images are damaged",
                ("rotator_classifier", TRAINING): "its networks are damaged",
            },
        ),
        (
            Path.unlink,
            ("table", "shared", "tensor manifest", "manifest", "report"),
            {
                ("early_type_galaxies", "manga"): "its rows of table early_type_galaxies are gone",
                ("galaxies", "manga"): "its rows of table match_report are gone",
                ("image_tensors", DATASET): "its images are gone",
                ("rotator_classifier", TRAINING): "its networks are gone",
                ("study_report", "all"): "its page is gone",
            },
        ),
    ],
)
def test_what_is_lost_is_stale_with_the_reason(root, harm: Callable[[Path], None], kinds, reasons):
    made = files(root)
    for kind in kinds:
        harm(made[kind])
    assert stale(root) == reasons


def test_a_damaged_table_and_tensor_are_made_again(root):
    store, made = open_store(root), files(root)
    rows = store.query("FROM early_type_galaxies ORDER BY galaxy_id")
    images = made["tensor"].read_bytes()
    for kind in ("table", "tensor"):
        cut(made[kind])
    done = rotators("run", "--stale", data=root.path)
    assert done.returncode == 0, done.stderr
    assert f"{made['table']}: is damaged, now" in done.stdout
    assert open_store(root).query("FROM early_type_galaxies ORDER BY galaxy_id").equals(rows)
    assert made["tensor"].read_bytes() == images
    assert stale(root) == {}
