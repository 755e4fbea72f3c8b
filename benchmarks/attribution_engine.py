"""Integrated gradients: this project's engine against alibi as it comes. Prints their ratio and largest difference."""

from __future__ import annotations

import argparse
import time

import numpy as np

from rotator_assets.learning.attribution import METHODS, empty_sky_baseline, integrated_gradients
from rotator_assets.learning.backend import device_name
from rotator_assets.learning.network import build_network, settle_batchnorm
from rotator_assets.recipes import load_recipes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, help="side of the images, pixels")
    parser.add_argument("--galaxies", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()

    recipe = load_recipes()["thesis"]
    images = np.random.default_rng(0).random((options.galaxies, options.size, options.size, 3), dtype=np.float32)
    network = build_network(recipe, options.size)
    settle_batchnorm(network, images)
    baseline = empty_sky_baseline(recipe, options.size)

    from alibi.explainers import IntegratedGradients

    alibi = IntegratedGradients(network, n_steps=options.steps, method=METHODS[0], internal_batch_size=32)
    integrated_gradients(network, images[:1], baseline, options.steps)  # compile

    started = time.perf_counter()
    ours = integrated_gradients(network, images, baseline, options.steps).maps
    our_seconds = time.perf_counter() - started

    started = time.perf_counter()
    baselines = np.broadcast_to(baseline, images.shape).copy()
    theirs = alibi.explain(images, baselines=baselines).attributions[0]
    their_seconds = time.perf_counter() - started

    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{device_name()}: {options.galaxies} images of {options.size} px, {options.steps} steps")
    print(f"speed, ours over alibi's: {their_seconds / our_seconds:.2f}")
    print(f"largest difference over the largest attribution: {difference:.1e}")


if __name__ == "__main__":
    main()
