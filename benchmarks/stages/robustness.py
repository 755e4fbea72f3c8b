"""Robustness checks: structure of images, intervals by resampling, and all checks of a training next to it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness import Case, Options, Result, Side

_PEER = "benchmarks.peers.robustness"
_SIZE_PX = 64
_REPLICATES = 2000
_COMMAND = "from rotator_assets.cli import main; main()"
_CHECKS = ("morphology", "ellipticity", "robustness", "injection-recovery")
_DATASET = "manga-observed-64"


def cases(options: Options) -> Iterator[Case]:
    """Yield the cases; the whole run only with ``--full``, as it takes minutes."""
    images = options.generated(f"galaxies-{400 if options.full else 24}", _draw) / "images.npy"
    yield Case(
        f"structure of images, {_SIZE_PX} px",
        "images",
        Side.python(__name__, "structure", images),
        Side.python(_PEER, "structure", images),
        _same_gini,
    )
    yield Case(
        "the same, one image new",
        "images",
        Side.python(__name__, "one-new", images),
        Side.python(_PEER, "structure", images),
        _same_gini,
    )
    scores = options.generated("scores", _score) / "scores.npz"
    yield Case(
        "bootstrap interval of an AUC, 840 galaxies",
        "replicates",
        Side.python(__name__, "interval", scores, _REPLICATES),
        Side.python(_PEER, "interval", scores, _REPLICATES),
        _same_interval,
    )
    if options.full:
        yield Case(
            "robustness checks of a training, next to the training",
            "trainings",
            Side.python(__name__, "run", *_CHECKS),
            Side.python(__name__, "run", "training"),
            goal=1,
            most_repeats=1,
        )


def _same_gini(ours: Result, peer: Result) -> str:
    difference = np.abs(np.subtract(ours.said["gini"], peer.said["gini"]))
    equal = int(np.sum(difference < 1e-6))
    if equal < 0.7 * len(difference) or difference.max() > 0.03:
        raise AssertionError(f"only {equal} of {len(difference)} Gini are equal; differences up to {difference.max()}")
    return f"{equal} of {len(difference)} Gini equal; the others have pixels masked as a neighbour"


def _same_interval(ours: Result, peer: Result) -> str:
    ends = [[result.said[end] for end in ("low", "high")] for result in (ours, peer)]
    np.testing.assert_allclose(*ends, rtol=0, atol=0.004)
    return "equal interval within its noise"


def _draw(folder: Path) -> None:
    """Write discs and spheroids with noise, alone in their images."""
    generator = np.random.default_rng(2020)
    count = int(folder.name.split("-")[1])
    y, x = np.indices((_SIZE_PX, _SIZE_PX)) - (_SIZE_PX - 1) / 2
    images = np.empty((count, _SIZE_PX, _SIZE_PX, 3), dtype=np.float32)
    for image in images:
        size, axis_ratio, angle = generator.uniform(3, 6), generator.uniform(0.5, 0.95), generator.uniform(0, np.pi)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        radius = np.hypot(along, across / axis_ratio) / size
        light = np.exp(-1.68 * np.sqrt(radius**2 + 0.02) ** generator.choice([1.0, 0.5]))
        image[:] = light[..., None] + generator.normal(0, 0.005, image.shape)
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)


def _score(folder: Path) -> None:
    """Write scores of 241 slow and 599 fast galaxies, with an AUC of about 0.78."""
    labels = (np.arange(840) >= 241).astype(np.int64)
    folder.mkdir(parents=True)
    np.savez(folder / "scores.npz", labels=labels, scores=np.random.default_rng(2020).normal(1.1 * labels))


def _structure(path: str, *, one_new: bool = False) -> dict:
    from rotator_assets.imaging.morphology_table import measure_all

    images = np.load(path, mmap_mode="r")
    rows, are_pictures = np.arange(len(images)), np.zeros(len(images), dtype=bool)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept.npz")
        if one_new:
            measure_all(images, rows[1:], are_pictures[1:], kept=kept)
        started = time.perf_counter()
        table = measure_all(images, rows, are_pictures, kept=kept)
        seconds = time.perf_counter() - started
    return {"items": len(images), "seconds": seconds, "gini": table["gini"].tolist()}


def _interval(path: str, replicates: int) -> dict:
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.evaluation.resampling import bootstrap_auc

    content = np.load(path)
    scored = NetworkScores.single(content["labels"], content["scores"])
    started = time.perf_counter()
    found = bootstrap_auc(scored, replicates)
    return {"items": replicates, "seconds": time.perf_counter() - started, "low": found.low, "high": found.high}


def _run(*steps: str) -> dict:
    """Run a training on synthetic galaxies with its checks; the time is that of the named steps."""
    folder = Path(tempfile.mkdtemp(), "demo")
    command = [sys.executable, "-c", _COMMAND]
    robustness = [] if steps == ("training",) else ["--robustness"]
    try:
        subprocess.run([*command, "demo", "--data", folder], check=True, stdout=sys.stderr)
        run = subprocess.run(
            [*command, "run", "-d", _DATASET, *robustness, "--data", folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        shutil.rmtree(folder.parent)
    took = re.findall(r"^\d+/\d+ (\S+).*: done in ([\d.]+) s", run.stdout, flags=re.MULTILINE)
    return {"items": 1, "seconds": sum(float(seconds) for step, seconds in took if step in steps)}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "run":
        said = _run(*arguments)
    elif what == "interval":
        said = _interval(arguments[0], int(arguments[1]))
    else:
        said = _structure(arguments[0], one_new=what == "one-new")
    print(json.dumps(said))
