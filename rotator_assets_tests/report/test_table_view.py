"""Tables of the report: headings, digits, intervals."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.report.table_view import MAX_ROWS, heading, table_view
from rotator_assets.tables import TABLES


def view(frame: pd.DataFrame, table: str = "") -> dict[str, tuple[str, list[str]]]:
    columns = {column.name: column for column in TABLES[table].columns} if table else {}
    return {one.heading: (one.kind, one.cells) for one in table_view(frame, columns)}


def test_numbers_are_readable():
    frame = pd.DataFrame(
        {
            "auc": [0.78123, np.nan, 0.5],
            "count": pd.array([4672, None, 3], dtype="Int64"),
            "whole": [1.0, 2.0, np.nan],
            "seconds": [1234.567, 2.5, 0.0],
            "error": [1e-5, 0.25, -0.0004],
            "early": pd.array([True, None, False], dtype="boolean"),
            "name": ["a", None, "x" * 40],
            "p_value": [0.449, 0.0008, 1e-9],
            "trained_at": pd.to_datetime(["2026-11-30 15:30:44.123456", None, "2026-01-02"], format="mixed"),
        }
    )
    assert view(frame) == {
        "AUC": ("number", ["0.781", "–", "0.500"]),
        "count": ("number", ["4672", "–", "3"]),
        "whole": ("number", ["1", "2", "–"]),
        "time": ("number", ["1235", "2", "0"]),
        "error": ("number", ["1.0e-05", "0.250", "-4.0e-04"]),
        "early": ("word", ["yes", "–", "no"]),
        "name": ("text", ["a", "–", "x" * 40]),
        "p": ("number", ["0.45", "0.0008", "< 0.0001"]),
        "trained at": ("word", ["2026-11-30 15:30", "–", "2026-01-02 00:00"]),
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("auc", "auc_low", "auc_high"), "AUC"),
        (("auc_difference", "auc_difference_low", "auc_difference_high"), "AUC difference"),
        (("network_gain", "gain_low", "gain_high"), "network gain"),
        (("difference", "low", "high"), "difference"),
        (("brier_calibrated", "brier_low_calibrated", "brier_high_calibrated"), "brier calibrated"),
    ],
)
def test_a_value_and_its_interval_share_a_column(names, expected):
    frame = pd.DataFrame([(0.8132, 0.7241, 0.8784)], columns=list(names))
    sign = "+" if "difference" in expected or "gain" in expected else ""
    assert view(frame) == {expected: ("number", [f"{sign}0.81 [{sign}0.72, {sign}0.88]"])}


def test_ends_that_belong_to_nothing_keep_their_columns():
    frame = pd.DataFrame({"name": ["a"], "low": [0.1], "high": [0.2]})
    assert list(view(frame)) == ["name", "low", "high"]


def test_columns_without_any_value_are_left_out():
    assert list(view(pd.DataFrame({"a": [1, 2], "b": [None, None], "c": ["", ""]}))) == ["a"]


def test_numbers_sort_by_their_value_and_missing_ones_have_no_key():
    (column,) = table_view(pd.DataFrame({"auc": [0.78123, np.nan], "auc_low": [0.7, 0], "auc_high": [0.85, 0]}), {})
    assert column.keys == ["0.78123", ""]


def test_headings_are_words_with_units_and_columns_explain_themselves():
    known = {column.name: column for column in TABLES["galaxies"].columns}
    assert heading("r_eff_arcsec", known["r_eff_arcsec"]) == "R_e (arcsec)"
    assert heading("lambda_r", known["lambda_r"]) == "lambda_R"
    assert heading("n_galaxies") == "galaxies"
    assert heading("p_value_adjusted") == "p (Holm)"
    assert heading("The study: AUC") == "The study: AUC"
    (column,) = table_view(pd.DataFrame({"redshift": [0.02]}), known)
    assert column.meaning == known["redshift"].comment


def test_no_heading_of_any_table_is_a_raw_name():
    for table in TABLES.values():
        for column in table.columns:
            assert "_" not in heading(column.name, column).replace("lambda_R", "").replace("R_e", "")


def test_long_tables_are_cut():
    (column,) = table_view(pd.DataFrame({"n": range(5000)}), {})
    assert len(column.cells) == MAX_ROWS
