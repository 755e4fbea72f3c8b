"""--quiet and --verbose: how much of a run is printed. The error stays one line, the last on standard error."""

import os

import pytest

from rotator_assets.cli import cli
from rotator_assets.core import progress
from rotator_assets.core.verbosity import LOG_LEVEL, Verbosity
from rotator_assets.orchestration.terminal import Progress
from rotator_assets_tests.commands import complaint, rotators


def test_the_commands_that_take_long_have_both():
    for name in ("run", "demo", "report", "predict"):
        assert {"quiet", "verbose"} <= {parameter.name for parameter in cli.commands[name].params}, name


@pytest.mark.parametrize("command", [["demo"], ["report"], ["predict", "x.fits", "-o", "x.csv"]])
def test_one_of_them_must_be_left_out(tmp_path, command):
    assert "--quiet and --verbose exclude each other" in complaint(rotators(*command, "-q", "-v", data=tmp_path))


@pytest.mark.parametrize(
    ("verbosity", "logged", "lines"),
    [
        (Verbosity.QUIET, False, []),
        (Verbosity.NORMAL, False, []),
        (Verbosity.VERBOSE, True, []),
        (Verbosity.VERBOSE, False, ["predicting: 1/2 5 images/s", "predicting: 2/2"]),
    ],
)
def test_reports_are_lines_where_no_log_has_them(capsys, monkeypatch, verbosity, logged, lines):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in the cells of a notebook
    with Progress(verbosity, logged):
        progress.report("predicting", 1, 2, "5 images/s")
        progress.report("predicting", 2, 2)
    assert capsys.readouterr().out.splitlines() == lines


def test_libraries_log_only_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    for verbosity in (Verbosity.QUIET, Verbosity.NORMAL):
        verbosity.apply()
        assert verbosity.log_level == LOG_LEVEL and os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    Verbosity.VERBOSE.apply()
    assert Verbosity.VERBOSE.log_level == "INFO" and os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize("option", [None, "--quiet", "--verbose"])
def test_a_run_that_fails(new_root, option):
    (new_root.survey("manga") / "images").mkdir(parents=True)
    options = [option] if option else []
    done = rotators("run", "-d", "manga-observed-64", *options, data=new_root.path)
    assert done.returncode == 2
    *log, error = done.stderr.splitlines()
    assert error.startswith("rotators: catalogues of manga: ") and bool(log) == (option == "--verbose")
    shown = done.stdout.splitlines()
    assert "not run: images manga-observed-64 (needs catalogues of manga)" in shown
    about_steps = [line for line in shown if line.startswith(("1/", "recipe: "))]
    assert about_steps == [] if option == "--quiet" else len(about_steps) == 2
