"""``rotators compare``: its output, its page, and what it leaves alone."""

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.comparison.kept import NOISY, keep
from rotator_assets_tests.comparison.test_training_pairs import classified


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three trainings; not to be changed by a test."""
    root = DataRoot(tmp_path_factory.mktemp("root"))
    open_store(root).publish()
    keep(root, NOISY, "thesis", sample=classified("sf" * 10, "sffs" * 5))
    keep(root, NOISY, "log", sample=classified("sf" * 10, "sf" * 10))
    keep(root, NOISY, "max-g", sample=classified("sf" * 10, "ss" * 10))
    return root


def files(root):
    return {path: path.stat().st_mtime_ns for path in root.path.rglob("*") if path.is_file()}


def test_trainings_are_compared_on_the_console(root, tmp_path):
    before, page = files(root), tmp_path / "page.html"
    done = rotators("compare", f"{NOISY}/thesis", "log", "max-g", "-o", page, data=root.path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == f"A  {NOISY}/thesis, trained 2026-11-30 12:15 UTC"
    assert (
        "SYNTHETIC DATA. The numbers of A, B and C are from synthetic galaxies and say nothing about real ones."
        in lines
    )
    assert "normalization   max_all   log   max_g" in done.stdout
    assert "In common: 20 galaxies." in lines and lines[-1] == f"page: {page}"
    assert "g3       fast    0.303   0.703   +0.400   slow         fast" in done.stdout
    assert page.is_file() and files(root) == before and not root.dagster_home.exists()


def test_the_page_has_the_names_of_the_trainings_by_default(root):
    done = rotators("compare", "thesis", "log", data=root.path)
    page = root.results / "comparisons" / f"{NOISY}-thesis--{NOISY}-log.html"
    assert done.stdout.splitlines()[-1] == f"page: {page}" and page.is_file()
    page.unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["thesis"], "name two to 8 trainings"),
        (["thesis"] * 9, "name two to 8 trainings"),
        (["thesis", "thesis"], "are the same training"),
        (["thesis", "dropout"], f"there is no training '{NOISY}/dropout'; trained: "),
    ],
)
def test_wrong_usage_is_one_line(root, arguments, message):
    assert message in complaint(rotators("compare", *arguments, data=root.path))


def test_the_page_is_not_written_among_the_results(root):
    done = rotators("compare", "thesis", "log", "-o", root.results / "page.html", data=root.path)
    assert "lies in the root's results" in complaint(done)
