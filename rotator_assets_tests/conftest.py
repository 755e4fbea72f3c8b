"""Fixtures of every test."""

import fcntl
import inspect
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType

import hypothesis
import pytest

# A busy machine is no fault of the code. Tests that need other numbers of examples say so.
hypothesis.settings.register_profile("tests", deadline=None, max_examples=40)
hypothesis.settings.load_profile("tests")

# Networks of tests are too small for several threads, and several tests run at a time.
for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

SLOW_NAMES = {
    *("build_network", "cross_validate", "keras", "tensorflow"),
    *("build_asset_context", "evaluate_automation_conditions", "open_instance", "open_runner"),
    *("multiprocessing", "real_data", "subprocess", "write_demo"),
}
"""What trains networks, runs assets or starts processes: a test that uses one of these names is slow."""
TURNS = {"browser": 1, "chain": 3, "slow": 2}
"""When the files with tests of a mark start; the first mark of a file counts, and files without any start last.

The tests of the UI take longest. They and most chains need `finished_root`: while one process makes it, others run the
slow tests that do not wait for it. Fast tests come last, so that all processes end at the same time.
"""
MEMORY_FILES = Path("/dev/shm")
MEMORY_NEEDED_GB = 12
"""Available memory from which on the files of tests are kept in memory; they take about 2 GB, the tests 4 GB."""


def pytest_configure(config: pytest.Config) -> None:
    """Share what the processes of pytest-xdist have in common."""
    _keep_files_in_memory()
    if hasattr(config, "workerinput"):
        from rotator_assets_tests.commands import SERVERS

        SERVERS.use(config.workerinput["servers"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Let a process of pytest-xdist use the servers of the first one."""
    from rotator_assets_tests.commands import SERVERS

    node.workerinput["servers"] = SERVERS.addresses()


def _keep_files_in_memory() -> None:
    """Keep the files of tests in memory where it suffices: they are small and many, and a disk syncs each of them."""
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if MEMORY_FILES.is_dir():
        available = min(available, shutil.disk_usage(MEMORY_FILES).free)
        if available > MEMORY_NEEDED_GB * 1e9:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_FILES))


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark slow tests, and put the files in the order of their turns."""
    for item in items:
        if _is_slow(item):
            item.add_marker("slow")
    marks: dict[Path, set[str]] = {}
    for item in items:
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    turns = {path: next((TURNS[name] for name in TURNS if name in names), 4) for path, names in marks.items()}
    items.sort(key=lambda item: turns[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process more than processors for all tests, because that of the UI mostly waits; each takes half a minute."""
    return None if config.option.markexpr else (os.cpu_count() or 1) + 1


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
def observed_root(tmp_path_factory) -> Path:
    """A root without files whose Dagster instance has observed every recipe and setting, which takes seconds."""
    from rotator_assets.core.data_root import DataRoot
    from rotator_assets.running import open_runner

    def observe(root: Path) -> None:
        with open_runner(DataRoot(root)) as runner:
            runner.observe()
            runner.store.publish()  # also writes a file for each table
        DataRoot(root).database.unlink()  # is valid in this root only

    return _made_once(tmp_path_factory, "observed", observe)


@pytest.fixture
def unpublished(monkeypatch):
    """Assets in this process do not publish the views of the tables.

    On a new root their thousand comments take longer than most assets. The commands that make `finished_root` publish.
    """
    from rotator_assets.store.table_store import TableStore

    monkeypatch.setattr(TableStore, "publish", lambda store: None)


@pytest.fixture
def new_root(observed_root, tmp_path, unpublished):
    """A copy of the observed root, for a test to fill."""
    from rotator_assets.core.data_root import DataRoot

    shutil.copytree(observed_root, tmp_path / "root")
    return DataRoot(tmp_path / "root")


@pytest.fixture(scope="session")
def finished_root(small_demo_root, tmp_path_factory) -> Path:
    """A copy of the small demo root on which the command line has run `thesis`; not to be changed by a test either."""

    from rotator_assets_tests.commands import rotators

    def finish(root: Path) -> None:
        shutil.copytree(small_demo_root, root)
        done = rotators("run", "-d", "manga-observed-64", "-r", "thesis", data=root)
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

    def train(folder: Path) -> None:
        (folder / "models").mkdir(parents=True)
        images, labels, objects = survey
        logs = []
        result = cross_validate(
            images, labels, objects, galaxy_ids(objects), TINY, model_folder=folder / "models", on_epoch=logs.append
        )
        (folder / "result.pickle").write_bytes(pickle.dumps((result, logs)))

    folder = _made_once(tmp_path_factory, "trained", train)
    result, logs = pickle.loads((folder / "result.pickle").read_bytes())
    return result, folder / "models", logs


def _is_slow(item: pytest.Function) -> bool:
    """Whether the test, one of its fixtures or a helper that they call uses one of ``SLOW_NAMES``."""
    if not SLOW_NAMES.isdisjoint(item.fixturenames):
        return True
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    functions = (item.function, *(definition.func for definitions in fixtures for definition in definitions))
    return any(_uses_slow_names(function) for function in functions)


@cache
def _uses_slow_names(first: Callable) -> bool:
    """Whether the function, or a helper of the tests that it calls, uses one of ``SLOW_NAMES``."""
    waiting, seen = [first], set()
    while waiting:
        function = inspect.unwrap(waiting.pop())
        if function in seen:
            continue
        seen.add(function)
        names = set(_names(function.__code__))
        if not names.isdisjoint(SLOW_NAMES):
            return True
        found = (function.__globals__.get(name) for name in names)
        waiting += [one for one in found if inspect.isfunction(one) and one.__module__.startswith(__package__)]
    return False


def _names(code: CodeType) -> Iterator[str]:
    """Names of globals, attributes and modules in a function and in those that it defines."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


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
