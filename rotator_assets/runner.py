"""Materializes, in order and in this process, what datasets and recipes need. The command line's hands."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.errors import DagsterExecutionInterruptedError

from rotator_assets.assets.inputs import observe_inputs
from rotator_assets.data_root import DataRoot
from rotator_assets.definitions import definitions
from rotator_assets.errors import InputError
from rotator_assets.files import replacing
from rotator_assets.partitions import DATASETS, training_key
from rotator_assets.staleness import Staleness

SURVEY_ASSETS = (
    "morphology_catalog",
    "photometry_catalog",
    "measured_kinematics",
    "kinematics_catalog",
    "galaxies",
    "lambda_r_agreement",
    "labeled_galaxies",
    "early_type_galaxies",
)
DATASET_ASSETS = ("image_tensors", "labeled_images")
TRAINING_ASSETS = ("rotator_classifier", "predictions", "roc_report", "attribution_maps")

INSTANCE_SETTINGS = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    # One training at a time; a few small runs beside it.
    "concurrency": {"pools": {"granularity": "run", "default_limit": 1}, "runs": {"max_concurrent_runs": 2}},
}


def prepare_instance_home(root: DataRoot) -> Path:
    """The data root's Dagster home, with its settings written where it has none yet."""
    settings = root.dagster_home / "dagster.yaml"
    if not settings.is_file():
        with replacing(settings) as temporary:
            temporary.write_text(yaml.safe_dump(INSTANCE_SETTINGS, sort_keys=False), encoding="utf-8")
    return root.dagster_home


def open_instance(root: DataRoot) -> dg.DagsterInstance:
    """The data root's Dagster instance, in which runs of processes that were killed count as failed.

    Dagster would take them to be running for ever, and they would hold the training pool.
    """
    instance = dg.DagsterInstance.from_config(str(prepare_instance_home(root)))
    here = {_HOST_TAG: platform.node()}
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags=here)):
        if _birth(int(run.tags[_PID_TAG])) != run.tags[_BIRTH_TAG]:
            instance.report_run_failed(run, "The process of this run is gone: it was killed.")
    return instance


_HOST_TAG, _PID_TAG, _BIRTH_TAG = "rotators/host", "rotators/pid", "rotators/process_started"


def _process_tags() -> dict[str, str]:
    return {_HOST_TAG: platform.node(), _PID_TAG: str(os.getpid()), _BIRTH_TAG: _birth(os.getpid())}


def _birth(pid: int) -> str:
    """When a process started, in the kernel's ticks; "running" where that cannot be told, "" where there is none."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except ProcessLookupError:
        return ""
    except OSError:
        return "running"


@dataclass(frozen=True)
class Step:
    """One Dagster run: some assets of one partition."""

    title: str
    assets: tuple[str, ...]
    partition: str | None
    needs: tuple[str, ...] = ()
    """Titles of the steps without which this one cannot run."""
    needs_one: tuple[str, ...] = ()
    """Titles of steps of which at least one must have gone well."""
    requested: bool = False
    """Asked for by name: run even if it is up to date."""


REPORT = Step("study report", ("dataset_comparison", "study_report"), None, requested=True)


@dataclass
class Outcome:
    """What became of a plan."""

    done: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failed: dict[str, BaseException] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def without(self, step: Step) -> list[str]:
        """What the step needs and does not have."""
        lost = self.failed.keys() | self.skipped.keys()
        missing = [need for need in step.needs if need in lost]
        return missing or [need for need in step.needs_one if lost.issuperset(step.needs_one)]


def plan(
    datasets: list[str], recipes: list[str], only_stale: bool = False, surveys: tuple[str, ...] = ()
) -> list[Step]:
    """The steps from catalogue files to the report, in an order in which each comes after what it needs.

    ``surveys``: further ones of which the catalogues alone are wanted.
    """
    steps = []
    for survey in dict.fromkeys([*(DATASETS[key].survey for key in datasets), *surveys]):
        steps.append(Step(f"catalogues of {survey}", SURVEY_ASSETS, survey))
    for key in datasets:
        labels = f"catalogues of {DATASETS[key].survey}"
        steps.append(Step(f"images {key}", DATASET_ASSETS, key, needs=(labels,)))
        trainings = [
            Step(
                f"training {key} {recipe}",
                TRAINING_ASSETS,
                training_key(key, recipe),
                needs=(f"images {key}",),
                requested=not only_stale,
            )
            for recipe in recipes
        ]
        steps += trainings
        if trainings:
            steps.append(_comparison(key, tuple(step.title for step in trainings), requested=not only_stale))
    steps.append(REPORT)
    return steps


def plan_stale(stale: list[tuple[str, str]]) -> list[Step]:
    """The steps that make stale partitions anew, with what has to come before them; nothing that never was."""
    surveys = [partition for asset, partition in stale if asset in SURVEY_ASSETS]
    recipes: dict[str, list[str]] = {}
    for asset, partition in stale:
        if asset not in SURVEY_ASSETS:
            dataset, _, recipe = partition.partition("|")
            recipes.setdefault(dataset, []).extend([recipe] if recipe else [])
    steps = [Step(f"catalogues of {survey}", SURVEY_ASSETS, survey) for survey in surveys]
    for key, names in recipes.items():
        steps += plan([key], list(dict.fromkeys(names)), only_stale=True)
    steps += [_comparison(partition) for asset, partition in stale if asset == "recipe_comparison"]
    by_title = {step.title: step for step in steps if step != REPORT}
    return [*by_title.values(), REPORT]


def _comparison(dataset: str, needs_one: tuple[str, ...] = (), requested: bool = False) -> Step:
    return Step(f"comparison {dataset}", ("recipe_comparison",), dataset, needs_one=needs_one, requested=requested)


class Runner:
    """Runs steps on the data root's own Dagster instance, so that they show in its UI."""

    def __init__(self, root: DataRoot) -> None:
        self.root = root
        self.definitions = definitions(root)
        self.instance = open_instance(root)
        self._job = self.definitions.resolve_implicit_global_asset_job_def()
        self._graph = self.definitions.resolve_asset_graph()

    def __enter__(self) -> Runner:
        # Work that Dagster starts in processes of its own finds the same root and instance.
        os.environ["ROTATORS_DATA"] = str(self.root.path)
        os.environ["DAGSTER_HOME"] = str(self.root.dagster_home)
        return self

    def __exit__(self, *_) -> None:
        self.instance.dispose()

    def observe_inputs(self) -> None:
        """Report the inputs that changed since they were last seen, so that staleness is known."""
        for observation in observe_inputs(self.instance, self.root):
            self.instance.report_runless_asset_event(observation)

    def run(self, steps: list[Step], on_step: Callable[[Step, int, int, str], None] | None = None) -> Outcome:
        """Run every step whose needs were met; a failure stops what depends on it, and nothing else.

        ``on_step`` is told step, number, total and one of: start, done, fresh, failed, skipped.
        """
        tell = on_step or (lambda *_: None)
        outcome = Outcome()
        self.observe_inputs()
        for number, step in enumerate(steps, start=1):
            missing = outcome.without(step)
            if missing:
                outcome.skipped[step.title] = f"needs {missing[0]}"
                tell(step, number, len(steps), "skipped")
            elif not step.requested and self.is_fresh(step):
                outcome.fresh.append(step.title)
                tell(step, number, len(steps), "fresh")
            else:
                tell(step, number, len(steps), "start")
                try:
                    self.materialize(step)
                    outcome.done.append(step.title)
                    tell(step, number, len(steps), "done")
                except Exception as error:  # reported at the end; other steps go on
                    outcome.failed[step.title] = error
                    tell(step, number, len(steps), "failed")
        return outcome

    def materialize(self, step: Step) -> None:
        """One Dagster run of the step. Raises what the asset raised, and KeyboardInterrupt when interrupted."""
        try:
            self._execute(step)
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None

    def _execute(self, step: Step) -> None:
        self._job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(name) for name in step.assets],
            partition_key=step.partition,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={"rotators/step": step.title.replace(" ", "_"), **_process_tags()},
        )

    def staleness(self) -> Staleness:
        """What is fresh and what is stale now."""
        return Staleness(self.instance, self._graph)

    def is_fresh(self, step: Step) -> bool:
        """True where every asset of the step is there and made from what its inputs are now."""
        staleness = self.staleness()
        return all(staleness.is_fresh(asset, step.partition) for asset in step.assets)


def input_error(error: BaseException | None) -> InputError | None:
    """The InputError at the root of what Dagster raised, if there is one."""
    seen = set()
    while error is not None and id(error) not in seen:  # chains of contexts may run in circles
        if isinstance(error, InputError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None
