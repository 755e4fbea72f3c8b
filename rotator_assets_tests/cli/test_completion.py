"""Completion in a shell: names of commands, datasets and recipes, without importing what takes long."""

import subprocess
import sys

import pytest

from rotator_assets.cli import shell_completion as completion
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets_tests.commands import rotators

HEAVY = ("dagster", "duckdb", "numpy", "pandas", "tensorflow")


def completed(monkeypatch, words: str) -> list[str]:
    """What bash offers for the last word."""
    monkeypatch.setenv("COMP_WORDS", f"rotators {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
    monkeypatch.setenv(completion.VARIABLE, "bash_complete")
    done = rotators()
    assert (done.returncode, done.stderr) == (0, "")
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("command", ["run", "predict", "model export"])
def test_datasets_and_recipes_are_completed(monkeypatch, command):
    assert completed(monkeypatch, f"{command} -d tng100-noiseless-") == ["tng100-noiseless-128", "tng100-noiseless-64"]
    assert completed(monkeypatch, f"{command} --recipe fus") == [name for name in load_recipes() if name[:3] == "fus"]


def test_commands_are_completed(monkeypatch):
    assert completed(monkeypatch, "re") == ["recipes", "report", "reproduce"]


def test_a_recipes_file_with_an_error_offers_nothing(monkeypatch, tmp_path):
    (tmp_path / "recipes.yaml").write_text("recipes: 3")
    monkeypatch.setenv("ROTATORS_RECIPES", str(tmp_path / "recipes.yaml"))
    assert completed(monkeypatch, "run -r ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_the_command(shell):
    done = rotators("completion", shell)
    assert done.returncode == 0 and f"{completion.VARIABLE}={shell}_complete" in done.stdout


def test_completion_imports_nothing_that_takes_long(tmp_path):
    code = f"""
import os, sys
os.environ.update(COMP_WORDS="rotators run -r the", COMP_CWORD="3", {completion.VARIABLE}="bash_complete")
from rotator_assets.cli import main
try:
    main()
finally:
    print(*({set(HEAVY)} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.split() == ["plain,thesis"]
