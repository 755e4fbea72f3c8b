"""The order of steps: each after the steps it needs, trainings in parallel, the report last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.orchestration.plans import (
    REPORT,
    ROBUSTNESS_ASSETS,
    TRAINING_ASSETS,
    Outcome,
    Step,
    next_step,
    plan,
    plan_stale,
)

DATASETS = ["manga-observed-64", "manga-observed-128", "tng100-noisy-64"]
RECIPES = ["thesis", "log", "asinh"]


@pytest.fixture
def steps() -> list[Step]:
    return plan(DATASETS, RECIPES)


def _simulated(steps: list[Step], jobs: int, choose) -> tuple[list[str], int]:
    """Return titles in the order of their ends and the maximum number of parallel trainings.

    ``choose`` picks the running step that ends next.
    """
    waiting, running, ended, most = list(steps), [], [], 0
    while waiting or running:
        step = next_step(waiting, {s.title for s in running}, may_train=len(running) < jobs)
        if step is None:
            done = running.pop(choose(len(running)))
            ended.append(done.title)
            continue
        waiting.remove(step)
        assert not {n.title for n in (*waiting, *running)} & {*step.needs, *step.needs_one}
        if step.is_training:
            running.append(step)
            most = max(most, len(running))
        else:
            ended.append(step.title)
    return ended, most


@given(jobs=st.integers(1, 5), picks=st.lists(st.integers(0, 100), min_size=20, max_size=20))
def test_all_steps_run_once_in_any_order_and_the_report_last(jobs, picks):
    steps = plan(DATASETS, RECIPES)
    turn = iter(picks)
    ended, most = _simulated(steps, jobs, lambda n: next(turn, 0) % n)
    assert sorted(ended) == sorted(step.title for step in steps)
    assert ended[-1] == REPORT.title
    assert most == min(jobs, len(DATASETS) * len(RECIPES))


def test_one_job_keeps_the_order_of_the_trainings(steps):
    ended, _ = _simulated(steps, 1, lambda n: 0)
    trainings = [step.title for step in steps if step.is_training]
    assert [title for title in ended if title.startswith("training")] == trainings
    for dataset in DATASETS:
        of_dataset = [ended.index(step.title) for step in steps if step.is_training and dataset in step.title]
        assert ended.index(f"comparison {dataset}") > max(of_dataset)


def test_a_stale_comparison_waits_for_the_trainings_of_its_dataset():
    stale = [("rotator_classifier", "manga-observed-64|log"), ("recipe_comparison", "manga-observed-64")]
    steps = plan_stale(stale)
    waiting = [step for step in steps if not step.title.startswith(("catalogues", "images"))]
    assert next_step(waiting, set(), may_train=False) is None
    assert next_step(waiting, set(), may_train=True).is_training


def test_needs_outside_the_plan_do_not_block_a_step():
    step = Step("images x", ("image_tensors",), "x", needs=("catalogues of y",))
    assert next_step([step], set(), may_train=False) is step


def test_the_length_of_an_outcome_is_the_number_of_settled_steps():
    outcome = Outcome(done=["a"], fresh=["b"], failed={"c": ValueError()}, skipped={"d": "needs c"})
    assert len(outcome) == 4


def test_trainings_of_a_plan_are_recognized(steps):
    assert sum(step.is_training for step in steps) == len(DATASETS) * len(RECIPES)
    assert set(RECIPES) <= set(load_recipes())


@pytest.mark.parametrize("robustness", [False, True])
def test_a_fusion_with_the_structure_of_images_is_trained_after_it_is_measured(robustness):
    steps = plan(["manga-observed-64"], ["thesis", "fusion"], robustness=robustness)
    titles = [step.title for step in steps]
    measured, fused = "morphology manga-observed-64", "training manga-observed-64 fusion"
    assert titles.count(measured) == 1 and titles.index(measured) < titles.index(fused)
    needing = [step.title for step in steps if step.is_training and measured in step.needs]
    assert needing == [fused]
    assert measured in [step.title for step in plan_stale([("predictions", "manga-observed-64|fusion")])]
    assert measured not in [step.title for step in plan(["manga-observed-64"], ["thesis"])]


def test_only_the_ellipticity_report_needs_the_image_morphology():
    """All other robustness checks run without statmorph."""
    steps = plan(["manga-observed-64"], ["thesis"], robustness=True)
    needing = [step.assets for step in steps if "morphology manga-observed-64" in step.needs]
    assert needing == [("ellipticity_report",)]
    partition = "manga-observed-64|thesis"
    asked = [asset for step in steps if step.partition == partition for asset in step.assets]
    assert asked == [*TRAINING_ASSETS, *ROBUSTNESS_ASSETS]
