"""The boundary in the report is that of the galaxies used in training, not a fixed text."""

import json

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.report.label_text import label_definition
from rotator_assets.tables import TABLES, open_store

EMSELLEM, CAPPELLARI = "emsellem2011", "cappellari2016"
IN_WORDS = {EMSELLEM: "lambda_R < 0.31 sqrt(epsilon)", CAPPELLARI: "lambda_R < 0.08 + epsilon/4 and epsilon < 0.4"}


@pytest.fixture
def tables(tmp_path):
    return open_store(DataRoot(tmp_path))


def trained(tables, dataset, boundary, recipe="thesis", **content):
    def write(name, partition, **columns):
        frame = pd.DataFrame({"dataset": dataset, "synthetic": True, **columns})
        tables.write(name, partition, frame.reindex(columns=TABLES[name].column_names))

    epsilon = pd.Series([0.1, 0.3, 0.6])
    write("labeled_images", dataset, ellipticity=epsilon, spin_threshold=spin_threshold(epsilon, boundary))
    made = {"recipe": [recipe], "recipe_version": ["v"]}
    write("model_metrics", f"{dataset}|{recipe}", **made)
    write("model_metrics_history", f"{dataset}|{recipe}.x", **made, recipe_content=[json.dumps(content)])


@pytest.mark.parametrize(("boundary", "other"), [(EMSELLEM, CAPPELLARI), (CAPPELLARI, EMSELLEM)])
def test_the_boundary_is_the_one_used_in_training(tables, boundary, other):
    trained(tables, "manga-observed-64", boundary, label="settings")
    trained(tables, "manga-observed-64", boundary, "same", label=boundary)
    trained(tables, "manga-observed-64", boundary, "before-there-were-labels")
    text = label_definition(tables)
    assert text.startswith(f"A galaxy is a slow rotator if {IN_WORDS[boundary]}")
    assert IN_WORDS[other] not in text and "Recipe" not in text
    trained(tables, "manga-observed-64", boundary, "own", label=other)
    assert f"Recipe own uses another boundary: {IN_WORDS[other]}" in label_definition(tables)


def test_surveys_with_different_boundaries_are_listed_separately(tables):
    trained(tables, "manga-observed-64", EMSELLEM, label="settings")
    trained(tables, "tng100-noisy-64", CAPPELLARI, label="settings")
    text = label_definition(tables)
    assert f"in manga if {IN_WORDS[EMSELLEM]}" in text and f"in tng100 if {IN_WORDS[CAPPELLARI]}" in text


def test_a_gap_is_reported(tables):
    trained(tables, "manga-observed-64", EMSELLEM, "clear-cut", boundary_gap=0.05)
    said = "Recipe clear-cut leaves out galaxies with lambda_R closer to the boundary than 0.05."
    assert said in label_definition(tables)


def test_without_trainings_nothing_is_claimed(tables):
    assert label_definition(tables) == ""
