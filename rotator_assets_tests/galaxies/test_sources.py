"""The choice of the sources of lambda_R and ellipticity: preference, refused values, factors, notices."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.galaxies.matching import label_galaxies, match_galaxies, matching_losses
from rotator_assets.galaxies.sources import (
    label_sources,
    label_sources_text,
    shapes,
    unfilled,
    unused_ellipticities,
    unused_sources,
    usable_lambda_r,
)
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform

MANGA = SURVEYS["manga"]
IDS = list("abcd")
TRUE = np.array([0.10, 0.17, 0.20, 0.30])
"""At ellipticity 0.25 the threshold is 0.155: one slow rotator."""
PIPE3D = 0.717 * TRUE
"""Below the threshold for three of the four."""
MORPHOLOGY_ROWS = conform(pd.DataFrame({"galaxy_id": IDS, "object_id": IDS, "t_type": -2.0}), MORPHOLOGY)
PHOTOMETRY_ROWS = conform(
    pd.DataFrame({"galaxy_id": IDS, "axis_ratio": 0.75, "axis_ratio_source": "pymorph"}), PHOTOMETRY
)


def source(name: str, lambda_r, **more) -> pd.DataFrame:
    return conform(pd.DataFrame({"galaxy_id": IDS, "lambda_r": lambda_r, "lambda_r_source": name, **more}), KINEMATICS)


def matched(*kinematics: pd.DataFrame, photometry=PHOTOMETRY_ROWS, preference=MANGA.lambda_r_sources, **settings):
    rows = pd.concat([conform(pd.DataFrame(), KINEMATICS), *kinematics], ignore_index=True)
    return match_galaxies("manga", MORPHOLOGY_ROWS, photometry, rows, preference, False, **settings)


def reasons(losses: pd.DataFrame, step: str) -> dict[str, int]:
    return {r.reason: r.rows_dropped for r in losses[losses["step"] == step].itertuples() if r.rows_dropped}


DYNPOP = source("dynpop", TRUE, jam_qual=[1, -1, -1, 1])


def test_corrected_measurements_come_before_uncorrected_tables():
    galaxies, _ = matched(source("pipe3d", PIPE3D), source("maps", [0.1, 0.17, np.nan, 0.3]))
    assert galaxies["lambda_r_source"].tolist() == ["maps", "maps", "pipe3d", "maps"]
    assert label_galaxies(galaxies)[0]["rotator_type"].tolist() == [0, 1, 0, 1]


def test_a_refused_value_is_not_filled_from_a_later_source():
    later = (source("pipe3d", PIPE3D), source("maps", TRUE))
    galaxies, losses = matched(DYNPOP, *later, jam_qual_min=0)
    np.testing.assert_array_equal(galaxies["lambda_r"], [0.1, np.nan, np.nan, 0.3])
    assert galaxies["lambda_r_refused"].tolist() == [None, "dynpop", "dynpop", None]
    assert reasons(losses, "kinematics: lambda_r (dynpop)") == {"JAM quality missing or below 0": 2}
    left = {"a preferred source has a value": 2, "the value of a preferred source is refused": 2}
    for name in ("maps", "pipe3d"):
        assert reasons(losses, f"kinematics: lambda_r ({name})") == left
    labeled, _ = label_galaxies(galaxies)
    assert labeled["rotator_type"].isna().tolist() == [False, True, True, False]
    funnel = matching_losses(galaxies, PHOTOMETRY_ROWS, pd.concat([DYNPOP, *later]))
    assert reasons(funnel, "lambda_r") == {"a quality cut refuses it (setting fill_refused)": 2}
    assert unfilled(galaxies) == [
        "2 of 4 galaxies have no lambda_r: a quality cut refuses that of dynpop, and no later source replaces it "
        "(setting fill_refused)"
    ]


def test_a_refused_value_is_filled_if_the_setting_says_so():
    galaxies, _ = matched(DYNPOP, source("pipe3d", PIPE3D), source("maps", TRUE), jam_qual_min=0, fill_refused=True)
    assert galaxies["lambda_r"].tolist() == TRUE.tolist()
    assert galaxies["lambda_r_source"].tolist() == ["dynpop", "maps", "maps", "dynpop"]
    assert galaxies["lambda_r_refused"].tolist() == [None, "dynpop", "dynpop", None]
    assert unfilled(galaxies) == []


def test_a_measurement_that_a_cut_refuses_is_not_filled_either():
    maps = source("maps", [0.1, np.nan, np.nan, 0.3], refused=[False, True, None, False])
    pipe3d = source("pipe3d", PIPE3D)
    galaxies, losses = matched(maps, pipe3d)
    assert galaxies["lambda_r_source"].tolist() == ["maps", None, "pipe3d", "maps"]
    assert galaxies["lambda_r_refused"].tolist() == [None, "maps", None, None]
    assert reasons(losses, "kinematics: lambda_r (maps)") == {
        "data cover less than min_coverage": 1,
        "no value in [0.0, 1.5]": 1,
    }
    filled, _ = matched(maps, pipe3d, fill_refused=True)
    assert filled["lambda_r_source"].tolist() == ["maps", "pipe3d", "pipe3d", "maps"]
    earlier, _ = matched(source("dynpop", TRUE), maps, pipe3d)
    assert set(earlier["lambda_r_source"]) == {"dynpop"} and earlier["lambda_r_refused"].isna().all()


def test_only_a_quality_cut_refuses():
    """A value that is missing or failed, a galaxy that the source lacks, or one that an earlier source has: none is."""
    failed = source("dynpop", [np.nan, 7.0, 0.2, 0.3], jam_qual=[-1, -1, -1, -1]).iloc[:3]
    user = source("user", [np.nan, np.nan, 0.4, np.nan])
    galaxies, _ = matched(failed, user, source("pipe3d", PIPE3D), jam_qual_min=0)
    assert galaxies["lambda_r_source"].tolist() == ["pipe3d", "pipe3d", "user", "pipe3d"]
    assert galaxies["lambda_r_refused"].isna().all()


def test_a_source_that_is_not_preferred_refuses_nothing():
    galaxies, _ = matched(DYNPOP, source("pipe3d", PIPE3D), preference=("pipe3d",), jam_qual_min=0)
    assert galaxies["lambda_r"].tolist() == PIPE3D.tolist() and galaxies["lambda_r_refused"].isna().all()


def test_a_factor_scales_value_and_error_and_keeps_the_published_value():
    spins = source("pipe3d", [0.1, 0.2, 0.9, np.nan], lambda_r_error=0.02, lambda_r_limit=0.1)
    galaxies, _ = matched(spins, source("maps", [np.nan, np.nan, np.nan, 0.3]), lambda_r_scale={"pipe3d": 1.39})
    np.testing.assert_allclose(galaxies["lambda_r"], [0.139, 0.278, 1.0, 0.3])  # 1.251 cannot be
    np.testing.assert_allclose(galaxies["lambda_r_error"], [0.0278, 0.0278, 0.0278, np.nan])
    np.testing.assert_allclose(galaxies["lambda_r_limit"], [0.139, 0.139, 0.139, np.nan])
    np.testing.assert_array_equal(galaxies["lambda_r_unscaled"], [0.1, 0.2, 0.9, 0.3])
    usable = usable_lambda_r(spins, scale={"pipe3d": 1.39})
    assert usable["galaxy_id"].tolist() == ["a", "b", "c"]
    assert usable["lambda_r"].tolist() == pytest.approx([0.139, 0.278, 1.0])


@pytest.mark.parametrize("factor", [0.5, 1.39])
def test_a_factor_makes_no_invalid_value_valid(factor):
    galaxies, losses = matched(source("pipe3d", [2.0, -0.1, 0.2, 1.2]), lambda_r_scale={"pipe3d": factor})
    np.testing.assert_allclose(galaxies["lambda_r"], [np.nan, np.nan, 0.2 * factor, min(1.2 * factor, 1)])
    assert reasons(losses, "kinematics: lambda_r (pipe3d)") == {"no value in [0.0, 1.5]": 2}


def test_a_corrected_value_above_one_is_kept_without_a_factor():
    spins = source("dynpop", [1.2, 0.2, 0.3, 0.4])
    for scale in ({}, {"dynpop": 1.0}, {"pipe3d": 1.39}):
        assert matched(spins, lambda_r_scale=scale)[0]["lambda_r"].tolist() == [1.2, 0.2, 0.3, 0.4]


def test_the_ellipticity_comes_from_the_first_listed_source_with_one():
    photometry = conform(
        pd.DataFrame(
            {
                "galaxy_id": IDS,
                "axis_ratio": [0.8, 0.6, 1.2, np.nan],
                "axis_ratio_source": ["pymorph", "nsa", "pymorph", None],
                "nsa_axis_ratio": [0.9, 0.6, 0.5, np.nan],
            }
        ),
        PHOTOMETRY,
    )
    spins = source("dynpop", TRUE, ellipticity=[0.3, 0.31, 0.32, 0.33])
    galaxies, _ = matched(spins, photometry=photometry)
    np.testing.assert_allclose(galaxies["ellipticity"], [0.2, 0.4, 0.5, 0.33])
    np.testing.assert_allclose(galaxies["axis_ratio"], [0.8, 0.6, 0.5, 0.67])
    assert galaxies["axis_ratio_source"].tolist() == ["pymorph", "nsa", "nsa", "dynpop"]
    for preference, expected in (
        (["nsa", "pymorph"], [0.1, 0.4, 0.5, np.nan]),
        (["pymorph"], [0.2, np.nan, np.nan, np.nan]),
        (["dynpop", "nsa"], [0.3, 0.31, 0.32, 0.33]),
    ):
        galaxies, losses = matched(spins, photometry=photometry, ellipticity_preference=preference)
        np.testing.assert_allclose(galaxies["ellipticity"], expected)
        used = losses[losses["step"].str.startswith("ellipticity")].groupby("step")["rows_out"].last().sum()
        assert used == np.isfinite(expected).sum()
    found = shapes(photometry, spins)
    assert unused_ellipticities(found, galaxies, ["dynpop", "nsa"]) == [
        "ellipticities of source pymorph are not used: setting ellipticity_preference does not name it"
    ]


def test_an_ellipticity_does_not_need_the_lambda_r_that_it_comes_with():
    spins = source("dynpop", np.nan, ellipticity=0.4)
    galaxies, _ = matched(spins, source("pipe3d", PIPE3D), preference=("pipe3d",), ellipticity_preference=("dynpop",))
    assert set(galaxies["lambda_r_source"]) == {"pipe3d"} and set(galaxies["axis_ratio_source"]) == {"dynpop"}


def test_missing_sizes_come_from_the_preferred_source_of_lambda_r():
    spins = (source("dynpop", TRUE, r_eff_arcsec=4.0), source("maps", TRUE, r_eff_arcsec=[5.0, np.nan, 5.0, 5.0]))
    sizes = PHOTOMETRY_ROWS.assign(r_eff_arcsec=[6.0, np.nan, np.nan, np.nan])
    for preference, expected in ((("maps", "dynpop"), [6, 4, 5, 5]), (("dynpop", "maps"), [6, 4, 4, 4])):
        galaxies, _ = matched(*spins, photometry=sizes, preference=preference)
        assert galaxies["r_eff_arcsec"].tolist() == expected


def test_settings_without_effect_give_notices():
    assert unused_sources(
        source("pipe3d", PIPE3D), ("dynpop",), scale={"pipe3d": 1.39, "maps": 2.0}, fill_refused=True
    ) == [
        "lambda_r of source pipe3d is not used: setting lambda_r_preference does not name it",
        "setting lambda_r_scale: there is no lambda_r of maps",
        "setting fill_refused: no quality cut refuses a lambda_r (jam_qual_min, min_coverage)",
    ]


def test_labels_of_mixed_sources_are_counted():
    galaxies, _ = matched(source("dynpop", [0.1, 0.2, np.nan, 0.3]), source("pipe3d", PIPE3D))
    labeled, _ = label_galaxies(galaxies)
    assert label_sources(labeled) == {"lambda_r": {"dynpop": 3, "pipe3d": 1}, "ellipticity": {"pymorph": 4}}
    assert label_sources_text(labeled) == "Labels by lambda_r of dynpop 3, pipe3d 1 and by ellipticity of pymorph 4."


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("settings", "labelled", "slow", "early", "early_slow", "early_changed"),
    [
        ({"ellipticity_preference": ["pymorph"]}, 2351, 354, 1265, 326, 0),
        ({"ellipticity_preference": ["nsa"]}, 2706, 343, 1420, 322, 68),
        ({"lambda_r_scale": {"pipe3d": 1 / 0.72}}, 2738, 256, 1433, 242, 131),
    ],
)
def test_published_catalogues_give_the_counts_of_a_direct_computation(
    real_data, settings, labelled, slow, early, early_slow, early_changed
):
    """The numbers come from the FITS tables by astropy and NumPy alone."""
    folder = real_data / "manga"
    catalogs = [read(folder).frame for read in (MANGA.read_morphology, MANGA.read_photometry, MANGA.read_kinematics)]

    def labels(**chosen) -> pd.DataFrame:
        return label_galaxies(match_galaxies("manga", *catalogs, MANGA.lambda_r_sources, False, **chosen)[0])[0]

    frame, default = labels(**settings), labels()
    slow_rows, early_rows = frame["rotator_type"] == 0, frame["is_early_type"] & frame["rotator_type"].notna()
    counts = (frame["rotator_type"].notna(), slow_rows, early_rows, early_rows & slow_rows)
    assert [int(rows.sum()) for rows in counts] == [labelled, slow, early, early_slow]
    changed = (frame["rotator_type"] != default["rotator_type"]).fillna(False)
    assert int((changed & early_rows).sum()) == early_changed
    assert label_sources(default)["ellipticity"] == {"pymorph": 2351, "nsa": 387}
