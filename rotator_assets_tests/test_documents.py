"""Every SQL, shell, YAML and Python block of the documents works as it stands, and gives what the document claims.

A block is run on synthetic galaxies, unless ``<!-- not run: why -->`` stands before it.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from rotator_assets.candidates.follow_up import EXPECTED, MEASURED, expected_follow_up, measured_follow_up
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.evaluation.galaxy_results import galaxy_results
from rotator_assets.evaluation.spin_accuracy import lambda_r_accuracy
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import write_command
from rotator_assets_tests.surveys.files import write_text
from rotator_assets_tests.surveys.test_atlas3d import NAME, TABLE

PROJECT = Path(__file__).parents[1]
FOLDERS = ("docs", "docs/how-to", "docs/explanations")
DOCUMENTS = [
    *(PROJECT / "README.md", PROJECT / "data" / "README.md"),
    *(page for folder in FOLDERS for page in sorted((PROJECT / folder).glob("*.md"))),
]
FENCED = re.compile(
    r"(?:^ *<!-- not run: (?P<why>.+?) -->\n)?^(?P<margin> *)```(?P<kind>.*)\n(?P<text>[\s\S]*?)^ *```$"
    r"(?:(?=\n\n```text\n(?P<output>[\s\S]*?)^```$))?",
    re.M,
)
KINDS = {"sh", "sql", "yaml", "python", "r", "text"}
RECIPES = """
recipes:
  thesis: &fast
    normalization: max_all
    architecture: small
    epochs: 1
    folds: 2
    attribution_steps: 4
    attribution_doublings: 0
  log:
    <<: *fast
    normalization: log
variants: {}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    place: str
    kind: str
    text: str
    is_run: bool
    output: str | None = None
    """The text block that follows a Python block, which is what it prints."""


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(
            f"{document.relative_to(PROJECT)}:{text[: found.start('text')].count(chr(10))}",
            found["kind"],
            textwrap.dedent(found["text"]),
            found["why"] is None,
            found["output"] if found["kind"] == "python" else None,
        )
        for found in FENCED.finditer(text)
    ]


ALL = [block for document in DOCUMENTS for block in blocks(document)]


def those(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [pytest.param(b, id=b.place) for b in ALL if b.kind == kind and b.is_run])


def test_every_block_says_what_it_is():
    assert sum(document.read_text().count("```") for document in DOCUMENTS) == 2 * len(ALL)
    assert {block.place: block.kind for block in ALL if block.kind not in KINDS} == {}


@those("yaml")
def test_settings_and_recipes_in_the_documents_are_valid(block, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(block.text)
    if block.text.startswith("recipes:"):
        assert load_recipes(file)
    else:
        load_settings(DataRoot(tmp_path))


def those_of_one_document() -> list[pytest.param]:
    """Return the Python blocks of each document, in order."""
    found: dict[Path, list[Block]] = {}
    for document in DOCUMENTS:
        found[document] = [block for block in blocks(document) if block.kind == "python" and block.is_run]
    return [pytest.param(them, id=str(page.relative_to(PROJECT))) for page, them in found.items() if them]


@pytest.mark.parametrize("python", those_of_one_document())
def test_python_in_the_documents_prints_what_stands_after_it(python, request, tmp_path, monkeypatch):
    reads_results = any("data/demo" in block.text for block in python)
    monkeypatch.chdir(request.getfixturevalue("project") if reads_results else tmp_path)
    names: dict = {}
    for block in python:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, block.place, "exec"), names)
        assert block.output in (None, printed.getvalue()), block.place


def losses_add_up(answer: pd.DataFrame, tables: TableStore) -> None:
    left = (answer["rows_in"] - answer["rows_dropped"]).tolist()
    assert answer["rows_in"].tolist() == [len(tables.read("morphology_catalog", "manga")), *left[:-1]]
    assert left[-1] == len(tables.read("early_type_galaxies", "manga"))
    assert answer.loc[answer["rows_dropped"] > 0, "reason"].notna().all()


def every_baseline_has_its_interval(answer: pd.DataFrame, tables: TableStore) -> None:
    assert "ellipticity" in set(answer["baseline"]) and len(answer) >= 3
    assert answer["auc_gain"].between(answer["auc_gain_low"], answer["auc_gain_high"]).all()


def errors_by_their_folds_threshold(answer: pd.DataFrame, tables: TableStore) -> None:
    known = tables.read("predictions", "manga-observed-64|thesis")
    called_fast = known["probability_fast"] >= known["threshold"]
    wrong = known[called_fast != (known["rotator_type"] == 1)]
    farthest = (wrong["probability_fast"] - wrong["threshold"]).abs().sort_values(ascending=False).index[:10]
    assert answer["galaxy_id"].tolist() == wrong.loc[farthest, "galaxy_id"].tolist()
    assert ((answer["lambda_r"] < 0.31 * answer["ellipticity"] ** 0.5) == (answer["rotator_type"] == 0)).all()


def unmeasured_galaxies_by_probability(answer: pd.DataFrame, tables: TableStore) -> None:
    known = tables.read("candidates", "manga-observed-64|recommended").set_index("galaxy_id")
    assert 0 < len(answer) <= 20 and answer["galaxy_id"].is_unique and answer["rank"].is_monotonic_increasing
    assert known.loc[answer["galaxy_id"], "lambda_r"].isna().all()
    assert answer["probability_slow"].is_monotonic_decreasing


def found_among_the_first(answer: pd.DataFrame, tables: TableStore) -> None:
    ranked = tables.read("candidates", "manga-observed-64|recommended")
    known = ranked[ranked["labelled"]].sort_values("rank")
    measured = answer[answer["sample"] == "labelled galaxies, measured"]
    assert measured["n_observed"].tolist() == [10, 20, 50]
    assert measured["slow_found"].tolist() == [(known["rotator_type"].head(n) == 0).sum() for n in (10, 20, 50)]
    assert answer["slow_found"].between(answer["slow_found_low"], answer["slow_found_high"]).mean() > 0.5


def predictions_beside_measurements(answer: pd.DataFrame, tables: TableStore) -> None:
    known = tables.read("imaged_galaxies", "manga-observed-64").set_index("galaxy_id")["lambda_r"].dropna()
    assert sorted(answer["galaxy_id"]) == sorted(known.index)
    assert (answer["lambda_r"].to_numpy() == known.loc[answer["galaxy_id"]].to_numpy()).all()
    assert (answer["lambda_r_predicted"] - answer["lambda_r"]).abs().is_monotonic_decreasing
    assert answer["inside"].tolist() == ((answer["lambda_r_predicted"] - answer["lambda_r"]).abs() <= 0.1).tolist()


def accuracy_of_each_source(answer: pd.DataFrame, tables: TableStore) -> None:
    assert answer[["source", "population"]].to_numpy().tolist()[0] == ["labels", "all types"]
    assert set(answer["population"]) == {"all types", "early types", "late types"}
    assert answer["coverage"].between(answer["coverage_low"], answer["coverage_high"]).all()


def best_classifier_first(answer: pd.DataFrame, tables: TableStore) -> None:
    known = tables.read("baseline_metrics", "manga-observed-64|thesis").set_index("baseline")["auc"]
    assert answer["auc"].is_monotonic_decreasing and set(answer["kind"]) == {"recipe", "baseline"}
    found = answer.set_index("classifier")
    assert (found.loc[known.index, "auc"] == known).all() and "thesis" in found.index
    compared = found.loc[known.index]
    assert compared["auc_difference"].to_numpy() == pytest.approx((known - found.loc["thesis", "auc"]).to_numpy())


def the_answer_with_its_numbers(answer: pd.DataFrame, tables: TableStore) -> None:
    (known,) = tables.read("model_metrics", "manga-observed-64|thesis").itertuples()
    first = answer.iloc[0]
    assert first[["value", "low", "high"]].tolist() == [known.auc, known.auc_low, known.auc_high]
    assert f"{known.n_galaxies} early-type galaxies of manga-observed-64" in first["sentence"]
    assert answer["position"].tolist() == list(range(1, len(answer) + 1)) and 3 <= len(answer) <= 5


def current_choice_first(answer: pd.DataFrame, tables: TableStore) -> None:
    labels = tables.read("labeled_galaxies", "manga")["rotator_type"].dropna()
    assert answer.loc[0, ["n_labelled", "n_slow", "n_changed"]].tolist() == [len(labels), (labels == 0).sum(), 0]
    assert len(answer) > 3 and (answer["n_changed"] <= answer["n_compared"]).all()


def device_of_each_training(answer: pd.DataFrame, tables: TableStore) -> None:
    assert answer["device"].notna().all() and (answer["seconds"] > 0).all()
    assert len(answer) == len(tables.query("FROM model_metrics"))


def origin_of_each_training(answer, tables):
    metrics = tables.query("FROM model_metrics_history")
    assert answer[["dataset", "recipe", "auc", "run_id"]].equals(metrics[["dataset", "recipe", "auc", "run_id"]])
    assert answer["tensorflow"].notna().all() and answer["seed"].notna().all()


CLAIMS = {
    "The answer: each sentence": the_answer_with_its_numbers,
    "How many labels does each alternative choice change?": current_choice_first,
    "On which device was each recipe trained": device_of_each_training,
    "What separates slow from fast rotators best": best_classifier_first,
    "The first candidates: galaxies without measured kinematics": unmeasured_galaxies_by_probability,
    "How many slow rotators are among the first": found_among_the_first,
    "Predicted and measured lambda_r of each galaxy": predictions_beside_measurements,
    "How accurate is it, against the values of the labels": accuracy_of_each_source,
    "Which steps lose galaxies, and why?": losses_add_up,
    "How much does the network gain over simple baselines?": every_baseline_has_its_interval,
    "Where does each training come from?": origin_of_each_training,
    "Which misclassified galaxies lie farthest": errors_by_their_folds_threshold,
}
"""What the remark before a statement claims of its answer."""


@pytest.fixture(scope="module")
def tables(finished_root, tmp_path_factory) -> TableStore:
    """Tables of a training, and of the same galaxies in another dataset and recipe, which must not be mixed in."""
    root = DataRoot(tmp_path_factory.mktemp("documents"))
    shutil.copytree(DataRoot(finished_root).tables, root.tables)
    store = open_store(root)
    labels, scores = (
        store.read("labeled_images", "manga-observed-64"),
        store.read("predictions", "manga-observed-64|thesis"),
    )
    store.write("labeled_images", "tng100-noisy-64", labels.assign(dataset="tng100-noisy-64", lambda_r=9.0))
    inverted = scores.assign(predicted_type=1 - scores["predicted_type"])
    for dataset, recipe in (("tng100-noisy-64", "thesis"), ("manga-observed-64", "log")):
        store.write("predictions", f"{dataset}|{recipe}", inverted.assign(dataset=dataset, recipe=recipe))
    _write_recommended(store)
    return store


def _write_recommended(store: TableStore) -> None:
    """Write made-up predictions of `recommended`, with intervals of +-0.1, a tenth of them without kinematics."""
    partition, imaged = "manga-observed-64|recommended", store.read("imaged_galaxies", "manga-observed-64")
    imaged = imaged.astype({"rotator_type": "Int8"})
    imaged.loc[::10, ["lambda_r", "rotator_type"]] = [np.nan, pd.NA]
    store.write("imaged_galaxies", "manga-observed-64", imaged)
    generator = np.random.default_rng(0)
    spin = generator.uniform(0.1, 0.9, len(imaged))
    found = imaged[["dataset", "galaxy_id", "object_id", "synthetic"]].assign(
        recipe="recommended",
        fold=np.arange(len(imaged)) % 3,
        tested=imaged["is_early_type"] & imaged["rotator_type"].notna(),
        probability_fast=spin,
        probability_fast_calibrated=spin,
        lambda_r_predicted=spin,
        lambda_r_low=spin - 0.1,
        lambda_r_high=spin + 0.1,
    )
    store.write("galaxy_predictions", partition, found)
    results = galaxy_results(found, found, imaged, Recipe(name="recommended"))
    store.write("galaxy_results", partition, results)
    rows = lambda_r_accuracy(results, imaged.iloc[:0].assign(lambda_r_source=""), n=20)
    key = {"dataset": "manga-observed-64", "recipe": "recommended", "synthetic": True}
    store.write("lambda_r_accuracy", partition, rows.assign(**key))
    ranked = store.read("candidates", "manga-observed-64|thesis").assign(recipe="recommended")
    unmeasured = ranked["rank"] % 10 == 0
    ranked["labelled"], ranked["lambda_r"] = ~unmeasured, ranked["lambda_r"].mask(unmeasured)
    store.write("candidates", partition, ranked)
    known, unknown = ranked[~unmeasured], ranked[unmeasured]
    measured = measured_follow_up(known["probability_slow"], known["rotator_type"] == 0, known["object_id"])
    expected = expected_follow_up(unknown["probability_slow"]).assign(sample=EXPECTED)
    follow_up = pd.concat([measured.assign(sample=MEASURED), expected])
    store.write("follow_up", partition, follow_up.assign(**key))


@pytest.mark.chain
@those("sql")
def test_sql_in_the_documents_gives_what_it_claims(block, tables):
    for statement in re.split(r";\s*$", block.text, flags=re.M):
        if not statement.strip():
            continue
        remark = re.match(r"\s*-- (.*)", statement)
        assert remark, f"{block.place}: a remark says what each statement is for"
        (claim,) = (check for begin, check in CLAIMS.items() if remark[1].startswith(begin))
        claim(tables.query(statement), tables)


@pytest.fixture(scope="module")
def project(finished_root, tmp_path_factory) -> Path:
    """A folder with the data roots that the documents name: `data`, `data/demo`, and `ROOT` with a new survey."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(finished_root, folder / "data", copy_function=shutil.copy2)
    shutil.copytree(finished_root, folder / "data" / "demo", copy_function=shutil.copy2)
    write_text(folder / "ROOT" / "atlas3d" / NAME, TABLE)
    (folder / "recipes.yaml").write_text(RECIPES)
    (folder / "bin").mkdir()
    (folder / "bin" / "uv").write_text('#!/bin/sh\ntest "$1" = run && shift && exec "$@"\n')
    (folder / "bin" / "uv").chmod(0o755)
    write_command(folder / "bin" / "rotators")
    return folder


@pytest.mark.chain
@those("sh")
def test_commands_in_the_documents_work(block, project):
    path = os.pathsep.join([str(project / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {k: v for k, v in os.environ.items() if k not in ("ROTATORS_DATA", "DAGSTER_HOME")}
    if "rotators run" in block.text or "rotators status" in block.text:
        environment["ROTATORS_RECIPES"] = str(project / "recipes.yaml")  # faster ones
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=project,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    if "FROM model_metrics" in block.text:
        assert "manga-observed-64" in done.stdout and "thesis" in done.stdout
    if "rotators run" in block.text and "ROOT" not in block.text:
        assert (project / "data" / "results" / "study_report.html").stat().st_mtime > (project / "bin").stat().st_mtime
    if "run --stale" in block.text:
        assert "max_all -> log" in done.stdout and "normalization" in done.stdout.split("max_all -> log")[-1]
        assert len(open_store(DataRoot(project / "data")).read("model_metrics", "manga-observed-64|thesis")) == 1
    if "slow_rotators.csv" in block.text:
        predicted = pd.read_csv(project / "slow_rotators.csv")
        assert predicted["usable"].sum() > 50 and predicted["synthetic"].all()
        assert "made from synthetic galaxies" in done.stdout
    if "predicted.vot" in block.text:
        assert len(Table.read(project / "predicted.vot")) > 50
    if "survey = 'atlas3d'" in block.text:
        assert done.stdout.split()[-4:] == ["0", "1", "1", "1"]


def test_the_database_answers_the_documents_by_itself(tables):
    """What the documents ask works in any DuckDB client, not only through the command."""
    tables.publish()
    with duckdb.connect(str(tables.root.database), read_only=True) as connection:
        for block in (b for b in ALL if b.kind == "sql" and b.is_run):
            for statement in connection.extract_statements(block.text):
                assert connection.sql(statement.query).fetchall()
