"""Checkpoints: an interrupted training resumes and gives the same result."""

import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.backend import tensorflow
from rotator_assets.store.models import load_model
from rotator_assets.training import checkpoints as checkpoints_module
from rotator_assets.training import material
from rotator_assets.training.checkpoints import Checkpoints, EpochLog, FoldState
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.folds import plan_splits
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids

SHORT = TINY.model_copy(update={"folds": 2, "epochs": 3})


def log(epoch, val_loss=0.5):
    return EpochLog(1, 3, epoch, 6, 0.6, val_loss, 0.7, 812.5, 3.25)


def state(n_epochs=2, val_loss=0.5):
    """A state of a network of two variables, none of them zero."""
    variables = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.uint32)]
    return FoldState(
        epochs=[log(epoch, val_loss) for epoch in range(1, n_epochs + 1)],
        kept=[variable + 1 for variable in variables],
        network=variables,
        optimizer=[np.array(12, np.int64), np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)],
        seconds=12.5,
    )


def assert_same(values, expected):
    assert len(values) == len(expected)
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, other)
        assert np.asarray(value).dtype == np.asarray(other).dtype


def test_a_saved_state_is_loaded(tmp_path):
    kept = Checkpoints(tmp_path / "new", TINY, "float32")
    kept.save(1, state())
    loaded = kept.load(1, state())
    assert loaded.epochs == state().epochs and loaded.seconds == 12.5
    for part in ("kept", "network", "optimizer"):
        assert_same(getattr(loaded, part), getattr(state(), part))
    assert kept.load(0, state()) is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["fold-1.npz"]


def test_a_finished_fold_keeps_only_its_best_network(tmp_path):
    kept = Checkpoints(tmp_path, TINY, "float32")
    kept.save(0, state(TINY.epochs))
    loaded = kept.load(0, state())
    assert_same(loaded.kept, state().kept)
    assert loaded.network == loaded.optimizer == []
    longer = TINY.model_copy(update={"epochs": TINY.epochs + 1, "patience": 50})
    assert Checkpoints(tmp_path, longer, "float32").load(0, state()) is None  # training cannot resume from it


def test_nothing_is_saved_without_a_folder():
    kept = Checkpoints(None, TINY, "float32")
    kept.save(0, state())
    assert kept.load(0, state()) is None


def test_a_state_of_another_network_is_ignored(tmp_path):
    kept = Checkpoints(tmp_path, TINY, "float32")
    kept.save(0, state())
    wider, fewer, other_type = state(), state(), state()
    wider.network = [np.zeros((2, 4), np.float32), wider.network[1]]
    fewer.optimizer = fewer.optimizer[:1]
    other_type.network = [wider.network[0][:, :3].astype(np.float64), wider.network[1]]
    for like in (wider, fewer, other_type):
        assert kept.load(0, like) is None


def test_a_state_of_another_precision_is_ignored(tmp_path):
    for n_epochs in (2, TINY.epochs):
        Checkpoints(tmp_path, TINY, "float32").save(0, state(n_epochs))
        assert Checkpoints(tmp_path, TINY, "mixed_bfloat16").load(0, state()) is None
        assert Checkpoints(tmp_path, TINY, "float32").load(0, state()) is not None


@given(data=st.data())
def test_a_damaged_file_is_ignored(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    kept = Checkpoints(folder, TINY, "float32")
    kept.save(0, state())
    path = folder / "fold-0.npz"
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    loaded = kept.load(0, state())
    if loaded is not None:  # the damage is in a part that is not read
        assert loaded.epochs == state().epochs
        assert_same(loaded.network, state().network)


def test_pickled_arrays_are_not_loaded(tmp_path):
    arrays = {"epochs": np.array([log(1)], dtype=object), "seconds": np.array(1.0)}
    np.savez(tmp_path / "fold-0.npz", allow_pickle=True, **arrays)
    assert Checkpoints(tmp_path, TINY, "float32").load(0, state()) is None


def test_an_interrupted_write_leaves_the_previous_state(tmp_path, monkeypatch):
    kept = Checkpoints(tmp_path, TINY, "float32")
    kept.save(0, state(1))

    def part(path, **arrays):
        path.write_bytes(b"half")
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(checkpoints_module.np, "savez", part)
    monkeypatch.setattr(checkpoints_module, "MOST_TIME_WRITING", 1.0)
    with pytest.raises(DagsterExecutionInterruptedError):
        Checkpoints(tmp_path, TINY, "float32").save(0, state(2))
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.npz"]
    assert len(kept.load(0, state()).epochs) == 1


def test_writing_takes_no_more_than_its_fraction_of_the_time(tmp_path, monkeypatch):
    now = 0.0
    writes = []

    def slow(path, **arrays):
        nonlocal now
        now += 2.0
        writes.append(now)
        path.touch()

    monkeypatch.setattr(checkpoints_module.np, "savez", slow)
    monkeypatch.setattr(checkpoints_module.time, "monotonic", lambda: now)
    kept = Checkpoints(tmp_path, TINY.model_copy(update={"epochs": 10_000, "patience": 10_000}), "float32")
    for epoch in range(1, 1001):
        now += 1.0
        kept.save(0, state(1) if epoch > 1 else state(epoch))
    assert writes[0] == 3.0
    assert len(writes) * 2.0 / now == pytest.approx(checkpoints_module.MOST_TIME_WRITING, rel=0.1)
    kept.save(0, FoldState(epochs=[log(1)] * 10_000))
    assert writes[-1] == now  # a finished fold is always saved


@pytest.mark.slow
@pytest.mark.parametrize("patience", [1, 2, 3])
@given(val_losses=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=8, max_size=8))
def test_early_stopping_agrees_with_that_of_keras(patience, val_losses):
    tensorflow()
    from keras import callbacks

    class Model:
        epoch, stop_training = 0, False

        def get_weights(self):
            return self.epoch

        def set_weights(self, epoch):
            self.restored = epoch

    keras_stops = callbacks.EarlyStopping("val_loss", mode="min", patience=patience, restore_best_weights=True)
    model = Model()
    keras_stops._model = model
    keras_stops.monitor_op, keras_stops.min_delta = np.less, -0.0
    keras_stops.on_train_begin()
    recipe = TINY.model_copy(update={"epochs": 8, "patience": patience})
    ours = FoldState()
    for model.epoch, val_loss in enumerate(val_losses, start=1):
        ours.epochs.append(log(model.epoch, val_loss))
        keras_stops.on_epoch_end(model.epoch - 1, {"val_loss": val_loss})
        assert ours.is_finished(recipe) == (model.stop_training or model.epoch == 8)
        if ours.is_finished(recipe):
            break
    keras_stops.on_train_end()
    assert ours.best_epoch == model.restored


def train(survey, folder, recipe=SHORT, **options):
    images, labels, objects = survey
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    kept = folder / "checkpoints"
    names = galaxy_ids(objects)
    return cross_validate(
        images, labels, objects, names, recipe, model_folder=models, checkpoint_folder=kept, **options
    )


def weights(folder, recipe=SHORT):
    return [
        np.array(value)
        for fold in range(recipe.folds)
        for value in load_model(folder / "models" / f"fold-{fold}.keras").get_weights()
    ]


@pytest.fixture(params=["batchnorm", "dropout"])
def uninterrupted(request, survey, tmp_path, monkeypatch):
    """Recipe, its training without interruption, and the weights; every epoch has a checkpoint."""
    monkeypatch.setattr(checkpoints_module, "MOST_TIME_WRITING", 1.0)
    recipe = SHORT.model_copy(update={"regularization": request.param})
    return recipe, train(survey, tmp_path / "whole", recipe), weights(tmp_path / "whole")


def test_an_interrupted_training_gives_the_same_networks(survey, tmp_path, uninterrupted):
    """Interrupted after a fold's second epoch, after its last, and after the next fold's first."""
    recipe, whole, expected = uninterrupted
    trained = []

    def on_epoch(log):
        trained.append((log.fold, log.epoch))
        if trained[-1] in [(0, 2), (0, 3), (1, 1)]:
            raise DagsterExecutionInterruptedError

    for _ in range(3):
        with pytest.raises(DagsterExecutionInterruptedError):
            train(survey, tmp_path, recipe, on_epoch=on_epoch)
    resumed = train(survey, tmp_path, recipe, on_epoch=on_epoch)

    assert trained == [(fold, epoch) for fold in range(2) for epoch in range(1, 4)]  # each of them once
    pd.testing.assert_frame_equal(resumed.history, whole.history)
    pd.testing.assert_frame_equal(resumed.predictions, whole.predictions)
    pd.testing.assert_frame_equal(resumed.folds.drop(columns="seconds"), whole.folds.drop(columns="seconds"))
    assert_same(weights(tmp_path), expected)


def test_patience_counts_the_epochs_before_the_interruption(survey, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_module, "MOST_TIME_WRITING", 1.0)
    first = plan_splits(survey[1], survey[2], SHORT)[0]
    monkeypatch.setattr(material, "plan_splits", lambda *_: [first])
    recipe = SHORT.model_copy(update={"epochs": 30, "patience": 2, "learning_rate": 0.03})
    whole = train(survey, tmp_path / "whole", recipe)
    last = int(whole.folds.epochs[0])
    assert last < 30 and whole.folds.best_epoch[0] == last - 2

    def on_epoch(log):
        if (log.fold, log.epoch) == (0, last - 1):
            raise MemoryError

    with pytest.raises(MemoryError):
        train(survey, tmp_path, recipe, on_epoch=on_epoch)
    resumed = train(survey, tmp_path, recipe)
    pd.testing.assert_frame_equal(resumed.history, whole.history)
    one = recipe.model_copy(update={"folds": 1})
    assert_same(weights(tmp_path, one), weights(tmp_path / "whole", one))


def test_time_before_the_interruption_counts(survey, tmp_path):
    with pytest.raises(MemoryError):
        train(survey, tmp_path, on_epoch=_fail)
    path = tmp_path / "checkpoints" / "fold-0.npz"
    with np.load(path) as arrays:
        longer = {**arrays, "seconds": arrays["seconds"] + 1000}
    np.savez(path, **longer)
    resumed = train(survey, tmp_path)
    assert resumed.folds.seconds[0] > 1000 > resumed.folds.seconds[1]
    assert resumed.seconds > 1000


def _fail(log):
    raise MemoryError


def test_a_signal_ends_the_training_and_leaves_complete_files(survey, tmp_path):
    """As Dagster ends a run: its signal handler raises in the main thread."""

    def interrupt(*_):
        raise DagsterExecutionInterruptedError

    before = signal.signal(signal.SIGUSR1, interrupt)
    sent = []

    def send():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGUSR1)

    def on_epoch(log):
        if log.epoch == 2:
            threading.Timer(0.05, send).start()

    try:
        with pytest.raises(DagsterExecutionInterruptedError):
            train(survey, tmp_path, SHORT.model_copy(update={"epochs": 10_000, "patience": 10_000}), on_epoch=on_epoch)
        assert time.monotonic() - sent[0] < 5
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert list((tmp_path / "models").iterdir()) == []
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["fold-0.npz"]
