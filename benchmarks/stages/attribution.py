"""Integrated gradients of the study's network, next to unmodified alibi with the same steps."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import Case, Options, Result, Side
from benchmarks.machine import Machine

if TYPE_CHECKING:
    import keras

STEPS = 50
GALAXIES = {64: (1, 20), 128: (1, 5)}
MANY_GALAXIES = 50
"""Alibi keeps all points of all paths in memory: 6 GB for 50 galaxies of 128 pixels."""
GOALS = {64: 5.0, 128: 4.0}
LARGEST_DIFFERENCE = 1e-4
"""Between the maps, relative to the largest attribution."""
SKY_SIGMA = 0.01


def cases(options: Options) -> Iterator[Case]:
    """Yield the cases: sizes of images and numbers of galaxies; set-up is not timed."""
    for size_px, numbers in GALAXIES.items():
        folder = options.generated(f"attribution-{size_px}", lambda path, size_px=size_px: _make(path, size_px))
        for n in (*numbers, *([MANY_GALAXIES] if options.full else [])):
            given = (folder / "network.keras", folder / f"{n}.npy", STEPS)
            yield Case(
                f"integrated gradients, {STEPS} steps, {size_px} px, {n} {'galaxy' if n == 1 else 'galaxies'}",
                "images",
                Side.python(__name__, *given, folder / f"{n}-ours.npy"),
                Side.python("benchmarks.peers.attribution", *given, folder / f"{n}-alibi.npy"),
                _compared,
                GOALS[size_px],
                _limit,
                most_repeats=2 if n == MANY_GALAXIES else 99,
            )


def _compared(ours: Result, peer: Result) -> str:
    maps, theirs = np.load(ours.said["output"]), np.load(peer.said["output"])
    difference = float(np.abs(maps - theirs).max() / np.abs(theirs).max())
    assert difference <= LARGEST_DIFFERENCE, f"maps differ by {difference:.0e} of the largest attribution"
    ratio = peer.said["processor"] / ours.said["processor"]
    return f"maps within {difference:.0e} of the largest attribution; processor time without set-up {ratio:.1f}"


def _limit(machine: Machine, ours: Result) -> float:
    return machine.matrix_gflops / ours.said["gflop"]


def _make(folder: Path, size_px: int) -> None:
    """Write the network, with the moving means of such images, and the images of each case."""
    from rotator_assets.core.recipes_file import load_recipes
    from rotator_assets.training.network import build_network, settle_batchnorm

    folder.mkdir(parents=True)
    network = build_network(load_recipes()["thesis"], size_px)
    settle_batchnorm(network, made_up_galaxies(16, size_px))
    network.save(folder / "network.keras")
    for n in (*GALAXIES[size_px], MANY_GALAXIES):
        np.save(folder / f"{n}.npy", made_up_galaxies(n, size_px))


def made_up_galaxies(n: int, size_px: int) -> np.ndarray:
    """Return exponential discs of various shapes on noisy sky, brightest pixel 1, float32 (n, size_px, size_px, 3)."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:size_px, :size_px] - (size_px - 1) / 2
    images = np.empty((n, size_px, size_px, 3), dtype=np.float32)
    for image in images:  # one after the other, so that the first ones do not depend on their number
        image[:] = generator.normal(0, SKY_SIGMA, image.shape)
        angle, axis_ratio = generator.uniform(0, np.pi), generator.uniform(0.2, 1)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        light = np.exp(-np.hypot(along, across / axis_ratio) / (generator.uniform(0.05, 0.15) * size_px))
        image += light[..., None] * [0.5, 0.8, 1.0]
    return images / images.max(axis=(1, 2, 3), keepdims=True)


def _ours(model_file: str, image_file: str, steps: str, output: str) -> dict[str, object]:
    from rotator_assets.attribution.integrated_gradients import integrated_gradients
    from rotator_assets.store.models import load_model

    model, images = load_model(Path(model_file)), np.load(image_file)
    baseline = np.zeros_like(images[0])
    integrated_gradients(model, images[:1], baseline, int(steps))
    started = time.perf_counter(), time.process_time()
    maps = integrated_gradients(model, images, baseline, int(steps)).maps
    seconds, processor_seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    np.save(output, maps)
    return {
        "items": len(images),
        "seconds": seconds,
        "processor": processor_seconds,
        "output": output,
        "gflop": _gflop(model) * int(steps),
    }


def _gflop(model: keras.Model) -> float:
    """Return the operations of one gradient, 10^9: products of all kernels behind the first, forwards and backwards.

    The output of the first convolution need not be computed at each step.
    """
    _, *layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    positions = [np.prod(layer.output.shape[1:-1], dtype=int) for layer in layers]
    products = [where * np.prod(layer.kernel.shape) for where, layer in zip(positions, layers, strict=True)]
    return 2 * 2 * float(sum(products)) / 1e9


if __name__ == "__main__":
    print(json.dumps(_ours(*sys.argv[1:])))
