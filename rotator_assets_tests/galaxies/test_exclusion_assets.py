"""Excluded galaxies through Dagster: what is stale, what is in the tables and images, and what is reported."""

import shutil
from collections.abc import Iterator

import dagster as dg
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.plans import DATASET_ASSETS, SURVEY_ASSETS, Step
from rotator_assets.orchestration.runner import Runner
from rotator_assets.orchestration.status import print_status
from rotator_assets.running import open_runner
from rotator_assets.store.tensors import open_tensor
from rotator_assets.tables import open_store
from rotator_assets_tests.surveys.files import picture, write_cube, write_manga_catalogs

DATASET = "manga-observed-64"
CATALOGUES = Step("catalogues of manga", SURVEY_ASSETS, "manga")
IMAGES = Step(f"images {DATASET}", DATASET_ASSETS, DATASET)
SETTINGS_DECIDE = {"galaxies", "labeled_galaxies", "lambda_r_agreement", "label_sensitivity"}
IMAGED = ["8000-1901", "8000-1902", "8001-3702"]
"""Galaxies with an image; the first and last are one object."""


def _run(runner: Runner, *steps: Step) -> None:
    for step in steps:
        runner.materialize(step)


def _stale(runner: Runner) -> set[str]:
    runner.observe()
    return {one.asset for one in runner.staleness().stale()}


def _versions(runner: Runner) -> dict[str, str]:
    """Data versions of the assets of galaxies and images."""
    assets = (
        "galaxies",
        "labeled_galaxies",
        "early_type_galaxies",
        "image_tensors",
        "labeled_images",
        "imaged_galaxies",
    )
    events = {name: runner.instance.get_latest_materialization_event(dg.AssetKey(name)) for name in assets}
    return {name: event.asset_materialization.tags["dagster/data_version"] for name, event in events.items()}


def _rows(root: DataRoot, table: str) -> dict:
    return open_store(root).query(f"FROM {table}").set_index("galaxy_id")


@pytest.fixture(scope="module")
def made(tmp_path_factory, observed_root) -> DataRoot:
    """A root with labels and images; not to be changed."""
    root = DataRoot(tmp_path_factory.mktemp("made") / "root")
    shutil.copytree(observed_root, root.path, copy_function=shutil.copy2)
    folder = write_manga_catalogs(root.survey("manga"))
    for name in IMAGED:
        write_cube(folder / "images" / f"{name}.fits", picture(128), wcs=False)
    with open_runner(root) as runner:
        _run(runner, CATALOGUES, IMAGES)
    return root


@pytest.fixture
def root(made, tmp_path) -> DataRoot:
    shutil.copytree(made.path, tmp_path / "root", copy_function=shutil.copy2)
    return DataRoot(tmp_path / "root")


@pytest.fixture
def runner(root) -> Iterator[Runner]:
    with open_runner(root) as runner:
        yield runner


def test_excluded_from_everything(root, runner):
    versions = _versions(runner)
    root.settings.write_text("manga: {exclude: [{galaxy_id: 8001-3702, reason: a star}]}")
    assert _stale(runner) == {*SETTINGS_DECIDE, "image_tensors"}
    before = _rows(root, "labeled_galaxies")
    _run(runner, CATALOGUES, IMAGES)
    assert _stale(runner) == set()
    galaxies, labeled = _rows(root, "galaxies"), _rows(root, "labeled_galaxies")
    assert len(galaxies) == len(labeled) == 5
    lost = ["8000-1901", "8001-3702"]
    assert labeled.loc[lost, "rotator_type"].isna().all() and before.loc[lost, "rotator_type"].notna().all()
    assert labeled.loc[lost, "lambda_r"].equals(before.loc[lost, "lambda_r"])
    assert labeled["exclusion_reason"].dropna().to_dict() == dict.fromkeys(lost, "a star")
    images = _rows(root, "images")
    assert images.loc[lost, "reason"].tolist() == ["setting exclude: a star"] * 2
    assert open_tensor(root.tensors / DATASET).galaxy_ids == ("8000-1902",)
    for table in ("labeled_images", "imaged_galaxies"):
        assert list(_rows(root, table).index) == ["8000-1902"]
    funnel = open_store(root).query("FROM match_report ORDER BY step_number")
    assert funnel.loc[1, ["step", "rows_in", "rows_out", "reason"]].tolist() == [
        "exclude", 5, 3, "setting exclude: a star",
    ]  # fmt: skip

    assert all(_versions(runner)[name] != version for name, version in versions.items() if name != "galaxies")
    root.settings.unlink()
    _run(runner, CATALOGUES, IMAGES)
    assert _versions(runner) == versions  # as if there had never been an exclusion


def test_excluded_from_training(root, runner):
    """The images are not made again; the galaxy stays among those that a network may be asked about."""
    entry = "{object_id: 1-200, excluded_from: training, reason: merger}"
    root.settings.write_text(f"manga: {{exclude: [{entry}]}}")
    assert _stale(runner) == SETTINGS_DECIDE
    tensor = _versions(runner)["image_tensors"]
    _run(runner, CATALOGUES)
    assert _stale(runner) == {"labeled_images", "imaged_galaxies"}
    _run(runner, IMAGES)
    assert _versions(runner)["image_tensors"] == tensor
    row = _rows(root, "labeled_galaxies").loc["8000-1902"]
    assert row["rotator_type"] in (0, 1) and row["excluded_from"] == "training"
    assert list(_rows(root, "labeled_images").index) == ["8000-1901", "8001-3702"]
    assert _rows(root, "imaged_galaxies")["excluded_from"].to_dict() == {
        "8000-1901": None, "8000-1902": "training", "8001-3702": None,
    }  # fmt: skip
    funnel = open_store(root).query("FROM match_report ORDER BY step_number")
    assert funnel["reason"].tolist()[-1] == "setting exclude: merger" and funnel["rows_dropped"].tolist()[-1] == 1


def test_entries_without_a_galaxy_are_reported_and_change_nothing(root, runner, capsys):
    versions = _versions(runner)
    root.settings.write_text("manga: {exclude: [{galaxy_id: 1-1, reason: a}, {ra: 1, dec: 1, reason: b}]}")
    _run(runner, CATALOGUES, IMAGES)
    assert _versions(runner) == versions
    print_status(root, open_store, open_runner)
    told = [line for line in capsys.readouterr().out.splitlines() if "exclude" in line]
    assert told == [
        "notice: manga: setting exclude: no galaxy of the morphology catalogue matches galaxy_id 1-1; "
        "ra 1.0 dec 1.0 within 5 arcsec"
    ]
