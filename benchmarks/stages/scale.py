"""Time and memory per galaxy, from catalogue files to a labelled tensor, predictions and queries, as samples grow.

The catalogues list the requested number of synthetic galaxies. Their images are hard links to a few hundred files, so
any number of them fits on a disk. Each link is read and processed as a separate file.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil

from benchmarks.harness import Case, Options, Side, watched_memory
from rotator_assets.core.data_root import DataRoot

DATASET = "manga-observed-64"
DISTINCT = 300
"""Number of different images."""
SEED = 2020
_START_SECONDS, _MOST_SECONDS = 60, 0.01
"""Limits of the time of a build: before the first galaxy, and for each; it takes 0.0015."""
_QUERIES = {
    "mean": "SELECT rotator_type, avg(probability_fast), count(*) FROM predictions GROUP BY ALL",
    "join": "SELECT avg(abs(p.probability_fast - g.lambda_r)) FROM predictions p JOIN galaxies g USING (galaxy_id)",
    "first": "FROM predictions ORDER BY probability_fast LIMIT 10",
}


def cases(options: Options) -> Iterator[Case]:
    """Yield a case for each number of galaxies; the last takes 24 GB of disk."""
    for n_galaxies in (4_700, 47_000, 470_000)[: 3 if options.full else 2]:
        root = options.generated(f"scale-{n_galaxies}", lambda path, n=n_galaxies: make_root(path, n))
        name = f"catalogues to labelled tensor, predictions and queries, {n_galaxies} galaxies"
        limit = _START_SECONDS + _MOST_SECONDS * n_galaxies
        yield Case(name, "galaxies", Side.python(__name__, "build", root), most_repeats=1, most_seconds=limit)
        again = f"the same again with nothing changed, {n_galaxies} galaxies"
        yield Case(again, "galaxies", Side.python(__name__, "again", root), most_repeats=1, most_seconds=limit)


def make_root(root: Path, n_galaxies: int) -> None:
    """Write catalogues of synthetic galaxies and their linked images."""
    from rotator_assets.synthetic.galaxy_images import IMAGE_WRITERS
    from rotator_assets.synthetic.manga_sample import manga_truth
    from rotator_assets.synthetic.manga_tables import write_manga_tables

    folder = root / "manga"
    (folder / "catalogs").mkdir(parents=True)
    (folder / "images").mkdir()
    # Linked images have the coordinates of another galaxy.
    (root / "settings.yaml").write_text("manga: {images: {check_centre: false}}\n", encoding="utf-8")
    truth = manga_truth(n_galaxies, SEED)
    write_manga_tables(folder / "catalogs", truth, SEED)
    distinct = root / "distinct"
    distinct.mkdir()
    for row in truth[truth["loss"] == ""].head(DISTINCT).itertuples(index=False):
        IMAGE_WRITERS["manga"](distinct, row, SEED)
    files = sorted(distinct.iterdir())
    for number, galaxy_id in enumerate(truth["galaxy_id"]):
        os.link(files[number % len(files)], folder / "images" / f"{galaxy_id}.fits")


def build(root: Path) -> dict:
    """Run every stage and return its seconds, and the peaks of its memory in GB: own pages, pages of mapped files."""
    from rotator_assets.orchestration.plans import DATASET_ASSETS, SURVEY_ASSETS, Step
    from rotator_assets.running import open_runner

    data = DataRoot.at(root)
    measured = {}
    with open_runner(data) as runner:
        steps = [Step("catalogues", SURVEY_ASSETS, "manga"), Step("images", DATASET_ASSETS, DATASET)]
        for step in steps:
            with watched_memory(psutil.Process()) as peaks:
                measured[step.title] = _timed(lambda step=step: runner.materialize(step))
            measured[f"{step.title}, GB"] = [round(peaks.own / 1e9, 3), round(peaks.mapped / 1e9, 3)]
    return {**measured, **predictions_and_queries(data)}


def predictions_and_queries(data: DataRoot) -> dict:
    """Write predictions of every labelled galaxy and ask for them."""
    from rotator_assets.tables import open_store

    store = open_store(data)
    labeled = store.read("labeled_images", DATASET)
    score = np.random.default_rng(SEED).random(len(labeled))
    predictions = labeled.assign(
        recipe="thesis", probability_fast=score, fold=0, predicted_type=(score > 0.5).astype(int)
    ).reindex(columns=store.tables["predictions"].column_names)
    seconds = {"predictions": _timed(lambda: store.write("predictions", f"{DATASET}|thesis", predictions))}
    for name, sql in _QUERIES.items():
        seconds[f"query {name}"] = _timed(lambda sql=sql: store.query(sql))
    return seconds


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _sizes(root: Path) -> dict[str, float]:
    """Return the megabytes of the results by kind."""
    results = root / "results"
    return {
        kind: round(sum(file.stat().st_size for file in (results / kind).rglob("*") if file.is_file()) / 1e6, 1)
        for kind in ("tables", "tensors", "dagster", "figures")
    }


if __name__ == "__main__":
    action, path = sys.argv[1], Path(sys.argv[2])
    if action == "make":
        make_root(path, int(sys.argv[3]))
        sys.exit()
    if action == "build":
        shutil.rmtree(path / "results", ignore_errors=True)
    began = time.process_time()
    stages = build(path)
    items = sum(1 for _ in (path / "manga" / "images").iterdir())
    print(json.dumps({"items": items, "stages": stages, "processor": time.process_time() - began, "MB": _sizes(path)}))
