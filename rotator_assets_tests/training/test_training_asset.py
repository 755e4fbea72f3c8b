"""The asset of the trained networks resumes, retries, reports progress, and follows changes on request."""

import dataclasses
import os
import re
import signal

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipe_fields import Targets
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.definitions import definitions
from rotator_assets.lineage import inputs, snapshot
from rotator_assets.lineage.notices import notices_of
from rotator_assets.lineage.partitions import training_key
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import Runner, input_error
from rotator_assets.running import open_runner
from rotator_assets.store.models import open_models
from rotator_assets.store.tensors import open_tensor, writing_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets.training import assets as learning
from rotator_assets.training import checkpoints as checkpoints_module
from rotator_assets.training import cross_validation as training
from rotator_assets.training.galaxies import TrainingGalaxies
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY, galaxy_ids, planted_survey, tiny_encoder

DATASET, RECIPE = "manga-observed-64", "thesis"
TRAINING = Step("training", ("rotator_classifier",), training_key(DATASET, RECIPE))


@pytest.fixture
def root(new_root, monkeypatch) -> DataRoot:
    """A root with the tensor and labels of the planted survey, whose recipe trains two folds of two epochs."""
    root = new_root
    images, labels, objects = planted_survey()
    with writing_tensor(root.tensors / DATASET, SIZE_PX, synthetic=True) as writer:
        for galaxy_id, image in zip(galaxy_ids(objects), images, strict=True):
            writer.append(galaxy_id, image)
    frame = pd.DataFrame({name: None for name in TABLES["labeled_images"].column_names}, index=range(len(labels)))
    frame = frame.assign(
        dataset=DATASET,
        galaxy_id=galaxy_ids(objects),
        object_id=objects,
        rotator_type=labels,
        is_early_type=True,
        synthetic=True,
    )
    open_store(root).write("labeled_images", DATASET, frame)
    recipes = load_recipes()
    short = TINY.model_copy(update={"name": RECIPE, "folds": 2, "epochs": 2})
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, RECIPE: short})
    monkeypatch.setattr(learning, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(checkpoints_module, "MOST_TIME_WRITING", 1.0)
    return root


@pytest.fixture
def failing(monkeypatch):
    """The real training, which fails after an epoch with each of the errors appended here in turn."""
    errors, cross_validate = [], training.cross_validate

    def fails(*arguments, on_epoch, **options):
        def then_fails(log):
            on_epoch(log)
            if errors:
                raise errors.pop(0)

        return cross_validate(*arguments, on_epoch=then_fails, **options)

    monkeypatch.setattr(training, "cross_validate", fails)
    return errors


def materialize_inputs(runner: Runner) -> None:
    """Write the tensor and the labels, as the chain does."""
    runner.observe()
    for asset in ("image_tensors", "labeled_images"):
        runner.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=DATASET))


def logged_epochs(instance, stage: str = "") -> list[tuple[int, int]]:
    """(fold, epoch) of the lines on epochs in the logs of all runs, oldest first; for one stage of the training."""
    runs = instance.get_runs(ascending=True)
    lines = [event.user_message for run in runs for event in instance.all_logs(run.run_id)]
    told = [
        re.match(rf"fold (\d+)/2, {stage}epoch (\d+)/2: loss .*; \d+ images/s, at most \d+ s left", x) for x in lines
    ]
    return [(int(found[1]) - 1, int(found[2])) for found in told if found]


def left_behind(root: DataRoot) -> list[str]:
    """Names of files in the models' folder that belong to no finished training."""
    return sorted(path.name.partition("-")[0] for path in (root.models / DATASET / RECIPE).iterdir())


def test_repeats_are_stored_separately_and_predicted_together(root, monkeypatch):
    recipes = snapshot.load_recipes()
    changed = recipes[RECIPE].model_copy(update={"repeats": 2, "epochs": 1})
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, RECIPE: changed})
    monkeypatch.setattr("rotator_assets.core.profiles.reduced", lambda recipe, crop_px: recipe)
    with open_runner(root) as runner:
        materialize_inputs(runner)
        runner.materialize(Step("both", ("rotator_classifier", "predictions"), TRAINING.partition))
    tables = open_store(root)
    folds, together = (tables.read(name, str(TRAINING.partition)) for name in ("training_folds", "predictions"))
    apart = tables.read("repeat_predictions", str(TRAINING.partition))
    n = len(tables.read("labeled_images", DATASET))
    assert (len(folds), len(apart), len(together)) == (2 * n, 2 * n, n)
    assert set(apart["fold"]) == {0, 1, 2, 3} and set(together["fold"]) == {0, 1}
    assert (apart["fold"] // 2 == apart["repeat"]).all()
    of_galaxy = apart[apart["galaxy_id"] == together["galaxy_id"][5]]
    mean_logit = logit(of_galaxy["probability_fast"]).mean()
    assert together["probability_fast"][5] == pytest.approx(expit(mean_logit))
    kept = folds[folds["galaxy_id"] == together["galaxy_id"][5]]
    assert together["predicted_type"][5] == (together["probability_fast"][5] >= kept["threshold"].mean())
    logits = logit(of_galaxy["probability_fast"].to_numpy())
    calibrated = np.mean(kept["calibration_slope"].to_numpy() * logits + kept["calibration_offset"].to_numpy())
    assert together["probability_fast_calibrated"][5] == pytest.approx(expit(calibrated))


def test_prediction_settings_change_without_another_training(root, monkeypatch):
    ask = Step("ask", ("predictions",), TRAINING.partition)
    tables, found = open_store(root), {}
    recipes = snapshot.load_recipes()
    with open_runner(root) as runner:
        materialize_inputs(runner)
        runner.materialize(TRAINING)
        for averaged in (False, True):
            changed = recipes[RECIPE].model_copy(update={"test_time_averaging": averaged})
            monkeypatch.setattr(snapshot, "load_recipes", lambda changed=changed: {**recipes, RECIPE: changed})
            runner.materialize(ask)
            found[averaged] = tables.read("predictions", str(TRAINING.partition))
            assert (tables.read("repeat_predictions", str(TRAINING.partition))["averaged"] == averaged).all()
        assert left_behind(root) == ["model.json", "training"]
        folds = tables.read("training_folds", str(TRAINING.partition))
        for averaged, threshold in ((False, folds["threshold"]), (True, folds["threshold_averaged"])):
            called_fast = found[averaged]["probability_fast"] >= threshold
            assert (found[averaged]["predicted_type"] == called_fast).all()
        change = found[True]["probability_fast"] - found[False]["probability_fast"]
        assert 1e-6 < change.abs().max() < 0.5
        tables.write("training_folds", str(TRAINING.partition), folds.assign(calibration_offset=np.nan))
        with pytest.raises(InputError, match=r"an earlier version .* materialize rotator_classifier again"):
            runner.materialize(ask)


def events(instance, kind: dg.DagsterEventType) -> list:
    run = instance.get_runs(limit=1)[0]
    return [record for record in instance.all_logs(run.run_id) if record.dagster_event_type == kind]


def test_notices_of_a_training_are_in_the_table_of_notices(root, monkeypatch):
    store, recipes = open_store(root), load_recipes()
    galaxies = store.read("labeled_images", DATASET).reindex(columns=TABLES["imaged_galaxies"].column_names)
    store.write("imaged_galaxies", DATASET, galaxies)
    learns = TINY.model_copy(update={"name": RECIPE, "folds": 2, "epochs": 1, "targets": Targets(t_type=0.3)})
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, RECIPE: learns})
    with open_runner(root) as runner:
        materialize_inputs(runner)
        runner.materialize(TRAINING)
    notice = f"{DATASET} {RECIPE}: target t_type: no galaxy has a value, so it is not learned"
    assert notices_of(open_store(root)) == [("manga", notice)]


def test_each_epoch_is_logged_once_and_nothing_is_stale_after(root):
    with open_runner(root) as runner:
        materialize_inputs(runner)
        runner.materialize(TRAINING)
        assert logged_epochs(runner.instance) == [(0, 1), (0, 2), (1, 1), (1, 2)]
        assert not runner.stale_part(TRAINING).assets
        metadata = runner.instance.get_latest_materialization_event(
            dg.AssetKey("rotator_classifier")
        ).asset_materialization.metadata
        assert not runner.instance.fetch_observations(dg.AssetKey("rotator_classifier"), limit=1).records
    history = open_store(root).read("training_history", str(TRAINING.partition)).round(3)
    (head, _, *lines) = metadata["history"].value.splitlines()
    shown = [name.strip() for name in head.strip("|").split("|")]
    assert shown == ["fold", "epoch", "loss", "val_loss", "val_auc"] and len(lines) == 4
    found = [[float(value) for value in line.strip("|").split("|")] for line in lines]
    np.testing.assert_allclose(found, history[shown].to_numpy(float))
    assert metadata["device"].value and metadata["images_per_second"].value > 0
    assert left_behind(root) == ["model.json", "training"]


def test_an_encoder_and_self_supervised_training_are_part_of_a_training(root, monkeypatch):
    """Their epochs are logged; another file under the same name makes the training stale."""
    recipes = snapshot.load_recipes()
    settings = {"pretrained": "tiny.keras", "frozen_epochs": 1, "pretraining": "vicreg", "pretraining_epochs": 2}
    for module in (snapshot, inputs):
        changed = {**recipes, RECIPE: recipes[RECIPE].model_copy(update=settings)}
        monkeypatch.setattr(module, "load_recipes", lambda changed=changed: changed)
    with open_runner(root) as runner:
        materialize_inputs(runner)
        with pytest.raises(InputError, match=r"there is no encoder .*encoders/tiny.keras; put the file there"):
            runner.materialize(TRAINING)
        root.encoders.mkdir()
        tiny_encoder().save(root.encoders / "tiny.keras")
        runner.observe()
        runner.materialize(TRAINING)
        for stage in ("self-supervised ", ""):
            assert len(logged_epochs(runner.instance, stage)) == 4
        assert not runner.stale_part(TRAINING).assets
        tiny_encoder().save(root.encoders / "tiny.keras")
        runner.observe()
        assert runner.stale_part(TRAINING).assets
    assert open_models(root.models / DATASET / RECIPE).recipe.pretrained == "tiny.keras"
    assert left_behind(root) == ["model.json", "training"]


@pytest.mark.parametrize("first", [OSError(28, "No space left on device"), MemoryError()])
def test_a_transient_failure_is_retried_from_the_checkpoint(root, failing, first):
    failing.append(first)
    with open_runner(root) as runner:
        materialize_inputs(runner)
        runner.materialize(TRAINING)
        assert logged_epochs(runner.instance) == [(0, 1), (0, 2), (1, 1), (1, 2)]
        assert len(events(runner.instance, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 1
        assert not runner.stale_part(TRAINING).assets
    assert left_behind(root) == ["model.json", "training"]


def test_the_third_failure_is_raised_and_another_run_resumes(root, failing):
    failing += [MemoryError(), MemoryError(), MemoryError("no more memory")]
    with open_runner(root) as runner:
        materialize_inputs(runner)
        with pytest.raises(MemoryError, match="no more memory"):
            runner.materialize(TRAINING)
        assert failing == []
        assert len(events(runner.instance, dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2
        assert left_behind(root) == [".checkpoints"]
        runner.materialize(TRAINING)
        assert logged_epochs(runner.instance) == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_input_errors_are_not_retried(root, failing):
    failing += [InputError("a file is missing"), MemoryError()]
    with open_runner(root) as runner:
        materialize_inputs(runner)
        with pytest.raises(InputError, match="a file is missing") as raised:
            runner.materialize(TRAINING)
        assert input_error(raised.value) is raised.value
        assert events(runner.instance, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
    assert len(failing) == 1


def test_transient_failures():
    from tensorflow import errors

    passing = [errors.ResourceExhaustedError, errors.InternalError, errors.UnavailableError]
    assert all(learning.is_transient(error(None, None, "")) for error in passing)
    assert learning.is_transient(OSError()) and learning.is_transient(MemoryError())
    others = [InputError(), ValueError(), KeyError(), errors.InvalidArgumentError(None, None, "")]
    assert not any(learning.is_transient(error) for error in others)


def test_the_next_run_resumes_a_terminated_one(root, monkeypatch):
    tell = learning._report_epoch

    def then_terminate(context, log):
        tell(context, log)
        if (log.fold, log.epoch) == (0, 2):
            os.kill(os.getpid(), signal.SIGINT)

    with open_runner(root) as runner:
        materialize_inputs(runner)
        monkeypatch.setattr(learning, "_report_epoch", then_terminate)
        with pytest.raises(KeyboardInterrupt):
            runner.materialize(TRAINING)
        assert events(runner.instance, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
        assert left_behind(root) == [".checkpoints"]
        with pytest.raises(FileNotFoundError):
            open_models(root.models / DATASET / RECIPE)
        monkeypatch.setattr(learning, "_report_epoch", tell)
        runner.materialize(TRAINING)
        assert logged_epochs(runner.instance) == [(0, 1), (0, 2), (1, 1), (1, 2)]


@pytest.mark.parametrize("change", ["recipe", "labels", "images", "properties"])
def test_checkpoints_of_other_input_are_ignored(root, change):
    sample = open_store(root).read("labeled_images", DATASET)
    galaxies = TrainingGalaxies(
        recipe=TINY,
        sample=sample,
        answers=None,
        additional=None,
        other=None,
        synthetic=True,
        versions=(open_tensor(root.tensors / DATASET).version,),
        tables=(sample,),
        notices=(),
    )
    same = dataclasses.replace(
        galaxies, recipe=TINY.model_copy(update={"name": "other"}), sample=sample.copy(), notices=("a notice",)
    )
    assert galaxies.content("1") == same.content("1") != galaxies.content("2")
    turned = sample.assign(rotator_type=1 - sample["rotator_type"])
    assert galaxies.content("1", "encoder") not in (galaxies.content("1"), galaxies.content("1", "other encoder"))
    other = {
        "recipe": {"recipe": TINY.model_copy(update={"seed": 8})},
        "labels": {"sample": turned},
        "images": {"versions": ("other",)},
        "properties": {"tables": (sample.assign(redshift=0.1),)},
    }
    assert galaxies.content("1") != dataclasses.replace(galaxies, **other[change]).content("1")


OTHER_DATASET, OTHER_RECIPE = "tng100-noisy-64", "log"


class Automation:
    """Ticks of the automation sensor for an instance with two recipes trained on two datasets."""

    def __init__(self, root: DataRoot) -> None:
        self.definitions = definitions(root)
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor = None
        for recipe in load_recipes():
            self.observe("training_recipe", recipe, "1")
        for dataset in (DATASET, OTHER_DATASET):
            self.make("image_tensors", dataset, "1")
            self.make("labeled_images", dataset, "1")
            for recipe in (RECIPE, OTHER_RECIPE):
                for asset in ("rotator_classifier", "predictions"):
                    self.make(asset, training_key(dataset, recipe), "1")

    def observe(self, asset: str, partition: str, version: str) -> None:
        tags = {"dagster/data_version": version}
        self.instance.report_runless_asset_event(dg.AssetObservation(asset, partition=partition, tags=tags))

    def make(self, asset: str, partition: str, version: str) -> None:
        tags = {"dagster/data_version": version}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, tags=tags))

    def requested(self) -> set[tuple[str, str]]:
        """Assets and partitions that the next tick requests."""
        ticked = dg.evaluate_automation_conditions(self.definitions, self.instance, cursor=self.cursor)
        self.cursor = ticked.cursor
        learned = ("rotator_classifier", "predictions")
        return {(a, str(p)) for a in learned for p in ticked.get_requested_partitions(dg.AssetKey(a))}


@pytest.fixture
def automation(tmp_path) -> Automation:
    automation = Automation(DataRoot(tmp_path))
    assert automation.requested() == set()
    assert automation.requested() == set()
    return automation


def test_a_changed_recipe_requests_only_its_trainings(automation):
    automation.observe("training_recipe", RECIPE, "2")
    automation.observe("training_recipe", "none", "2")  # nothing was trained with it
    datasets, assets = (DATASET, OTHER_DATASET), ("rotator_classifier", "predictions")
    trained = {(asset, f"{dataset}|{RECIPE}") for dataset in datasets for asset in assets}
    assert automation.requested() == trained
    assert automation.requested() == set()  # once

    automation.make("rotator_classifier", training_key(DATASET, RECIPE), "2")
    assert automation.requested() == {("predictions", f"{DATASET}|{RECIPE}")}


def test_changed_images_request_the_trainings_of_their_dataset(automation):
    automation.make("image_tensors", DATASET, "2")
    both = {(a, f"{DATASET}|{r}") for a in ("rotator_classifier", "predictions") for r in (RECIPE, OTHER_RECIPE)}
    assert automation.requested() == both


def test_unchanged_results_request_nothing(automation):
    automation.observe("training_recipe", RECIPE, "1")
    automation.make("image_tensors", DATASET, "1")
    automation.make("rotator_classifier", training_key(DATASET, RECIPE), "1")
    assert automation.requested() == set()


def test_a_new_dataset_requests_nothing(automation):
    for asset in ("image_tensors", "labeled_images"):
        automation.make(asset, "manga-observed-128", "1")
    assert automation.requested() == set()


def test_progress_of_a_training_requests_nothing(automation):
    observation = dg.AssetObservation(
        "rotator_classifier", partition=training_key(DATASET, RECIPE), metadata={"loss": 0.5}
    )
    automation.instance.report_runless_asset_event(observation)
    assert automation.requested() == set()


def test_changes_are_followed_only_on_request(tmp_path):
    repository = definitions(DataRoot(tmp_path)).get_repository_def()
    sensors = [s for s in repository.sensor_defs if isinstance(s, dg.AutomationConditionSensorDefinition)]
    assert [sensor.default_status for sensor in sensors] == [dg.DefaultSensorStatus.STOPPED]
