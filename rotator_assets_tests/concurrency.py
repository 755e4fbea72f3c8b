"""Everything that users do at a time, for some minutes: runs, backfills of the UI, predictions and queries.

``python -m rotator_assets_tests.concurrency --minutes 5`` makes a small data root, trains three recipes, and then
repeats, all at once: a run of one recipe, a run of this one and another, backfills of the other two from the UI,
predictions of images, and ten query sessions, half of which keep ``rotators.duckdb`` open. The trainings are the same
each time. Every query therefore finds the same galaxies with the same predictions, and differs only in the name of the
training.

The last lines say how often each was done and what was wrong: lost rows, rows found twice, queries that saw half a
partition or the results of two trainings in one row, and messages on locks. The exit status is 1 if there was any.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import yaml

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE, RECIPES_FILE
from rotator_assets.orchestration.answers import answering
from rotator_assets.synthetic import write_demo
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import ROTATORS
from rotator_assets_tests.ui_driver import Ui, running_ui

DATASET = "manga-observed-64"
RECIPES = ("one", "two", "three")
BACKFILLED = ("rotator_classifier", "predictions", "roc_report", "galaxy_report", "candidates", "attribution_maps")
LOCKED = ("database is locked", "could not set lock", "conflicting lock", "resource temporarily unavailable")
QUERY_SESSIONS = 10

EACH_TRAINING = """
    SELECT recipe, count(*) AS galaxies, count(DISTINCT galaxy_id) AS ids, count(DISTINCT training) AS trainings,
        sum(hash(galaxy_id, probability_fast)) AS content
    FROM predictions GROUP BY recipe ORDER BY recipe"""
TOGETHER = """
    SELECT recipe, count(*) AS galaxies, count(DISTINCT training) AS trainings, count(DISTINCT m.run_id) AS runs,
        min(m.n_galaxies) AS n_galaxies FROM predictions p JOIN model_metrics m USING (dataset, recipe, training)
    GROUP BY recipe ORDER BY recipe"""
HISTORY = """
    SELECT m.recipe, m.training, any_value(m.n_galaxies) AS n_galaxies, count(DISTINCT p.galaxy_id) AS ids,
        count(*) AS galaxies
    FROM model_metrics_history m LEFT JOIN predictions_history p USING (dataset, recipe, training) GROUP BY ALL"""


class Together:
    """What is done at the same time, and what was seen.

    Attributes
    ----------
    done
        How often each was done.
    wrong
        What was wrong, with the first lines of what was printed.
    """

    def __init__(self, root: DataRoot, folder: Path, seconds: float) -> None:
        self.root, self.folder = root, folder
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._expected = open_store(root).query(EACH_TRAINING)

    def repeat(self, what: str, act: Callable[[], None]) -> None:
        """Act until the time is over; what it raises is wrong."""
        while time.monotonic() < self._end:
            try:
                act()
            except Exception as error:
                self.note(f"{what}: {type(error).__name__}: {error}")
            with self._lock:
                self.done[what] += 1

    def note(self, problem: str) -> None:
        with self._lock:
            self.wrong.append(problem)
            print(f"wrong: {problem}", flush=True)

    def command(self, *arguments: str) -> None:
        """Run a command of this project, which must succeed."""
        done = subprocess.run([ROTATORS, *arguments], capture_output=True, text=True, cwd=self.folder)
        printed = done.stdout + done.stderr
        if done.returncode:
            self.note(f"rotators {' '.join(arguments)}: status {done.returncode}: {printed[-2000:]}")
        if any(words in printed.lower() for words in LOCKED):
            self.note(f"rotators {' '.join(arguments)}: a message on locks: {printed[-2000:]}")

    def train(self, *recipes: str) -> None:
        named = [word for recipe in recipes for word in ("-r", recipe)]
        self.command("run", "-d", DATASET, *named, "--jobs", "1", "--data", str(self.root.path))

    def predict(self) -> None:
        table = self.folder / "predicted.csv"
        images = str(self.root.path / "manga" / "images")
        self.command("predict", images, "-d", DATASET, "-r", "one", "-o", str(table), "--data", str(self.root.path))
        found = pd.read_csv(table)
        if found["galaxy_id"].duplicated().any():
            self.note("predict: a galaxy has two rows")
        table.unlink()

    def backfill(self, ui: Ui) -> None:
        """Materialize two trainings by a backfill of the UI, and wait for it."""
        keys = json.dumps([f"{DATASET}|{recipe}" for recipe in RECIPES[1:]])
        assets = ", ".join(f'{{path: ["{name}"]}}' for name in BACKFILLED)
        wanted = f"{{partitionNames: {keys}, assetSelection: [{assets}]}}"
        answer = "{... on LaunchBackfillSuccess {backfillId}}"
        launched = ui.graphql(f"mutation {{launchPartitionBackfill(backfillParams: {wanted}) {answer}}}")
        name = launched["launchPartitionBackfill"]["backfillId"]
        asked = f'{{partitionBackfillOrError(backfillId: "{name}") {{... on PartitionBackfill {{status}}}}}}'
        status = "REQUESTED"
        while status in ("REQUESTED", "COMPLETING"):
            time.sleep(2)
            status = ui.graphql(asked)["partitionBackfillOrError"]["status"]
        if status != "COMPLETED_SUCCESS":
            self.note(f"backfill {name}: {status}")

    def look(self, query: Callable[[str], pd.DataFrame]) -> None:
        """Ask for the predictions, with their metrics and their history."""
        found = query(EACH_TRAINING)
        if not found.drop(columns="trainings").equals(self._expected.drop(columns="trainings")):
            self.note(f"query: other predictions:\n{found}\nexpected:\n{self._expected}")
        if (found["trainings"] != 1).any():
            self.note(f"query: predictions of two trainings in one partition:\n{found}")
        joined = query(TOGETHER)
        if ((joined[["trainings", "runs"]] != 1).any(axis=None)) or (joined["galaxies"] != joined["n_galaxies"]).any():
            self.note(f"query: predictions and metrics do not belong together:\n{joined}")
        history = query(HISTORY)
        if (history["galaxies"] != history["n_galaxies"]).any() or (history["ids"] != history["n_galaxies"]).any():
            self.note(f"query: a training in the history is not complete:\n{history}")

    def look_at_history(self) -> None:
        """Compare the history with what was done: every training of the recipe that only backfills train, each once."""
        kept = open_store(self.root).query("SELECT recipe, training FROM model_metrics_history")
        if kept["training"].duplicated().any():
            self.note(f"history: a training has two rows:\n{kept}")
        found, trained = int((kept["recipe"] == RECIPES[2]).sum()), 1 + self.done["backfill"]
        if found != trained:
            self.note(f"history: {found} of {trained} trainings of {RECIPES[2]}")


def _keeping_open(database: Path) -> Callable[[str], pd.DataFrame]:
    """Query ``rotators.duckdb`` in one session, as a notebook does."""
    connection = duckdb.connect(str(database), read_only=True)
    return lambda sql: connection.cursor().sql(sql).df()


def _as_the_command(root: DataRoot) -> Callable[[str], pd.DataFrame]:
    """Query as ``rotators query`` does."""

    def query(sql: str) -> pd.DataFrame:
        with answering(open_store(root), sql) as answer:
            assert answer.rows is not None
            return answer.rows.df()

    return query


@contextmanager
def trained_root(folder: Path, galaxies: int) -> Iterator[DataRoot]:
    """A small data root on which three recipes are trained; ``ROTATORS_RECIPES`` names their file."""
    recipes = yaml.safe_load(RECIPES_FILE.read_text("utf-8"))
    fast = {"epochs": 1, "folds": 2, "architecture": "small", "attribution_steps": 2, "attribution_doublings": 0}
    recipes["recipes"] |= {name: {**fast, "seed": number} for number, name in enumerate(RECIPES)}
    file = folder / "recipes.yaml"
    file.write_text(yaml.safe_dump(recipes, sort_keys=False), "utf-8")
    os.environ[ENVIRONMENT_VARIABLE] = str(file)
    root = DataRoot(folder / "root")
    write_demo(root.path, n_galaxies=galaxies, seed=7)
    named = [word for recipe in RECIPES for word in ("-r", recipe)]
    subprocess.run([ROTATORS, "run", "-q", "-d", DATASET, *named, "--data", str(root.path)], check=True, cwd=folder)
    yield root


def work_together(folder: Path, minutes: float, galaxies: int = 90) -> Together:
    """Do everything at once, and return what was seen."""
    with trained_root(folder, galaxies) as root, running_ui(root.path, folder / "ui.log") as ui:
        together = Together(root, folder, 60 * minutes)
        tasks: list[tuple[str, Callable[[], None]]] = [
            ("run of one recipe", lambda: together.train("one")),
            ("run of two recipes", lambda: together.train("one", "two")),
            ("backfill", lambda: together.backfill(ui)),
            ("prediction", together.predict),
        ]
        for number in range(QUERY_SESSIONS):
            query = _as_the_command(root) if number % 2 else _keeping_open(root.database)
            tasks.append(("queries", lambda query=query: together.look(query)))
        with ThreadPoolExecutor(len(tasks)) as pool:
            for finished in [pool.submit(together.repeat, *task) for task in tasks]:
                finished.result()
        together.look(_as_the_command(root))
        together.look_at_history()
        if any(words in (folder / "ui.log").read_text("utf-8").lower() for words in LOCKED):
            together.note("the UI's log has a message on locks")
    return together


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        together = work_together(Path(folder), minutes)
    print(f"{minutes:g} minutes: {', '.join(f'{what} {count}' for what, count in sorted(together.done.items()))}")
    print(f"wrong: {len(together.wrong)}")
    return 1 if together.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
