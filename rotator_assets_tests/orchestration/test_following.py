"""After trainings, comparisons and report are rebuilt once, in order, and only when no run is in progress."""

import shutil
import time
import uuid
from types import SimpleNamespace

import dagster as dg
import pytest

from rotator_assets.core.data_root import ENVIRONMENT_VARIABLE, DataRoot
from rotator_assets.definitions import definitions
from rotator_assets.lineage.observing import input_changes, last_observation
from rotator_assets.orchestration import following
from rotator_assets.orchestration.at_work import RUN_STEP_TAG, at_work, is_at_work, process_tags
from rotator_assets.orchestration.following import SENSOR, report_sensor
from rotator_assets.orchestration.runner import Runner
from rotator_assets.running import open_runner
from rotator_assets.tables import open_store
from rotator_assets_tests.comparison.test_comparisons import NOISY, trained


class Sensor:
    """The sensor on one root; events are reported and runs executed like by the daemon."""

    def __init__(self, runner: Runner) -> None:
        self.root, self.instance, self._cursor = runner.root, runner.instance, None
        self._definitions = definitions(runner.root)

    def tick(self) -> str:
        """Return the message of a tick without requests; else execute the requested jobs and return their names."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self._cursor, resources={"store": open_store(self.root)}
        ) as context:
            told = report_sensor(self._definitions.resolve_asset_graph)(context)
        if isinstance(told, dg.SkipReason):
            return told.skip_message
        self._cursor = told.cursor or self._cursor
        for event in told.asset_events:
            self.instance.report_runless_asset_event(event)
        for request in told.run_requests:
            self.execute(request)
        requested = [" ".join(filter(None, (one.job_name, one.partition_key))) for one in told.run_requests]
        return ", ".join(requested) or told.skip_reason.skip_message

    def execute(self, request: dg.RunRequest) -> None:
        self._definitions.resolve_job_def(request.job_name).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            asset_selection=request.asset_selection,
            tags={"dagster/run_key": request.run_key or "by hand", "dagster/sensor_name": SENSOR},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def passed(self, asset: str) -> bool:
        """Return the last recorded result of an asset's check."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), "is_current")
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        return record.event.dagster_event.event_specific_data.passed


@pytest.fixture
def sensor(compared_root, tmp_path, unpublished, monkeypatch):
    monkeypatch.setattr(following, "QUIET_SECONDS", 0)
    root = DataRoot(tmp_path / "root")
    shutil.copytree(compared_root, root.path)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(root.path))
    with open_runner(root) as runner:
        yield Sensor(runner)


def _new_auc(root: DataRoot) -> float:
    trained(root, NOISY, "thesis", seed=2)
    metrics = open_store(root).query(f"SELECT auc FROM model_metrics WHERE dataset = '{NOISY}'")
    return float(metrics["auc"][0])


def test_comparison_and_report_are_rebuilt_once_after_a_training(sensor):
    auc = _new_auc(sensor.root)
    assert f"AUC {auc:.3f}" not in sensor.root.report.read_text()
    assert f"all_results: 1 result changed ({NOISY}|thesis)" in sensor.tick()
    assert sensor.tick() == f"compare_recipes {NOISY}"  # the recipes of the other dataset were never compared
    assert not sensor.passed("study_report") and not sensor.passed("dataset_comparison")
    assert sensor.passed("recipe_comparison")
    assert sensor.tick() == "refresh_report"
    assert f"AUC {auc:.3f}" in sensor.root.report.read_text()
    assert sensor.passed("study_report") and sensor.passed("dataset_comparison")
    assert {sensor.tick() for _ in range(3)} == {
        "comparisons and report are current",
        "nothing happened since the last look",
    }


def test_the_report_lists_its_sources(sensor):
    latest = sensor.instance.get_latest_materialization_event(dg.AssetKey("study_report"))
    made_from = latest.asset_materialization.metadata["made_from"].value
    observed = last_observation(sensor.instance, "all_results", None)
    assert made_from["all_results"] == observed.data_version and observed.data_version in sensor.root.report.read_text()
    trainings = open_store(sensor.root).query("SELECT dataset, recipe, run_id FROM model_metrics ORDER BY ALL")
    assert [{k: row[k] for k in trainings} for row in made_from["trainings"]] == trainings.to_dict("records")


def test_a_failing_comparison_is_tried_once_and_does_not_stop_the_report(sensor, monkeypatch):
    from rotator_assets.comparison import differences

    _new_auc(sensor.root)
    sensor.tick()
    monkeypatch.setattr(differences, "compare_recipes", lambda *_: 1 / 0)
    assert sensor.tick() == f"compare_recipes {NOISY}"
    assert sensor.tick() == "refresh_report"
    told = {sensor.tick() for _ in range(3)}
    assert f"failed to rebuild and not tried again: recipe_comparison {NOISY}" in told
    assert not sensor.passed("recipe_comparison")


def test_nothing_is_rebuilt_while_runs_are_in_progress(sensor, monkeypatch):
    _new_auc(sensor.root)
    with at_work(sensor.root), at_work(sensor.root):
        assert sensor.tick() == "waits for `rotators run`, which builds the report itself"
    assert not is_at_work(sensor.root)
    job = definitions(sensor.root).resolve_job_def("train")
    tags = {"dagster/partition": f"{NOISY}|log", **process_tags(run_id := str(uuid.uuid4()))}
    run = sensor.instance.create_run_for_job(job, run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert sensor.tick() == f"waits for 1 run in progress or queued ({run.run_id[:8]}: train {NOISY}|log)"
    sensor.instance.report_run_canceled(run)
    monkeypatch.setattr(following, "QUIET_SECONDS", 20)
    assert sensor.tick() == f"waits for 20 s without a run; {run.run_id[:8]} has just ended"
    year_ago = SimpleNamespace(time=lambda: time.time() - 365 * 86_400)
    monkeypatch.setattr(following, "time", year_ago)  # the clock was set back
    assert sensor.tick().startswith("noticed first")


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_whose_process_was_killed_is_not_waited_for(sensor, status):
    job = definitions(sensor.root).resolve_job_def("train")
    tags = {**process_tags(run_id := str(uuid.uuid4())), ".dagster/rotators/process_started": "another of that number"}
    sensor.instance.create_run_for_job(job, run_id=run_id, status=status, tags=tags)
    assert not sensor.tick().startswith("waits")


def test_one_launch_rebuilds_everything_stale(sensor):
    auc = _new_auc(sensor.root)
    sensor.execute(dg.RunRequest(job_name="retrain_stale"))
    assert f"AUC {auc:.3f}" in sensor.root.report.read_text()
    (run, *_) = sensor.instance.get_runs(dg.RunsFilter(job_name="retrain_stale"))
    assert run.is_success
    assert sensor.tick() == "comparisons and report are current"
    sensor.root.settings.write_text("profile: [")
    sensor.execute(dg.RunRequest(job_name="retrain_stale"))
    (run, *_) = sensor.instance.get_runs(dg.RunsFilter(job_name="retrain_stale"))
    (failure,) = sensor.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "settings.yaml" in failure.dagster_event.step_failure_data.user_failure_data.description


def test_an_error_in_the_settings_is_reported(sensor):
    sensor.root.settings.write_text("profile: [")
    assert "settings.yaml" in sensor.tick() and "fixed" in sensor.tick()


def test_changed_inputs_are_left_to_the_other_sensor(sensor):
    sensor.root.settings.write_text("manga: {labels: {t_type_max: 1.0}}")
    assert sensor.tick() == "comparisons and report are current"
    with dg.build_sensor_context(instance=sensor.instance, resources={"store": open_store(sensor.root)}) as context:
        assert "t_type_max: 2.0 -> 1.0" in input_changes(context).skip_reason.skip_message


def test_runs_of_the_command_line_show_on_the_run_timeline(sensor):
    (report, *_) = sensor.instance.get_runs(dg.RunsFilter(tags={RUN_STEP_TAG: "study_report"}))
    assert all(name.startswith((".dagster/", "dagster/")) for name in report.tags), "the UI shows other tags"
    assert report.remote_job_origin.repository_origin.code_location_origin.location_name == "rotator_assets"
    assert report.remote_job_origin.repository_origin.repository_name == "__repository__"
