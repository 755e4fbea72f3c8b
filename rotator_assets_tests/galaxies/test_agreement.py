"""Agreement between sources of lambda_R, against numbers worked out by hand and the published catalogues."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.galaxies.agreement import AGREEMENT, PAIRS, agreement, lambda_r_pairs
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, conform
from rotator_assets_tests.surveys.files import write_text

PREFERENCE = ("user", "dynpop", "maps", "pipe3d")


def kinematics(**by_source: dict[str, float]) -> pd.DataFrame:
    rows = [
        {"galaxy_id": galaxy, "lambda_r": spin, "lambda_r_source": source}
        for source, spins in by_source.items()
        for galaxy, spin in spins.items()
    ]
    return conform(pd.DataFrame(rows), KINEMATICS)


GALAXIES = pd.DataFrame({"galaxy_id": list("abcd"), "ellipticity": [0.25, 0.25, 0.25, np.nan]})
"""Threshold of a, b, c: 0.155; d has no label."""


def test_labels_and_numbers_of_one_pair():
    found = kinematics(
        pipe3d={"a": 0.1, "b": 0.2, "c": 0.1, "d": 0.4, "z": 0.9}, user={"a": 0.2, "b": 0.4, "c": 0.1, "d": 0.8}
    )
    pairs = lambda_r_pairs("manga", found, GALAXIES, PREFERENCE, "emsellem2011")
    assert list(pairs.columns) == list(PAIRS)
    assert pairs["galaxy_id"].tolist() == list("abcd")  # z is in no morphology catalogue
    assert set(pairs["reference"]) == {"user"} and set(pairs["source"]) == {"pipe3d"}
    (row,) = agreement(pairs).to_dict("records")
    assert tuple(row) == AGREEMENT
    assert (row["n_galaxies"], row["n_labelled"]) == (4, 3)
    assert (row["n_slow_in_both"], row["n_slow_in_reference_only"], row["n_slow_in_source_only"]) == (1, 0, 1)
    assert row["label_change_fraction"] == pytest.approx(1 / 3)
    assert row["median_ratio"] == pytest.approx(0.5)  # of 0.5, 0.5, 1, 0.5
    x, y = [0.2, 0.4, 0.1, 0.8], [0.1, 0.2, 0.1, 0.4]
    assert row["correlation"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    differences = np.subtract(y, x)
    assert row["scatter"] == pytest.approx(1.4826 * np.median(np.abs(differences - np.median(differences))))


def test_every_two_sources_are_a_pair_the_preferred_one_first():
    found = kinematics(maps={"a": 0.1}, dynpop={"a": 0.2}, user={"a": 0.3})
    pairs = lambda_r_pairs("manga", found, GALAXIES, PREFERENCE, "emsellem2011")
    assert list(zip(pairs["reference"], pairs["source"], strict=True)) == [
        ("user", "dynpop"),
        ("user", "maps"),
        ("dynpop", "maps"),
    ]


def test_one_source_has_nothing_to_agree_with():
    pairs = lambda_r_pairs("manga", kinematics(user={"a": 0.3}), GALAXIES, PREFERENCE, "emsellem2011")
    assert pairs.empty and list(pairs.columns) == list(PAIRS)
    assert agreement(pairs).empty and tuple(agreement(pairs).columns) == AGREEMENT


def test_two_galaxies_have_no_correlation_and_invalid_values_do_not_count():
    found = kinematics(user={"a": 0.3, "b": 0.0, "c": 7.0}, dynpop={"a": 0.3, "b": 0.1, "c": 0.2})
    (row,) = agreement(lambda_r_pairs("manga", found, GALAXIES, PREFERENCE, "emsellem2011")).to_dict("records")
    assert row["n_galaxies"] == 2 and np.isnan(row["correlation"])
    assert row["median_ratio"] == 1.0  # b's reference is 0


@pytest.mark.real_data
def test_pipe3d_reads_lower_than_dynpop_on_63_galaxies(real_data, tmp_path):
    """Published JAM lambda_Re (corrected for seeing) as the user's table, and Pipe3D's (not corrected)."""
    folder = tmp_path / "manga"
    (folder / "catalogs").mkdir(parents=True)
    for path in (real_data / "manga" / "catalogs").iterdir():
        (folder / "catalogs" / path.name).symlink_to(path)
    table = (real_data / "kinematics" / "jam_Lambda_Re_63rows.csv").read_text()
    write_text(folder / "catalogs" / "lambda_r_dynpop.csv", table)
    manga = SURVEYS["manga"]
    photometry = manga.read_photometry(folder).frame
    galaxies = manga.read_morphology(folder).frame.merge(photometry[["galaxy_id", "axis_ratio"]], how="left")
    galaxies["ellipticity"] = 1 - galaxies["axis_ratio"]
    pairs = lambda_r_pairs("manga", manga.read_kinematics(folder).frame, galaxies, PREFERENCE, "emsellem2011")
    (row,) = agreement(pairs).to_dict("records")
    assert (row["reference"], row["source"]) == ("user", "pipe3d")
    assert row["n_galaxies"] >= 50
    assert row["correlation"] == pytest.approx(0.86, abs=0.03)
    assert row["median_ratio"] == pytest.approx(0.72, abs=0.03)
