"""What is killed: the stages of a run, and the commands that use its results, on a data root of 40 synthetic galaxies.

Each stage begins with a copy of the data root as the one before has left it, so that a kill repeats this stage only.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rotator_assets_tests.chaos.contents import contents
from rotator_assets_tests.chaos.processes import Process, command

DATASET, RECIPE, OTHER_RECIPE = "manga-observed-64", "tiny", "tiny-r"
RECIPES = """\
recipes:
  tiny: &tiny
    architecture: small
    folds: 2
    epochs: 2
    batch_size: 16
    attribution_steps: 2
    attribution_doublings: 0
  tiny-r:
    <<: *tiny
    bands: r
"""
_GALAXIES, _MAPS = 40, 2
LIMIT_SECONDS = 300.0
"""Longest time of a stage."""


class Place:
    """The folders of one chaos: the data root, what commands write elsewhere, and the states of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = folder / "now"
        self.root, self.outside = self.now / "root", self.now / "outside"
        self.temporary = folder / "tmp"

    def state(self, name: str) -> Path:
        """Return the folder of a state."""
        return self.folder / "states" / name

    def restore(self, name: str) -> None:
        """Bring back a state; modification times are part of the inputs."""
        for folder in (self.now, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.state(name), self.now, symlinks=True)
        self.temporary.mkdir()

    def keep(self, name: str) -> None:
        """Keep the present state, and its contents, under a name."""
        made = self.state(f".{name}")
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(self.now, made, symlinks=True)
        self._contents(name).write_text(json.dumps(contents_now(self)), encoding="utf-8")
        made.rename(self.state(name))

    def reference(self, name: str) -> dict[str, Any]:
        """Return the contents of a state."""
        return json.loads(self._contents(name).read_text(encoding="utf-8"))

    def _contents(self, name: str) -> Path:
        return self.folder / "states" / f"{name}.json"

    def process(self, function: Callable[[], None], name: str, **variables: str) -> Process:
        """Start a function in a process; ``name`` is that of the file with its output."""
        printed = self.folder / f"{name}.log"
        printed.unlink(missing_ok=True)
        return Process(function, printed, {"TMPDIR": str(self.temporary), **variables})


Run = Callable[[Place], None]


@dataclass(frozen=True)
class Stage:
    """Something that is done in one process.

    Attributes
    ----------
    name
        What is done.
    before, after
        Names of the state that it begins with and of the one that it makes.
    run
        Does it.
    weight
        How often it is killed at a random moment, relative to the others.
    trainings
        Number of trainings whose results appear one after the other.
    """

    name: str
    before: str
    after: str
    run: Run
    weight: float = 0.0
    trainings: int = 1

    def start(self, place: Place, name: str = "command", **variables: str) -> Process:
        """Start it."""
        return place.process(lambda: self.run(place), name, **variables)


def contents_now(place: Place) -> dict[str, Any]:
    """Return the present contents; raises RuntimeError where something cannot be read."""
    file = place.folder / "contents.json"

    def write() -> None:
        file.write_text(json.dumps(contents(place.root, place.outside)), encoding="utf-8")

    # In another process: DuckDB starts threads, and a process with threads must not be forked.
    process = place.process(write, "contents")
    if process.wait(LIMIT_SECONDS) != 0:
        raise RuntimeError(f"the results cannot be read: {process.output[-1000:]}")
    return json.loads(file.read_text(encoding="utf-8"))


def _run(title: str, assets: tuple[str, ...] = (), *, again: bool = False, options: Sequence[str] = ()) -> Run:
    """Return a function that runs `rotators run` for the steps of a title only, or for some assets of these."""

    def run(place: Place) -> None:
        from rotator_assets.orchestration import plans

        whole = plans.plan

        def part(*arguments: Any) -> list[plans.Step]:
            steps = (step for step in whole(*arguments) if step.title.startswith(title))
            return [replace(step, assets=assets or step.assets, needs=(), requested=again) for step in steps]

        plans.plan = part
        _command("run", "--stale", *_TRAINING, *_DATA, *options)(place)

    return run


def _command(*arguments: str) -> Run:
    """Return a function that runs the command with these arguments."""

    def run(place: Place) -> None:
        places = {"ROOT": str(place.root), "OUT": str(place.outside)}
        command(*(argument.format(**places) for argument in arguments))()

    return run


_DATA = ("--data", "{ROOT}")
_TRAINING = ("-d", DATASET, "-r", RECIPE)
_TRAINED = ("rotator_classifier", "predictions")
STAGES = {
    stage.name: stage
    for stage in (
        Stage("catalogues", "inputs", "catalogued", _run("catalogues"), 4),
        Stage("images", "catalogued", "imaged", _run("images"), 5),
        Stage("training", "imaged", "trained", _run("training", _TRAINED), 6),
        Stage("explanation", "trained", "explained", _run("training"), 3),
        Stage("report", "explained", "reported", _command("run", "--stale", *_TRAINING, *_DATA), 4),
        Stage("catalogues again", "reported", "reported", _run("catalogues", again=True), 3),
        Stage("status", "reported", "reported", _command("status", *_DATA), 2),
        Stage("export", "reported", "exported", _command("export", "{OUT}/all.duckdb", *_DATA), 4),
        Stage("model", "exported", "with model", _command("model", "export", "{OUT}/model", *_TRAINING, *_DATA), 4),
        Stage(
            "prediction",
            "with model",
            "predicted",
            _command("predict", "{ROOT}/manga/images", "--model", "{OUT}/model", "-o", "{OUT}/predictions.csv"),
            5,
        ),
        Stage(
            "two trainings",
            "imaged",
            "trained twice",
            _run("training", _TRAINED, options=("-r", OTHER_RECIPE, "--jobs", "2")),
            trainings=2,
        ),
    )
}
"""The stages by name, each after those that make the state that it begins with."""


def prepare_states(place: Place, stages: list[Stage]) -> dict[str, float]:
    """Make the states that stages begin with and end in, undisturbed; return how long each of these stages takes."""
    if not place.state("inputs").is_dir():
        place.now.mkdir(parents=True, exist_ok=True)
        place.outside.mkdir()
        _write_inputs(place.root)
        place.keep("inputs")
    needed = [*stages]
    for stage in needed:
        needed += [other for other in STAGES.values() if other.after == stage.before != other.before]
    seconds = {}
    for stage in (one for one in STAGES.values() if one in needed):
        timing = place.folder / "states" / f"{stage.name}.seconds"
        if not (timing.is_file() and place.state(stage.after).is_dir()):
            place.restore(stage.before)
            started = time.monotonic()
            process = stage.start(place)
            if process.wait(LIMIT_SECONDS) != 0:
                raise RuntimeError(f"{stage.name}: undisturbed, it ended with {process.status}\n{process.output}")
            timing.write_text(str(time.monotonic() - started))
            if not place.state(stage.after).is_dir():
                place.keep(stage.after)
        seconds[stage.name] = float(timing.read_text())
    return seconds


def write_recipes(folder: Path) -> None:
    """Write the recipes, and let this program read them."""
    path = folder / "recipes.yaml"
    path.write_text(RECIPES, encoding="utf-8")
    os.environ["ROTATORS_RECIPES"] = str(path)


def _write_inputs(root: Path) -> None:
    from rotator_assets.synthetic import write_demo

    write_demo(root, n_galaxies=_GALAXIES, seed=7, workers=1)
    shutil.rmtree(root / "tng100")
    for path in sorted((root / "manga" / "maps").iterdir())[_MAPS:]:
        path.unlink()
