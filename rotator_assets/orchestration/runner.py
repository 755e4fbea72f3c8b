"""Runs the steps of a plan for the command line, in this process and in workers."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import dagster as dg

from rotator_assets.core.dagster_internals import (
    SINGLETON_REPOSITORY_NAME,
    DagsterExecutionInterruptedError,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    database_of_run,
)
from rotator_assets.core.errors import FULL_DISK, InputError, causes, is_full_disk
from rotator_assets.core.verbosity import LOG_LEVEL
from rotator_assets.lineage.observing import observe
from rotator_assets.lineage.staleness import Staleness
from rotator_assets.orchestration.at_work import RUN_STEP_TAG, alive, at_work, process_tags
from rotator_assets.orchestration.instance import open_instance
from rotator_assets.orchestration.lost_results import LostResults
from rotator_assets.orchestration.plans import Outcome, Step, next_step
from rotator_assets.orchestration.workers import Workers
from rotator_assets.store.table_store import TableStore

WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"


@contextmanager
def _kept_open(database: Path | None) -> Generator[None]:
    """Keep a database of the instance open, where it has one.

    Dagster opens one per query. SQLite writes a database to the disk whenever its last connection is closed.
    """
    if database is None or not database.is_file():
        yield
        return
    with closing(sqlite3.connect(database, check_same_thread=False)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master")  # opens the file
        yield


_LOCATION = "rotator_assets" if WORKSPACE.is_file() else "rotator_assets.definitions"


def _shown_in_the_ui(instance: dg.DagsterInstance, job: dg.JobDefinition) -> dg.DagsterInstance:
    """Set the code location of the instance's runs, without which the UI's run timeline would omit them."""
    target = LoadableTargetOrigin(module_name="rotator_assets.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, _LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name)
    create = partial(instance.create_run_for_job, remote_job_origin=origin)
    instance.create_run_for_job = create  # pyright: ignore[reportAttributeAccessIssue]  # replaces a method
    return instance


class Runner:
    """Runs steps in the Dagster instance of the data root, so that they show in its UI."""

    def __init__(self, store: TableStore, definitions: dg.Definitions, log_level: str = LOG_LEVEL) -> None:
        self.store, self.root, self.definitions = store, store.root, definitions
        self.log_level = log_level
        self._job = self.definitions.resolve_implicit_global_asset_job_def()
        self.instance = _shown_in_the_ui(open_instance(self.root), self._job)
        self._graph = self.definitions.resolve_asset_graph()
        self._until_the_end = ExitStack()
        history = self.root.dagster_home / "history"
        for path in (history / "runs.db", history / "runs" / "index.db", database_of_run(self.instance, "")):
            self._until_the_end.enter_context(_kept_open(path))

    def __enter__(self) -> Runner:
        # Dagster's child processes use the same root and instance.
        os.environ["ROTATORS_DATA"] = str(self.root.path)
        os.environ["DAGSTER_HOME"] = str(self.root.dagster_home)
        self._until_the_end.enter_context(alive(self.root))
        return self

    def __exit__(self, *_) -> None:
        self._until_the_end.close()
        self.instance.dispose()

    def observe(self) -> None:
        """Report the inputs and results that have changed, so that Dagster knows what is stale.

        Raises InputError where ``settings.yaml`` or ``recipes.yaml`` has an error.
        """
        for observation in observe(self.instance, self.store):
            self.instance.report_runless_asset_event(observation)

    def run(
        self,
        steps: list[Step],
        on_step: Callable[[Step, int, str], None] | None = None,
        workers: Workers | None = None,
    ) -> Outcome:
        """Run the steps of a plan; after a failure only the steps that depend on it are skipped.

        Parameters
        ----------
        steps
            The steps, each after those it needs.
        on_step
            Called with a step, the number of settled steps, and one of start, done, fresh, failed and skipped.
        workers
            Worker processes for the trainings, which end with this call; other steps run in this process. By default,
            all of them do.

        Returns
        -------
        Outcome
            Results and errors of the steps.
        """
        notify = on_step or (lambda *_: None)
        here, workers = workers is None, workers or Workers(self.root, 0)
        outcome, waiting = Outcome(), list(steps)

        def settle(step: Step, state: str) -> None:
            notify(step, len(outcome), state)

        def end(step: Step, error: Exception | None) -> None:
            if error is None:
                outcome.done.append(step.title)
            else:  # reported at the end; other steps continue
                outcome.failed[step.title] = error
            settle(step, "done" if error is None else "failed")

        with at_work(self.root), workers:
            while waiting or workers.running:
                if not (workers.running or any(step.is_training for step in waiting)):
                    workers.close()
                step = next_step(waiting, workers.running, may_train=here or workers.idle)
                if step is None:
                    end(*workers.wait())
                    continue
                waiting.remove(step)
                if missing := outcome.without(step):
                    outcome.skipped[step.title] = f"needs {missing[0]}"
                    settle(step, "skipped")
                    continue
                self.observe()
                step = step if step.requested else self.stale_part(step)
                if not step.assets:
                    outcome.fresh.append(step.title)
                    settle(step, "fresh")
                else:
                    settle(step, "start")
                    if step.is_training and not here:
                        workers.start(step)
                    else:
                        end(step, self._attempt(step))
        return outcome

    def _attempt(self, step: Step) -> Exception | None:
        """Execute the step; return the error it raised."""
        try:
            self.execute(step)
        except Exception as error:
            return error
        return None

    def materialize(self, step: Step) -> None:
        """Run the step as one Dagster run with the current inputs.

        Raises the error of the asset, InputError as `observe` does, and KeyboardInterrupt when interrupted.
        """
        self.observe()
        self.execute(step)

    def execute(self, step: Step) -> None:
        """Run the step like `materialize`, but with the inputs as last observed."""
        run_id = str(uuid.uuid4())
        try:
            with _kept_open(database_of_run(self.instance, run_id)):
                self._job.execute_in_process(
                    instance=self.instance,
                    run_id=run_id,
                    asset_selection=[dg.AssetKey(name) for name in step.assets],
                    partition_key=step.partition,
                    run_config={"loggers": {"console": {"config": {"log_level": self.log_level}}}},
                    tags={RUN_STEP_TAG: step.title.replace(" ", "_"), **process_tags(run_id)},
                )
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None

    def staleness(self) -> Staleness:
        """Return the current state of all partitions."""
        return Staleness(self.instance, self._graph, LostResults(self.store).reason)

    def stale_part(self, step: Step, staleness: Staleness | None = None) -> Step:
        """Return the step reduced to its first missing or stale asset and all assets after it.

        Fresh assets before it are kept, so that a network is not trained again to change its attributions. The current
        state is that of ``staleness``, if given.
        """
        staleness = staleness or self.staleness()
        fresh = takewhile(lambda asset: staleness.is_fresh(asset, step.partition), step.assets)
        return replace(step, assets=step.assets[len(list(fresh)) :])


def input_error(error: BaseException | None) -> InputError | None:
    """Return the InputError that caused an error raised by Dagster, or one for a full disk; None for other errors."""
    for one in causes(error):
        if isinstance(one, InputError):
            return one
    return InputError(FULL_DISK) if error is not None and is_full_disk(error) else None
