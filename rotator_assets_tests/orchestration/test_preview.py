"""`run --dry-run`: which steps would run, how long they take and how much disk they need; nothing is written."""

import os
import shutil
from pathlib import Path

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.profiles import reduced
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.core.training_cost import image_passes
from rotator_assets.orchestration import estimates
from rotator_assets.orchestration.at_work import RUN_STEP_TAG
from rotator_assets.orchestration.estimates import Estimates, Measured
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.preview import measured, mirror
from rotator_assets.running import open_runner
from rotator_assets.store.models import open_models
from rotator_assets.store.tensors import open_tensor
from rotator_assets_tests.commands import rotators

DATASET = "manga-observed-64"


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and modification time of everything below a folder."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
    }


def previewed(root: Path, *arguments: str) -> tuple[dict[str, str], str]:
    """State of each step by title, and the whole output, of a dry run that leaves the root as it is."""
    before = tree(root)
    done = rotators("run", *arguments, "--dry-run", data=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(root) == before
    assert done.stdout.endswith("nothing was run or written\n")
    states = {}
    for line in done.stdout.splitlines():
        cells = [cell.strip() for cell in line.split("   ") if cell.strip()]
        if len(cells) > 1 and cells[1] in ("runs", "may run", "fresh"):
            states[cells[0]] = cells[1]
    return states, done.stdout


def test_everything_runs_on_a_new_root(small_demo_root):
    states, shown = previewed(small_demo_root, "-d", DATASET)
    assert states == dict.fromkeys(
        [
            *("catalogues of manga", f"images {DATASET}", f"training {DATASET} thesis", f"comparison {DATASET}"),
            "study report",
        ],
        "runs",
    )
    assert shown.startswith("recipe: thesis (the default; `rotators recipes` lists others)\n")
    assert "They are rough: no step was run here before." in shown
    assert not (small_demo_root / "results").exists()


def test_named_trainings_run_again_and_others_only_if_they_are_stale(finished_root):
    fresh = {"catalogues of manga": "fresh", f"images {DATASET}": "fresh"}
    states, shown = previewed(finished_root, "-d", DATASET, "-r", "thesis", "-r", "log", "--stale")
    assert states == fresh | {
        f"training {DATASET} thesis": "fresh",
        f"training {DATASET} log": "runs",
        f"comparison {DATASET}": "may run",
        "study report": "runs",
    }
    assert "Times of 2 steps are those of their last run" in shown
    states, _ = previewed(finished_root, "-d", DATASET)
    assert states == fresh | {
        f"training {DATASET} thesis": "runs",
        f"comparison {DATASET}": "runs",
        "study report": "runs",
    }


def test_only_what_has_changed_is_stale(finished_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(finished_root, root, symlinks=True)
    assert rotators("run", "--stale", "--dry-run", data=root).stdout == "nothing is stale\n"
    (root / "settings.yaml").write_text("manga: {images: {pixels_per_r_eff: 9.0}}")
    states, _ = previewed(root, "--stale")
    assert states == {"catalogues of manga": "fresh", f"images {DATASET}": "runs", "study report": "runs"}


@pytest.fixture
def reflected(finished_root):
    with mirror(DataRoot(finished_root)) as root:
        yield root


def test_steps_that_were_run_take_as_long_as_then(reflected):
    with open_runner(reflected) as runner:
        before = measured(runner.instance)
        records = {r.dagster_run.tags[RUN_STEP_TAG]: r for r in runner.instance.get_run_records()}
    step = Step(f"training {DATASET} thesis", tuple(before[f"training {DATASET} thesis"].assets), f"{DATASET}|thesis")
    guess, record = Estimates(reflected, before).of(step), records[f"training_{DATASET}_thesis"]
    assert guess.measured and guess.seconds == record.end_time - record.start_time > 0
    part = Step(step.title, ("attribution_maps",), step.partition)
    assert not Estimates(reflected, before).of(part).measured


def test_trainings_are_scaled_from_those_of_the_root(reflected):
    models = open_models(reflected.models / DATASET / "thesis")

    def training(recipe: str) -> float:
        guess = Estimates(reflected, {}).of(Step("x", ("rotator_classifier",), f"{DATASET}|{recipe}"))
        return guess.seconds - estimates.START_SECONDS - estimates.OTHER_ASSET_SECONDS

    assert training("log") == pytest.approx(models.seconds)
    assert training("all-types") == pytest.approx(2 * models.seconds)
    assert training("fraction-10") == pytest.approx(0.1 * models.seconds)


def test_the_disk_space_is_that_of_the_files(reflected):
    sizes = Estimates(reflected, {})
    tensor = sizes.of(Step("x", ("image_tensors",), DATASET)).n_bytes - estimates.STEP_BYTES
    assert tensor == open_tensor(reflected.tensors / DATASET).images.nbytes
    networks = sizes.of(Step("x", ("rotator_classifier",), f"{DATASET}|thesis")).n_bytes - estimates.STEP_BYTES
    written = sum(p.stat().st_size for p in (reflected.models / DATASET / "thesis").rglob("*.keras"))
    assert networks == pytest.approx(written, rel=0.1)
    maps = sizes.of(Step("x", ("attribution_maps",), f"{DATASET}|thesis")).n_bytes - estimates.STEP_BYTES
    folder = reflected.attributions / DATASET / "thesis"
    written = sum((Path(at) / name).stat().st_size for at, _, names in os.walk(folder) for name in names)
    assert written / 3 < maps < 3 * written


def test_without_trainings_the_rough_speeds_count(small_demo_root):
    root = DataRoot(small_demo_root)
    n_images = len(list((root.survey("manga") / "images").iterdir()))
    recipe = reduced(load_recipes()["thesis"], 128)
    guess = Estimates(root, {}).of(Step("x", ("rotator_classifier",), "manga-observed-128|thesis"))
    rest = estimates.START_SECONDS + estimates.OTHER_ASSET_SECONDS
    assert guess.seconds == pytest.approx(rest + 4 * estimates.PASS_SECONDS * image_passes(recipe, n_images))
    images = Estimates(root, {}).of(Step("x", ("image_tensors",), DATASET))
    assert images.n_bytes == estimates.STEP_BYTES + n_images * 64 * 64 * 3 * 4


def test_a_step_with_other_assets_than_before_is_estimated(small_demo_root):
    before = {"x": Measured(frozenset({"recipe_comparison"}), 77.0)}
    guesses = Estimates(DataRoot(small_demo_root), before)
    assert guesses.of(Step("x", ("recipe_comparison",), DATASET)).seconds == 77
    assert guesses.of(Step("x", ("learning_curve",), DATASET)).seconds < 77
