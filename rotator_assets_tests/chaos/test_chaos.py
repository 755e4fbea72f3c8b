"""A few of the moments of `make chaos`, at which a command is killed or the disk is full; then it is given again."""

import shutil
from dataclasses import replace

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import TABLES
from rotator_assets_tests.chaos.contents import contents, difference
from rotator_assets_tests.chaos.points import POINTS
from rotator_assets_tests.chaos.stages import STAGES
from rotator_assets_tests.chaos.switch import VARIABLE, Moment
from rotator_assets_tests.commands import complaint, rotators

pytestmark = pytest.mark.slow
TRAINING = ("-d", "manga-observed-64", "-r", "thesis")


@pytest.fixture
def place(finished_root, tmp_path):
    """A finished data root and a folder next to it."""
    shutil.copytree(finished_root, tmp_path / "root")
    (tmp_path / "outside").mkdir()
    return tmp_path


def kill(monkeypatch, moment: Moment, place, *command) -> None:
    """Let the command kill itself at the moment."""
    for name, value in replace(moment, mark=str(place / "killed")).variable().items():
        monkeypatch.setenv(name, value)
    done = rotators(*command, data=place / "root")
    monkeypatch.delenv(VARIABLE)
    assert done.returncode == -9 and (place / "killed").exists(), done
    (place / "killed").unlink()


def test_an_export_that_was_killed_is_whole_when_it_is_given_again(place, monkeypatch):
    target = place / "outside" / "all.duckdb"
    kill(monkeypatch, POINTS["exported tables, written, before it is on the disk"].moment, place, "export", target)
    assert not target.exists()
    assert rotators("export", target, data=place / "root").returncode == 0
    found = contents(place / "root", place / "outside")
    assert len(found["rows of the exported tables"]) > 30
    assert not difference({**found, "rows of the exported tables": found["rows of tables"]}, found)


def test_the_report_is_the_same_after_a_kill_and_a_full_disk(place, monkeypatch):
    root = DataRoot(place / "root")
    before, page = contents(root.path, place / "outside"), root.report.read_bytes()
    kill(monkeypatch, POINTS["report, written, before it is on the disk"].moment, place, "report")
    full = Moment("create", f"{root.results}/figures/*", nth=3, full=True)
    monkeypatch.setenv(VARIABLE, full.variable()[VARIABLE])
    assert "the disk is full; free some space" in complaint(rotators("report", data=root.path))
    monkeypatch.delenv(VARIABLE)
    assert root.report.read_bytes() == page
    assert rotators("report", data=root.path).returncode == 0
    assert root.report.read_bytes() != page
    assert not difference(contents(root.path, place / "outside"), before)


def test_a_lost_row_a_surplus_row_and_another_network_are_differences():
    expected = {"rows of tables": {"galaxies": {"a": 1, "b": 1}}, "rows of the exported tables": {}, "networks": "x"}
    found = {"rows of tables": {"galaxies": {"a": 2}}, "rows of the exported tables": {}, "networks": "y"}
    differing = difference(found, expected)
    assert (differing.lost, differing.surplus) == (1, 1) and "networks: y instead of x" in differing.other
    assert not difference(expected, expected)


def test_the_points_are_forty_or_more_in_every_stage():
    assert len(POINTS) >= 40
    assert {point.stage for point in POINTS.values()} == set(STAGES)
    named = {path.split("/")[2] for path in (p.moment.path for p in POINTS.values()) if path.startswith("*/tables/")}
    assert named - {".published"} <= set(TABLES)
