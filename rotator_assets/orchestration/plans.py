"""Plans: the steps that build what datasets and recipes need, in order. One step is one Dagster run.

The assets of a step are those that carry its name in their tag ``rotators/step`` (`lineage.groups.step`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rotator_assets.core.keys import WHOLE
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.lineage.partitions import other_dataset, training_key
from rotator_assets.orchestration.step_assets import STEP_ASSETS
from rotator_assets.surveys.datasets import DATASETS

SURVEY_ASSETS = STEP_ASSETS["catalogues"]
DATASET_ASSETS = STEP_ASSETS["images"]
TRAINING_ASSETS = STEP_ASSETS["training"]
COMPARISON_ASSETS = STEP_ASSETS["comparison"]
REPORT_ASSETS = STEP_ASSETS["study_report"]
MORPHOLOGY_ASSETS = STEP_ASSETS["morphology"]
ELLIPTICITY_ASSETS = STEP_ASSETS["ellipticity"]
"""A separate step, because of all checks only it needs the image morphology, which needs statmorph."""
ROBUSTNESS_ASSETS = (*ELLIPTICITY_ASSETS, *STEP_ASSETS["robustness_of_training"])
ACROSS_RECIPES_ASSETS = STEP_ASSETS["robustness_of_dataset"]


@dataclass(frozen=True)
class Step:
    """One Dagster run: some assets of one partition."""

    title: str
    assets: tuple[str, ...]
    partition: str | None
    needs: tuple[str, ...] = ()
    """Titles of the steps that must succeed before this one can run."""
    needs_one: tuple[str, ...] = ()
    """Titles of steps; at least one of them must succeed."""
    requested: bool = False
    """True for a step that runs even if it is up to date."""

    @property
    def is_training(self) -> bool:
        """True for trainings, which take most of the time and may run in parallel."""
        return set(self.assets) <= set(TRAINING_ASSETS)


PLANTED = Step("injection-recovery test", STEP_ASSETS["planted_truth"], None)
REPORT = Step("study report", REPORT_ASSETS, None, requested=True)


@dataclass
class Outcome:
    """Results of the steps of a plan, by title."""

    done: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failed: dict[str, BaseException] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of settled steps."""
        return len(self.done) + len(self.fresh) + len(self.failed) + len(self.skipped)

    def without(self, step: Step) -> list[str]:
        """Return the titles of needed steps that failed or were skipped."""
        lost = self.failed.keys() | self.skipped.keys()
        missing = [need for need in step.needs if need in lost]
        return missing or [need for need in step.needs_one if lost.issuperset(step.needs_one)]


def plan(
    datasets: list[str],
    recipes: list[str],
    only_stale: bool = False,
    surveys: tuple[str, ...] = (),
    robustness: bool = False,
) -> list[Step]:
    """Return the steps from catalogue files to the report, each after the steps it needs.

    Parameters
    ----------
    datasets, recipes
        Keys; every recipe is trained on every dataset.
    only_stale
        Run only what is missing or out of date.
    surveys
        Further surveys; only their catalogues are built.
    robustness
        Add the robustness checks of each training.

    Returns
    -------
    list of Step
        The report is the last step.

    Raises
    ------
    InputError
        If a recipe that trains on another survey does not apply to a dataset.
    """
    known = load_recipes()
    trained_on = {(key, name): _trained_on(key, known[name]) for key in datasets for name in recipes}
    with_images = list(dict.fromkeys([*datasets, *(other for keys in trained_on.values() for other in keys)]))
    steps = []
    for survey in dict.fromkeys([*(DATASETS[key].survey for key in with_images), *surveys]):
        steps.append(Step(f"catalogues of {survey}", SURVEY_ASSETS, survey))
    for key in with_images:
        labels = f"catalogues of {DATASETS[key].survey}"
        steps.append(Step(f"images {key}", DATASET_ASSETS, key, needs=(labels,)))
    for key in datasets:
        measured = [recipe for recipe in recipes if "structure" in known[recipe].fused_sets]
        steps += [_morphology(key)] if measured else []
        trainings = [
            Step(
                f"training {key} {recipe}",
                TRAINING_ASSETS,
                training_key(key, recipe),
                needs=(
                    *(f"images {needed}" for needed in trained_on[key, recipe]),
                    *([_morphology(key).title] if recipe in measured else []),
                ),
                requested=not only_stale,
            )
            for recipe in recipes
        ]
        steps += trainings
        if trainings:
            steps.append(_comparison(key, tuple(step.title for step in trainings), requested=not only_stale))
        if trainings and robustness:
            steps += [step for step in _robustness(key, recipes, requested=not only_stale) if step not in steps]
    steps += [PLANTED, REPORT] if robustness else [REPORT]
    return steps


def _trained_on(dataset: str, recipe: Recipe) -> list[str]:
    """Return the datasets that a training uses. Raises InputError where the recipe does not apply to the dataset."""
    return [dataset] if recipe.other_survey is None else [dataset, other_dataset(recipe, dataset)]


def _robustness(dataset: str, recipes: list[str], requested: bool) -> list[Step]:
    """Return the robustness checks of each training of a dataset, and of all of them together."""
    morphology = _morphology(dataset)
    trainings = [f"training {dataset} {recipe}" for recipe in recipes]
    return [
        morphology,
        *(
            Step(
                f"{title} {dataset} {recipe}",
                assets,
                training_key(dataset, recipe),
                needs=(*needs, f"training {dataset} {recipe}"),
                requested=requested,
            )
            for recipe in recipes
            for title, assets, needs in (
                ("ellipticity", ELLIPTICITY_ASSETS, (morphology.title,)),
                ("robustness", STEP_ASSETS["robustness_of_training"], ()),
            )
        ),
        Step(f"robustness {dataset}", ACROSS_RECIPES_ASSETS, dataset, needs_one=tuple(trainings), requested=requested),
    ]


def _morphology(dataset: str) -> Step:
    """Return the measurement of the structure of a dataset's images."""
    return Step(f"morphology {dataset}", MORPHOLOGY_ASSETS, dataset, needs=(f"images {dataset}",))


def plan_stale(stale: list[tuple[str, str]]) -> list[Step]:
    """Return the steps that rebuild stale (asset, partition) pairs, with the steps they need; the report comes last."""
    parted = [(asset, partition) for asset, partition in stale if partition != WHOLE]
    surveys = [partition for asset, partition in parted if asset in SURVEY_ASSETS]
    recipes: dict[str, list[str]] = {}
    checked: dict[str, list[str]] = {}
    for asset, partition in parted:
        if asset not in (*SURVEY_ASSETS, *COMPARISON_ASSETS):
            dataset, _, recipe = partition.partition("|")
            recipes.setdefault(dataset, []).extend([recipe] if recipe else [])
            if asset in (*MORPHOLOGY_ASSETS, *ROBUSTNESS_ASSETS, *ACROSS_RECIPES_ASSETS):
                checked.setdefault(dataset, []).extend([recipe] if recipe else [])
    steps = [Step(f"catalogues of {survey}", SURVEY_ASSETS, survey) for survey in surveys]
    for key, names in recipes.items():
        steps += plan([key], list(dict.fromkeys(names)), only_stale=True)
        steps += _robustness(key, list(dict.fromkeys(checked[key])), requested=False) if key in checked else []
    steps += [_comparison(partition) for asset, partition in stale if asset in COMPARISON_ASSETS]
    by_title: dict[str, Step] = {}
    for step in steps:
        if step != REPORT:
            by_title.setdefault(step.title, step)  # the first comparison of a dataset waits for its trainings
    planted = [PLANTED] if any((asset, WHOLE) in stale for asset in PLANTED.assets) else []
    return [*by_title.values(), *planted, REPORT]


def next_step(waiting: list[Step], running: set[str], may_train: bool) -> Step | None:
    """Return the first waiting step that can start; None where all must wait.

    Parameters
    ----------
    waiting
        Steps that have not started, in the order of the plan.
    running
        Titles of the running steps.
    may_train
        True where another training may start.

    Returns
    -------
    Step or None
        A step without a partition, such as the report, starts only after all steps before it.
    """
    unsettled = running | {step.title for step in waiting}
    for position, step in enumerate(waiting):
        if step.partition is None:
            ready = position == 0 and not running
        else:
            ready = unsettled.isdisjoint((*step.needs, *step.needs_one))
        if ready and (may_train or not step.is_training):
            return step
    return None


def _comparison(dataset: str, needs_one: tuple[str, ...] = (), requested: bool = False) -> Step:
    return Step(f"comparison {dataset}", COMPARISON_ASSETS, dataset, needs_one=needs_one, requested=requested)
