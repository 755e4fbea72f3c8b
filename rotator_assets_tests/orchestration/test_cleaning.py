"""Cleaning removes the records of runs of which nothing is current, and makes nothing stale."""

import shutil

import dagster as dg
import pytest
from dagster import DagsterEvent

from rotator_assets.core.data_root import DataRoot
from rotator_assets.lineage.staleness import Stale
from rotator_assets.orchestration.at_work import at_work
from rotator_assets.orchestration.old_runs import OldRuns
from rotator_assets.orchestration.plans import Step
from rotator_assets.running import open_runner
from rotator_assets_tests.commands import complaint, rotators

MANGA, TNG100 = (Step(f"catalogue of {survey}", ("morphology_catalog",), survey) for survey in ("manga", "tng100"))


@pytest.fixture
def root(small_demo_root, new_root) -> DataRoot:
    shutil.copytree(small_demo_root, new_root.path, dirs_exist_ok=True)
    with open_runner(new_root) as runner:
        for step in (MANGA, TNG100, MANGA):
            runner.materialize(step)
    return new_root


def runs(root: DataRoot) -> list[dg.DagsterRun]:
    with open_runner(root) as runner:
        return list(runner.instance.get_runs())


def stale(root: DataRoot) -> list[Stale]:
    with open_runner(root) as runner:
        runner.observe()
        return list(runner.staleness().stale())


def test_records_of_replaced_runs_are_removed_and_nothing_becomes_stale(root):
    kept_third, kept_second, replaced = runs(root)
    before = stale(root)
    listed = rotators("clean", "--older-than", "0", "--dry-run", data=root.path)
    assert "can be freed" in listed.stdout and len(runs(root)) == 3
    assert "0 MB can be freed" in rotators("clean", "--dry-run", data=root.path).stdout
    done = rotators("clean", "--older-than", "0", data=root.path)
    assert done.returncode == 0 and "1 MB freed" in done.stdout, done
    assert [run.run_id for run in runs(root)] == [kept_third.run_id, kept_second.run_id]
    assert not list(root.dagster_home.rglob(f"*{replaced.run_id}*"))
    assert stale(root) == before


def test_the_run_of_the_last_check_of_an_asset_stays(root):
    kept, *_ = runs(root)
    check = dg.AssetCheckKey(dg.AssetKey("morphology_catalog"), "is_checked")

    def old(instance: dg.DagsterInstance, checks) -> set[str]:
        return set(OldRuns.find(instance, root, checks, 0).run_ids)

    with open_runner(root) as runner:
        (replaced,) = old(runner.instance, [])
        evaluation = dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=True,
            metadata={},
            severity=dg.AssetCheckSeverity.WARN,
        )
        runner.instance.report_dagster_event(
            run_id=replaced,
            dagster_event=DagsterEvent("ASSET_CHECK_EVALUATION", "check", event_specific_data=evaluation),
        )
        assert old(runner.instance, [check]) == set() and replaced != kept.run_id


def test_nothing_is_cleaned_while_a_run_is_in_progress(root):
    with at_work(root):
        said = complaint(rotators("clean", "--older-than", "0", data=root.path))
    assert said == f"rotators: {root.path}: a run is in progress or queued; clean when it has ended"
    assert len(runs(root)) == 3


def test_a_root_without_results_has_nothing_to_clean(tmp_path):
    assert (
        complaint(rotators("clean", data=tmp_path))
        == f"rotators: {tmp_path}: holds no results; run `rotators run` first"
    )
