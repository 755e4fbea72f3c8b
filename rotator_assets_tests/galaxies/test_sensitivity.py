"""Labels under other choices: counts worked out by hand, beam corrections, published catalogues."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.galaxies.sensitivity import SENSITIVITY, Choices, label_sensitivity
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform

MANGA = SURVEYS["manga"]
IDS = list("abcd")
LABELS = {"boundary": "emsellem2011"}
NOTHING_MEASURED = pd.DataFrame({"galaxy_id": []})


def options(**chosen) -> dict:
    return {
        "preference": MANGA.lambda_r_sources,
        "ellipticity_preference": MANGA.ellipticity_sources,
        "lambda_r_scale": {},
        "jam_qual_min": None,
        "fill_refused": False,
    } | chosen


def choices(*kinematics: pd.DataFrame, nsa=None, **chosen) -> Choices:
    """Four galaxies of ellipticity 0.25, so with a threshold of 0.155; the last is of late type."""
    morphology = pd.DataFrame({"galaxy_id": IDS, "object_id": IDS, "t_type": [-2.0, -2.0, -2.0, 5.0]})
    photometry = pd.DataFrame({"galaxy_id": IDS, "axis_ratio": 0.75, "axis_ratio_source": "pymorph"})
    photometry["nsa_axis_ratio"] = np.nan if nsa is None else nsa
    frames = [conform(morphology, MORPHOLOGY), conform(photometry, PHOTOMETRY)]
    return Choices("manga", *frames, pd.concat(kinematics, ignore_index=True), options(**chosen), LABELS)


def source(name: str, lambda_r, **more) -> pd.DataFrame:
    return conform(pd.DataFrame({"galaxy_id": IDS, "lambda_r": lambda_r, "lambda_r_source": name, **more}), KINEMATICS)


def by_choice(frame: pd.DataFrame) -> dict[str, dict]:
    assert list(frame.columns) == list(SENSITIVITY)
    assert frame["choice_number"].tolist() == list(range(len(frame))) and frame["choice"].is_unique
    return {row["choice"]: row for row in frame.to_dict("records")}


def counts(row: dict) -> list[int]:
    return [row[name] for name in ("n_labelled", "n_slow", "n_early", "n_early_slow", "n_compared", "n_changed")]


def test_each_choice_is_counted_against_the_settings_as_they_are():
    dynpop = source("dynpop", [0.10, 0.17, 0.30, np.nan], ellipticity=[0.25, 0.25, 0.25, 0.04])
    pipe3d = source("pipe3d", [0.07, 0.12, 0.14, 0.15])
    rows = by_choice(label_sensitivity(choices(dynpop, pipe3d, nsa=[0.75, 0.64, np.nan, 0.91]), NOTHING_MEASURED))
    assert list(rows) == [
        "as set",
        "ellipticity: pymorph",
        "ellipticity: nsa",
        "ellipticity: dynpop",
        "lambda_R: dynpop",
        "lambda_R: pipe3d",
        "lambda_R scale of pipe3d: 1.39",
        "boundary: cappellari2016",
    ]
    assert counts(rows["as set"]) == [4, 2, 3, 1, 4, 0]  # slow: a, and d by pipe3d
    assert counts(rows["ellipticity: pymorph"]) == [4, 2, 3, 1, 4, 0]
    # Thresholds 0.155, 0.186, none, 0.093: b becomes slow, d fast.
    assert counts(rows["ellipticity: nsa"]) == [3, 2, 2, 2, 3, 2]
    assert rows["ellipticity: nsa"]["label_change_fraction"] == pytest.approx(2 / 3)
    assert (rows["ellipticity: nsa"]["n_early_compared"], rows["ellipticity: nsa"]["n_early_changed"]) == (2, 1)
    assert counts(rows["ellipticity: dynpop"]) == [4, 1, 3, 1, 4, 1]  # d: 0.062
    assert counts(rows["lambda_R: dynpop"]) == [3, 1, 3, 1, 3, 0]
    assert counts(rows["lambda_R: pipe3d"]) == [4, 4, 3, 3, 4, 2]
    assert counts(rows["lambda_R scale of pipe3d: 1.39"]) == [4, 1, 3, 1, 4, 1]  # d: 0.2085
    assert counts(rows["boundary: cappellari2016"]) == [4, 1, 3, 1, 4, 1]  # 0.1425


def test_choices_that_are_made_already_are_undone():
    dynpop = source("dynpop", [0.10, 0.17, 0.20, 0.30], jam_qual=[1, -1, -1, 1])
    pipe3d = source("pipe3d", [0.07, 0.12, 0.14, 0.21])
    set_up = choices(dynpop, pipe3d, jam_qual_min=0, lambda_r_scale={"pipe3d": 1.39})
    rows = by_choice(label_sensitivity(set_up, NOTHING_MEASURED))
    assert counts(rows["as set"]) == [2, 1, 1, 1, 2, 0]
    assert counts(rows["refused lambda_R: filled"]) == [4, 1, 3, 1, 2, 0]
    assert counts(rows["lambda_R scale of pipe3d: none"]) == [2, 1, 1, 1, 2, 0]
    assert counts(rows["lambda_R: pipe3d"]) == [4, 1, 3, 1, 2, 0]
    filled = by_choice(label_sensitivity(choices(dynpop, jam_qual_min=0, fill_refused=True), NOTHING_MEASURED))
    assert "refused lambda_R: missing" in filled


def test_a_factor_of_any_source_is_undone():
    spins = source("dynpop", [0.16, 0.17, 0.30, 0.40])
    rows = by_choice(label_sensitivity(choices(spins, lambda_r_scale={"dynpop": 0.95}), NOTHING_MEASURED))
    assert counts(rows["as set"]) == [4, 1, 3, 1, 4, 0]  # a: 0.152
    assert counts(rows["lambda_R scale of dynpop: none"]) == [4, 0, 3, 0, 4, 1]


def measured(**columns) -> pd.DataFrame:
    return pd.DataFrame({"galaxy_id": IDS, "lambda_r_observed": [0.10, 0.12, 0.15, np.nan]} | columns)


FACTORS = {"beam_factor": [1.2, 1.5, np.nan, np.nan], "regular_rotator": [False, True, True, None]}


def test_other_corrections_for_seeing_are_made_from_what_was_measured():
    maps = source("maps", [0.10, 0.12, 0.15, np.nan])  # as by the rule none
    other = source("user", [np.nan, np.nan, np.nan, 0.1])
    rows = by_choice(label_sensitivity(choices(maps, other), measured(**FACTORS)))
    assert "beam correction: none" not in rows
    assert counts(rows["as set"]) == [4, 4, 3, 3, 4, 0]
    assert counts(rows["beam correction: all"]) == [4, 3, 3, 2, 4, 1]  # b: 0.18
    assert counts(rows["beam correction: regular_rotators"]) == [4, 3, 3, 2, 4, 1]
    maps = source("maps", [0.10, 0.18, 0.15, np.nan])  # as by the rule regular_rotators
    rows = by_choice(label_sensitivity(choices(maps, other), measured(**FACTORS)))
    assert "beam correction: regular_rotators" not in rows
    assert counts(rows["beam correction: none"]) == [4, 4, 3, 3, 4, 1]
    assert counts(rows["beam correction: all"]) == [4, 3, 3, 2, 4, 0]  # a: 0.12


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"beam_factor": [1.2, 1.5, 1.0, 1.0]},
        {"beam_factor": np.nan, "regular_rotator": True},
        {"beam_factor": [1.2, 1.5, 1.0, 1.0], "regular_rotator": None},
    ],
)
def test_what_an_earlier_version_did_not_measure_gives_no_row(columns):
    rows = by_choice(label_sensitivity(choices(source("maps", [0.10, 0.12, 0.15, 0.2])), measured(**columns)))
    assert "beam correction: regular_rotators" not in rows
    assert ("beam correction: all" in rows) == (isinstance(columns.get("beam_factor"), list))


def test_a_survey_of_one_source_has_its_boundary_alone():
    morphology = conform(pd.DataFrame({"galaxy_id": IDS, "object_id": IDS, "p_late": 0.0}), MORPHOLOGY)
    kinematics = source("atlas3d", [0.05, 0.1, 0.2, 0.3], ellipticity=0.3)
    alone = {"preference": ("atlas3d",), "ellipticity_preference": ("atlas3d",)}
    photometry = conform(pd.DataFrame(), PHOTOMETRY)
    frame = label_sensitivity(
        Choices("atlas3d", morphology, photometry, kinematics, options(**alone), LABELS), NOTHING_MEASURED
    )
    assert frame["choice"].tolist() == ["as set", "boundary: cappellari2016"]


@pytest.mark.real_data
def test_published_catalogues(real_data):
    """Counts of a direct computation from the FITS tables; 0.08 + epsilon / 4 below epsilon = 0.4 for the boundary."""
    folder = real_data / "manga"
    catalogs = [read(folder).frame for read in (MANGA.read_morphology, MANGA.read_photometry, MANGA.read_kinematics)]
    frame = label_sensitivity(Choices("manga", *catalogs, options(), LABELS), NOTHING_MEASURED)
    rows = by_choice(frame)
    assert counts(rows["as set"]) == [2738, 406, 1433, 373, 2738, 0]
    assert counts(rows["ellipticity: pymorph"]) == [2351, 354, 1265, 326, 2351, 0]
    assert counts(rows["ellipticity: nsa"]) == [2706, 343, 1420, 322, 2706, 80]
    assert rows["ellipticity: nsa"]["n_early_changed"] == 68
    assert counts(rows["lambda_R scale of pipe3d: 1.39"]) == [2738, 256, 1433, 242, 2738, 150]
    assert counts(rows["boundary: cappellari2016"]) == [2738, 319, 1433, 310, 2738, 123]
