"""Training the study's network in five folds, start-up, validation and testing included, next to plain Keras."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path

import numpy as np

from benchmarks.harness import Case, Options, Result, Side
from benchmarks.machine import Machine
from rotator_assets.core.backend import PRECISION_VARIABLE, fast_bfloat16
from rotator_assets.core.recipes import Recipe

DISC_DIFFERENCE = 2.0
"""Difference of the classes' disc fractions in standard deviations: the best possible AUC is 0.92."""
SIZES = {64: (240, 3), 128: (100, 2)}
"""Galaxies and epochs by image size; 20 epochs of 800 galaxies for the large form."""
FOLDS, FULL = 5, (800, 20)
_CONVOLUTIONS = ((3, 32, 1), (32, 64, 2), (64, 128, 4))
"""Bands, filters, and the factor by which the image is smaller, of each convolution of the study's network."""


def cases(options: Options) -> Iterator[Case]:
    """Yield trainings in the precision of this machine and in float32, and the input pipelines alone."""
    for size_px, few in SIZES.items():
        n_galaxies, epochs = FULL if options.full else few
        folder = options.generated(f"training-{size_px}-{n_galaxies}", _writer(size_px, n_galaxies))
        name = f"training, {size_px} px, {FOLDS} folds of {n_galaxies} galaxies, {epochs} epochs"
        repeats = 2 if size_px == min(SIZES) and not options.full else 1
        ours, plain = Side.python(__name__, folder, epochs), _peer(folder, f"--epochs={epochs}")
        limit = _limit(size_px)
        if fast_bfloat16():
            yield Case(f"{name}: bfloat16", "images", ours, plain, _equal_auc, 8, limit, repeats)
            narrow = _peer(folder, f"--epochs={epochs}", "--bfloat16")
            yield Case(f"{name}: bfloat16 on both sides", "images", ours, narrow, _equal_auc, None, limit, repeats)
        single = Side.python(__name__, folder, epochs, **{PRECISION_VARIABLE: "float32"})
        yield Case(f"{name}: float32", "images", single, plain, _equal_auc, None, limit, repeats)
        yield Case(
            f"training batches alone, {size_px} px",
            "images",
            Side.python(__name__, folder, 10, "--batches"),
            _peer(folder, "--epochs=10", "--batches"),
            most_repeats=repeats,
        )


def _peer(*arguments: object) -> Side:
    """Return the plain script with the kernels that TensorFlow selects, not those that this project sets."""
    return Side(("env", "-u", "TF_ENABLE_ONEDNN_OPTS", *Side.python("benchmarks.peers.training", *arguments).command))


def _writer(size_px: int, n_galaxies: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        from rotator_assets.synthetic.injected_differences import planted_galaxies

        folder.mkdir()
        galaxies = planted_galaxies(n_galaxies, DISC_DIFFERENCE, seed=1, size_px=size_px)
        np.save(folder / "images.npy", galaxies.images)
        np.save(folder / "labels.npy", galaxies.labels)

    return write


def _limit(size_px: int) -> Callable[[Machine, Result], float]:
    """Return the function for images/s of the training steps alone, if all products ran as fast as those of matrices.

    A step has the products of the forward pass, and as many for the gradients of the weights and of the inputs; the
    first convolution needs no gradient of its input.
    """
    products = [9 * bands * filters * (size_px // factor) ** 2 for bands, filters, factor in _CONVOLUTIONS]
    dense = 64 * _CONVOLUTIONS[-1][1] * (size_px // 4) ** 2
    operations = 2 * (3 * (sum(products) + dense) - products[0])

    def limit(machine: Machine, ours: Result) -> float:
        rate = machine.matrix_gflops if ours.said["policy"] == "float32" else machine.bfloat16_gflops
        return rate * 1e9 / operations

    return limit


def _equal_auc(ours: Result, peer: Result) -> str:
    """Compare the mean AUC over the folds; raise AssertionError beyond three standard errors of their difference."""
    own, other = (statistics.fmean(result.said["aucs"]) for result in (ours, peer))
    error = sqrt(sum(statistics.variance(result.said["aucs"]) / FOLDS for result in (ours, peer)))
    assert abs(own - other) < 3 * error + 0.01, f"AUC {own:.3f} and {other:.3f} differ by more than 3 x {error:.3f}"
    within = f"within epochs {ours.said['within_epochs']:.0f} images/s"
    return f"AUC {own:.3f}, peer {other:.3f} (standard error of the difference {error:.3f}); {within}"


def _train(images: np.ndarray, labels: np.ndarray, recipe: Recipe) -> dict[str, object]:
    """Train as `rotators run` does, and return what there is to compare."""
    from rotator_assets.evaluation.auc import network_aucs
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.training.cross_validation import cross_validate

    ids = np.array([f"1-{number}" for number in range(len(labels))])
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        models.mkdir()
        found = cross_validate(
            images, labels, ids, ids, recipe, model_folder=models, checkpoint_folder=Path(folder, "checkpoints")
        )
    return {
        "items": int((found.folds["n_train"] * found.folds["epochs"]).sum()),
        "aucs": network_aucs(NetworkScores.of(found.predictions)).tolist(),
        "within_epochs": found.images_per_second,
        "policy": found.policy,
    }


def _make_batches(images: np.ndarray, labels: np.ndarray, recipe: Recipe) -> dict[str, float]:
    """Make the batches of all epochs without a training."""
    from rotator_assets.training.pipeline import TrainingBatches

    batches = TrainingBatches(images, np.arange(len(labels)), labels, np.ones(len(labels), np.float32), recipe, (1,))
    dataset = batches.dataset()
    next(iter(dataset))
    started = time.perf_counter()
    shown = sum(len(answers) for _, answers, _ in dataset)
    return {"items": shown, "seconds": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("epochs", type=int)
    parser.add_argument("--batches", action="store_true")
    chosen = parser.parse_args()
    images, labels = (np.load(chosen.folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    work = _make_batches if chosen.batches else _train
    print(json.dumps(work(images, np.asarray(labels), Recipe(name="bench", epochs=chosen.epochs, folds=FOLDS))))


if __name__ == "__main__":
    main()
