"""Fixtures of every test."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("no deadline")


EXPENSIVE_FIXTURES = {"compared_root", "finished_root", "real_data", "small_demo_root", "trained"}
LONGEST_FIRST = ("browser", "chain", "slow")
"""Marks in the order in which their files start; other files follow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use an expensive fixture as slow, and start the files with the longest tests first."""
    for item in items:
        if EXPENSIVE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    ranks: dict[Path, int] = {}
    for item in items:
        rank = next((n for n, name in enumerate(LONGEST_FIRST) if item.get_closest_marker(name)), len(LONGEST_FIRST))
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than processors: tests of the UI and of worker processes mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of published files (``manga/``, ``tng/``, ``atlas3d/``, ``kinematics/``); skips where none is named."""
    named = os.environ.get("ROTATORS_REAL_DATA")
    if not named:
        pytest.skip("ROTATORS_REAL_DATA names no folder of published files")
    folder = Path(named)
    if not (folder / "manga" / "catalogs").is_dir():
        pytest.skip(f"ROTATORS_REAL_DATA: {folder} has no manga/catalogs")
    return folder


@pytest.fixture(scope="session")
def small_demo_root(tmp_path_factory) -> Path:
    """Synthetic files of 90 galaxies a survey, in the published formats; not to be changed by a test."""
    from rotator_assets.synthetic import write_demo

    return _made_once(tmp_path_factory, "demo", lambda root: write_demo(root, n_galaxies=90, seed=7))


@pytest.fixture(scope="session")
def finished_root(small_demo_root, tmp_path_factory) -> Path:
    """A copy of the small demo root on which the command line has run `thesis`; not to be changed by a test either."""

    def finish(root: Path) -> None:
        shutil.copytree(small_demo_root, root)
        command = [str(Path(sys.executable).with_name("rotators")), "run", "-d", "manga-observed-64", "-r", "thesis"]
        done = subprocess.run([*command, "--data", str(root)], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr

    return _made_once(tmp_path_factory, "finished", finish)


@pytest.fixture(scope="session")
def compared_root(tmp_path_factory) -> Path:
    """A root with what two trainings leave in the tables, compared and reported; not to be changed by a test.

    `thesis` on `tng100-noisy-128` and `tng100-noisy-64`; the recipes of the former are compared.
    """
    from rotator_assets.core.data_root import DataRoot
    from rotator_assets.orchestration.plans import REPORT, Step
    from rotator_assets.running import open_runner
    from rotator_assets_tests.comparison.test_comparisons import NOISY, SMALL, trained

    def compare(root: Path) -> None:
        for dataset in (NOISY, SMALL):
            trained(DataRoot(root), dataset, "thesis")
        with open_runner(DataRoot(root)) as runner:
            runner.materialize(Step("recipes", ("recipe_comparison",), NOISY))
            runner.materialize(REPORT)

    return _made_once(tmp_path_factory, "compared", compare)


@pytest.fixture(scope="session")
def survey():
    """Images, labels and objects of a made-up survey."""
    from rotator_assets_tests.training.made_up_training import planted_survey

    return planted_survey()


@pytest.fixture(scope="session")
def trained(survey, tmp_path_factory):
    """(CrossValidation, folder of the networks, epoch logs) of the tiny recipe on the planted survey."""
    from rotator_assets.training.cross_validation import cross_validate
    from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids

    images, labels, objects = survey
    folder = tmp_path_factory.mktemp("models")
    logs = []
    result = cross_validate(
        images, labels, objects, galaxy_ids(objects), TINY, model_folder=folder, on_epoch=logs.append
    )
    return result, folder, logs


def _made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of the test session to need it makes; the others of pytest-xdist wait for it."""
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    folder, made = session / f"shared-{name}", session / f"{name}.made"
    with (session / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # where another process failed to make it
            make(folder)
            made.touch()
    return folder
