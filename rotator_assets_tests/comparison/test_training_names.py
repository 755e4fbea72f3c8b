"""Names of trainings and their versions, as typed by a user."""

import pytest

from rotator_assets.comparison.training_names import TrainingHistory
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.tables import open_store
from rotator_assets_tests.comparison.kept import OBSERVED, SMALL, keep


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Three versions of one training, the first and the last with the same recipe, and two other trainings."""
    root = DataRoot(tmp_path_factory.mktemp("root"))
    for hour, changes in ((1, {}), (2, {"seed": 7}), (3, {})):
        keep(root, OBSERVED, "thesis", hour, changes=changes)
    keep(root, OBSERVED, "log", 4)
    keep(root, SMALL, "thesis", 5)
    return TrainingHistory(open_store(root))


def found(history, *typed, dataset=None):
    return [row["name"] for row in history.find(typed, dataset)]


@pytest.mark.parametrize(
    "name", [f"{OBSERVED}/thesis", f"{OBSERVED}|thesis", f"{OBSERVED}:thesis", f" {OBSERVED}/thesis"]
)
def test_dataset_and_recipe_name_a_training(history, name):
    (row,) = history.find([name])
    assert (row["dataset"], row["recipe"], row["training"]) == (OBSERVED, "thesis", "training-dddddddd")
    assert row["name"] == f"{OBSERVED}/thesis"


def test_what_a_name_leaves_out_is_that_of_the_first(history):
    assert found(history, f"{OBSERVED}/thesis", "log", SMALL, "@previous") == [
        f"{OBSERVED}/thesis",
        f"{OBSERVED}/log",
        f"{SMALL}/thesis",
        f"{OBSERVED}/thesis@2026-11-30T02:15:20",
    ]


def test_a_recipe_alone_is_enough_on_one_dataset_or_with_the_option(history):
    assert found(history, "log") == [f"{OBSERVED}/log"]
    assert found(history, "thesis", dataset=SMALL) == [f"{SMALL}/thesis"]
    assert found(history, f"{SMALL}/thesis", "log", dataset=OBSERVED) == [f"{SMALL}/thesis", f"{OBSERVED}/log"]


@pytest.mark.parametrize(
    ("version", "training"),
    [
        ("latest", "d"),
        ("previous", "c"),
        ("2026-11-30T01", "b"),
        ("2026-11-30 02:15", "c"),
        ("training-b", "b"),
        ("bbbb", "b"),
    ],
)
def test_versions_are_found_by_time_and_training(history, version, training):
    (row,) = history.find([f"{OBSERVED}/thesis@{version}"])
    assert row["training"] == f"training-{8 * training}"


def test_a_version_is_found_by_its_recipe(history):
    (row,) = history.find([f"{OBSERVED}/thesis@2026-11-30T02"])
    (same,) = history.find([f"{OBSERVED}/thesis@{row['recipe_version'][:6]}"])
    assert same["training"] == row["training"] == "training-cccccccc"


def test_the_latest_is_the_one_that_is_shown(tmp_path):
    """Predictions made in another way and back have the time of their networks, and stay in the history."""
    root = DataRoot(tmp_path)
    keep(root, SMALL, "thesis", 1)
    first = open_store(root).read("model_metrics", f"{SMALL}|thesis")
    keep(root, SMALL, "thesis", 2, changes={"test_time_averaging": True})
    open_store(root).write("model_metrics", f"{SMALL}|thesis", first)
    rows = TrainingHistory(open_store(root)).find([f"{SMALL}/thesis", "@previous"])
    assert [row["training"] for row in rows] == ["training-bbbbbbbb", "training-cccccccc"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["thesis"], f"'thesis' is trained on several datasets; write {OBSERVED}/thesis, or give -d"),
        (
            [f"{OBSERVED}/max-g"],
            f"trained: {OBSERVED}/log, {OBSERVED}/thesis; train it with `rotators run -d {OBSERVED} -r",
        ),
        (["nothing"], "there is no training 'nothing'; trained: "),
        (["somewhere/thesis"], "there is no dataset 'somewhere'; trained: "),
        ([OBSERVED], f"'{OBSERVED}' names no recipe; write DATASET/RECIPE@VERSION"),
        (["@previous"], "names no recipe"),
        (["a/b/c"], "'a/b/c' names no training; write DATASET/RECIPE@VERSION"),
        (["/thesis"], "'/thesis' names no training"),
        ([f"{OBSERVED}/thesis@"], "names no training"),
        (
            [f"{OBSERVED}/log@previous"],
            "log has no version 'previous'; it was trained at: 2026-11-30T04:15:20 (recipe ",
        ),
        ([f"{OBSERVED}/thesis@2027"], "has no version '2027'"),
        (
            [f"{OBSERVED}/thesis@2026-11-30"],
            "has several versions '2026-11-30'; it was trained at: 2026-11-30T01:15:20",
        ),
        ([f"{OBSERVED}/log", "log@dddd"], "has no version 'dddd'"),
        ([f"{OBSERVED}/log", "log@eeee"], f"'{OBSERVED}/log' and 'log@eeee' are the same training, {OBSERVED}/log;"),
        ([f"{OBSERVED}/log", "log"], "are the same training"),
    ],
)
def test_a_name_that_means_no_training_is_one_line(history, typed, message):
    with pytest.raises(InputError) as error:
        history.find(typed)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_recipe_with_several_trainings_needs_another_version(history):
    version = history.find([f"{OBSERVED}/thesis"])[0]["recipe_version"]
    with pytest.raises(InputError, match="has several versions"):
        history.find([f"{OBSERVED}/thesis@{version}"])


def test_only_a_recipe_that_exists_can_be_trained(history):
    with pytest.raises(InputError) as error:
        history.find([f"{OBSERVED}/nothing"])
    assert str(error.value).endswith(f"trained: {OBSERVED}/log, {OBSERVED}/thesis")


def test_nothing_trained_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no training is finished yet; run `rotators run"):
        TrainingHistory(open_store(DataRoot(tmp_path)))
