"""Compares this project's integrated gradients with unmodified alibi, each in its own process.

Both explain the same network with the same steps and images. Alibi gets the Keras model and uses its default settings.
Prints a Markdown table: images per second, their ratio and the ratio of CPU times (which is less sensitive to other
programs), the peak memory of each process, and the largest difference between the maps relative to the largest
attribution.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rotator_assets.attribution.integrated_gradients import alibi_maps, integrated_gradients
from rotator_assets.core.backend import device_name
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.training.network import build_network, settle_batchnorm

ENGINES = {"ours": lambda *work: integrated_gradients(*work).maps, "alibi": alibi_maps}
SKY_SIGMA = 0.01
REPEATS_OF_ONE = 5
"""A single galaxy takes less than a second, so the median of several runs is taken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[64, 128], help="sides of the images, pixels")
    parser.add_argument("--galaxies", type=int, nargs="+", default=[1, 50, 1000])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--recipe", default="thesis")
    parser.add_argument(
        "--alibi-most", type=int, help="largest number of galaxies for alibi; its memory and speed are extrapolated"
    )
    parser.add_argument("--child", nargs=3, metavar=("ENGINE", "GALAXIES", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        engine, galaxies, path = options.child
        print(json.dumps(measure(engine, options, int(galaxies), Path(path))))
        return
    print(f"{device_name()}, recipe {options.recipe}, {options.steps} steps\n")
    print("| pixels | galaxies | images/s, ours | alibi | ratio | ratio, CPU | GB, ours | alibi | largest difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size_px in options.size:
        for galaxies in options.galaxies:
            print(compared(options, size_px, galaxies), flush=True)


def compared(options: argparse.Namespace, size_px: int, galaxies: int) -> str:
    """Return one row of the table."""
    fewer = min(galaxies, options.alibi_most or galaxies)
    with tempfile.TemporaryDirectory() as folder:
        paths = {engine: Path(folder, f"{engine}.npy") for engine in ENGINES}
        counts = {"ours": galaxies, "alibi": fewer}
        found = {engine: in_a_process(engine, options, size_px, counts[engine], paths[engine]) for engine in ENGINES}
        ours, theirs = (np.load(paths[engine], mmap_mode="r")[:fewer] for engine in ENGINES)
        difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    rates, cpu_rates = (
        {engine: counts[engine] / one[kind] for engine, one in found.items()} for kind in ("seconds", "cpu_seconds")
    )
    note = "" if fewer == galaxies else f" (extrapolated from {fewer})"
    cells = [
        f"{size_px} | {galaxies} | {rates['ours']:.2f} | {rates['alibi']:.2f}{note}",
        f"{rates['ours'] / rates['alibi']:.1f} | {cpu_rates['ours'] / cpu_rates['alibi']:.1f}",
        f"{found['ours']['gigabytes']:.2f} | {found['alibi']['gigabytes']:.2f}{note and f' (of {fewer})'}",
        f"{difference:.0e}",
    ]
    return f"| {' | '.join(cells)} |"


def in_a_process(engine: str, options: argparse.Namespace, size_px: int, galaxies: int, path: Path) -> dict:
    """Return the result of `measure` in a new process, so that its memory is that of one engine alone."""
    command = [sys.executable, __file__, "--child", engine, str(galaxies), str(path), "--size", str(size_px)]
    command += ["--steps", str(options.steps), "--recipe", options.recipe]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def measure(engine: str, options: argparse.Namespace, galaxies: int, path: Path) -> dict:
    """Return times and peak memory of one engine, without its set-up; save its maps to the file."""
    recipe = load_recipes()[options.recipe]
    size_px = options.size[0]
    images = made_up_galaxies(galaxies, size_px)[..., recipe.band_indices]
    network = build_network(recipe, size_px)
    settle_batchnorm(network, made_up_galaxies(16, size_px)[..., recipe.band_indices])
    baseline = np.zeros_like(images[0])
    ENGINES[engine](network, images[:1], baseline, 2)  # set-up: imports and compilation
    runs = []
    for _ in range(REPEATS_OF_ONE if galaxies == 1 else 1):
        started = time.perf_counter(), time.process_time()
        maps = ENGINES[engine](network, images, baseline, options.steps)
        runs.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    np.save(path, maps)
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds, cpu_seconds = np.median(runs, axis=0)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "gigabytes": gigabytes}


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


if __name__ == "__main__":
    main()
