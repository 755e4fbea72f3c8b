"""Observed results make their readers stale exactly when their content changes."""

import shutil

import dagster as dg
import numpy as np
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.keys import WHOLE
from rotator_assets.lineage.observed_results import read_results
from rotator_assets.lineage.observing import observe
from rotator_assets.orchestration.plans import Step, plan_stale
from rotator_assets.running import open_runner
from rotator_assets.store.tensors import writing_tensor
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.tables import open_store
from rotator_assets_tests.comparison.test_comparisons import NOISY, SMALL, trained

BY_DATASET = Step("datasets", ("dataset_comparison",), None)
STALE = ("dataset_comparison", WHOLE, f"all_scores changed (1 result changed ({NOISY}|thesis))")


@pytest.fixture
def runner(compared_root, tmp_path, unpublished):
    shutil.copytree(compared_root, tmp_path / "root")
    with open_runner(DataRoot(tmp_path / "root")) as runner:
        yield runner


def _stale(runner) -> list[tuple[str, str, str]]:
    """Return the stale comparisons."""
    runner.observe()
    return list(runner.staleness().stale(("recipe_comparison", "dataset_comparison")))


def test_a_comparison_is_stale_from_a_changed_score_until_it_is_rebuilt(runner):
    assert _stale(runner) == []
    trained(runner.root, NOISY, "thesis", seed=2)
    assert STALE in _stale(runner)
    runner.materialize(BY_DATASET)
    assert STALE not in _stale(runner)
    trained(runner.root, NOISY, "log", seed=3)
    assert f"all_scores changed (1 result new ({NOISY}|log))" in {why for _, _, why in _stale(runner)}


def test_scores_that_come_out_the_same_make_nothing_stale(runner):
    trained(runner.root, NOISY, "thesis")
    assert _stale(runner) == []


def test_a_damaged_tensor_can_be_made_again(tmp_path):
    store = open_store(DataRoot(tmp_path))
    with writing_tensor(store.root.tensors / SMALL, 4) as writer:
        writer.append("a", np.zeros((4, 4, 3), dtype=np.float32))
    (manifest,) = (store.root.tensors / SMALL).glob("*.json")
    manifest.write_text("{")
    (everything,) = (now for now in read_results(store) if now.asset == "all_results")
    assert everything.content[SMALL]["image_tensors"] == "damaged"


def test_only_scores_of_a_dataset_make_its_recipe_comparison_stale(runner):
    trained(runner.root, SMALL, "thesis", seed=2)
    assert {(asset, partition) for asset, partition, _ in _stale(runner)} == {("dataset_comparison", WHOLE)}
    trained(runner.root, NOISY, "thesis", seed=2)
    assert {(asset, partition) for asset, partition, _ in _stale(runner)} == {
        ("dataset_comparison", WHOLE),
        ("recipe_comparison", NOISY),
    }


def test_a_result_is_recorded_even_if_read_before_it_was_observed(runner):
    trained(runner.root, NOISY, "thesis", seed=2)
    runner.execute(BY_DATASET)  # like the UI, without an observation since the change
    assert {asset for asset, *_ in _stale(runner)} == {"recipe_comparison"}


def test_a_score_that_changes_while_it_is_read_leaves_its_reader_stale(runner, monkeypatch):
    from rotator_assets.comparison import differences

    compare = differences.compare_datasets

    def compare_while_training(*arguments):
        frame = compare(*arguments)
        trained(runner.root, NOISY, "thesis", seed=2)
        return frame

    monkeypatch.setattr(differences, "compare_datasets", compare_while_training)
    runner.materialize(BY_DATASET)
    assert STALE in _stale(runner)


def test_any_change_of_its_content_makes_the_report_stale(runner):
    root, tables = runner.root, open_store(runner.root)
    picture = root.figures / NOISY / "recipes.png"
    table = tables.latest_files("roc_curves")[f"{SMALL}|thesis"]
    kept = {path: path.read_bytes() for path in (picture, table)}

    def why() -> list[str]:
        runner.observe()
        return [one.reason for one in runner.staleness().stale(("study_report",))]

    assert why() == []
    picture.write_bytes(kept[picture] + b"drawn otherwise")
    assert why() == [f"all_results changed (1 result changed ({NOISY}))"]
    picture.write_bytes(kept[picture])
    assert why() == []
    table.unlink()
    assert why() == [f"all_results changed (1 result changed ({SMALL}|thesis))"]
    table.write_bytes(kept[table])
    assert why() == []
    tables.write("label_noise", f"{NOISY}|thesis", tables.query("FROM label_noise"))
    assert why() == [f"all_results changed (1 result changed ({NOISY}|thesis))"]


def test_nothing_is_observed_in_an_empty_root(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        told = {o.asset_key.to_user_string() for o in observe(instance, open_store(DataRoot(tmp_path)))}
    assert not told & {now.asset for now in read_results(open_store(DataRoot(tmp_path)))}


def test_every_dataset_has_its_own_scores(runner):
    now = {(o.asset, o.partition): o.content for o in read_results(open_store(runner.root))}
    of_dataset = {key: now["dataset_scores", key] for key in DATASETS}
    assert {key for key, content in of_dataset.items() if content} == {NOISY, SMALL}
    assert set(of_dataset[NOISY]) == {f"{NOISY}|thesis", "recipes.yaml"}
    assert set(now["all_scores", None]) == {f"{NOISY}|thesis", f"{SMALL}|thesis"}


def test_pictures_of_the_report_do_not_make_it_stale(runner):
    for picture in ("study/figure_01.png", "manga/matching.png", "manga/classes.png"):
        path = runner.root.figures / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")
    (shown,) = (now for now in read_results(open_store(runner.root)) if now.asset == "all_results")
    assert shown.content["manga"].keys() == {"classes.png"} and "study" not in shown.content


def test_only_the_report_is_rebuilt_where_it_alone_is_stale():
    steps = plan_stale([("study_report", WHOLE)])
    assert [step.title for step in steps] == ["study report"]
    steps = plan_stale([("study_report", WHOLE), ("planted_truth", WHOLE), ("recipe_comparison", NOISY)])
    assert [step.title for step in steps] == [f"comparison {NOISY}", "injection-recovery test", "study report"]


def test_tables_of_different_roots_are_distinguished(runner, tmp_path):
    other = DataRoot(tmp_path / "other")
    trained(other, NOISY, "thesis", seed=9)
    ours, theirs = (
        next(n for n in read_results(open_store(root)) if n.asset == "all_scores") for root in (runner.root, other)
    )
    assert ours.version != theirs.version and open_store(other).partitions("predictions") == [f"{NOISY}|thesis"]
