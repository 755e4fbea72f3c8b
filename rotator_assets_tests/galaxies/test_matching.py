"""Matching and labelling: no galaxy is lost or multiplied, and every loss is counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator_assets.galaxies.matching import (
    GALAXIES,
    HIDDEN,
    early_types,
    hidden_by_noise,
    idle_cuts,
    label_galaxies,
    match_galaxies,
    matching_losses,
)
from rotator_assets.kinematics import particle_shape, particles
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform
from rotator_assets_tests.surveys.files import IDS, write_manga_catalogs, write_text

PREFERENCE = ("user", "dynpop", "maps", "pipe3d")


def frame(columns, **values) -> pd.DataFrame:
    return conform(pd.DataFrame(values), columns)


def reasons(losses: pd.DataFrame, step: str) -> dict[str, int]:
    return {r.reason: r.rows_dropped for r in losses[losses["step"] == step].itertuples() if r.rows_dropped}


def galaxies_of(**values) -> pd.DataFrame:
    return conform(pd.DataFrame({"survey": "manga", "synthetic": False} | values), GALAXIES)


@pytest.fixture
def matched(tmp_path):
    folder = write_manga_catalogs(tmp_path / "manga")
    write_text(folder / "catalogs" / "lambda_r.csv", "plateifu,lambda_r\n8000-1902,0.3\n8002-6101,7\n1-1,0.2\n")
    manga = SURVEYS["manga"]
    catalogs = (manga.read_morphology(folder), manga.read_photometry(folder), manga.read_kinematics(folder))
    return match_galaxies("manga", *(c.frame for c in catalogs), PREFERENCE, synthetic=False)


def test_every_morphology_row_stays_in_order(matched):
    galaxies, _ = matched
    assert list(galaxies.columns) == list(GALAXIES)
    assert tuple(galaxies["galaxy_id"]) == IDS
    assert set(galaxies["survey"]) == {"manga"} and not galaxies["synthetic"].any()


def test_lambda_r_comes_from_the_preferred_source_with_a_valid_value(matched):
    galaxies, losses = matched
    np.testing.assert_allclose(galaxies["lambda_r"], [0.05, 0.3, 0.5, 0.06, 1.1], rtol=1e-6)
    assert galaxies["lambda_r_source"].tolist() == ["dynpop", "user", "pipe3d", "pipe3d", "dynpop"]
    assert reasons(losses, "kinematics: lambda_r (user)") == {
        "galaxy is not in the morphology catalogue": 1,
        "no value in [0.0, 1.5]": 1,
    }
    assert reasons(losses, "kinematics: lambda_r (dynpop)") == {
        "no value in [0.0, 1.5]": 2,
        "a preferred source has a value": 1,
    }
    assert reasons(losses, "kinematics: lambda_r (pipe3d)") == {
        "galaxy is not in the morphology catalogue": 1,
        "a preferred source has a value": 2,
    }


def test_losses_add_up(matched):
    galaxies, losses = matched
    assert (losses["rows_in"] - losses["rows_out"] == losses["rows_dropped"]).all()
    for _, step in losses.groupby("step"):
        assert step["rows_in"].tolist()[1:] == step["rows_out"].tolist()[:-1]
    used = losses[losses["step"].str.startswith("kinematics: lambda_r")].groupby("step")["rows_out"].last().sum()
    assert used == galaxies["lambda_r"].notna().sum()


def test_the_funnel_counts_each_lost_galaxy_once_at_its_first_loss():
    ids = list("abcdefgh")
    morphology = frame(MORPHOLOGY, galaxy_id=ids, object_id=ids, t_type=[-2, -2, -2, -2, 5, None, -2, -2])
    photometry = frame(PHOTOMETRY, galaxy_id=ids[1:], axis_ratio=[0.5, None, 0.5, 0.5, 0.5, 0.5, 0.5])
    photometry["axis_ratio_source"] = "pymorph"
    photometry["drp3qual"] = pd.array([0, 0, 0, 0, 0, 0, 1 << 30], dtype="Int64")
    spins = [0.1, 9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    kinematics = frame(KINEMATICS, galaxy_id=ids, lambda_r=spins, lambda_r_source=["user"] * 8)
    galaxies, _ = match_galaxies("manga", morphology, photometry, kinematics, PREFERENCE, False)
    labeled, cuts = label_galaxies(galaxies, reject_drp3qual_critical=True)
    early, types = early_types(labeled)
    funnel = pd.concat([matching_losses(galaxies, photometry, kinematics), cuts, types], ignore_index=True)
    assert funnel.drop(columns="survey").to_numpy().tolist() == [
        ["morphology", 8, 8, 0, ""],
        ["lambda_r", 8, 7, 1, "no usable value: see source_report"],
        ["axis_ratio", 7, 6, 1, "no table or measurement has the galaxy"],
        ["axis_ratio", 6, 5, 1, "no usable value: see source_report"],
        ["label", 5, 4, 1, "DRP3QUAL is CRITICAL"],
        ["early types", 4, 3, 1, "no morphological type"],
        ["early types", 3, 2, 1, "late type"],
    ]
    assert early["galaxy_id"].tolist() == ["d", "g"]


def test_a_source_that_is_not_preferred_is_not_used():
    morphology = frame(MORPHOLOGY, galaxy_id=["a"])
    kinematics = frame(KINEMATICS, galaxy_id=["a"], lambda_r=[0.2], lambda_r_source=["pipe3d"])
    galaxies, losses = match_galaxies("manga", morphology, frame(PHOTOMETRY), kinematics, ("user",), False)
    assert galaxies["lambda_r"].isna().all()
    assert reasons(losses, "kinematics: lambda_r (pipe3d)") == {"source is not in the preference": 1}


def test_invalid_axis_ratios_are_missing_and_counted():
    morphology = frame(MORPHOLOGY, galaxy_id=list("abcd"))
    photometry = frame(PHOTOMETRY, galaxy_id=list("abcd"), axis_ratio=[1.0, 1.2, 0.0, np.nan], axis_ratio_source="nsa")
    galaxies, losses = match_galaxies("manga", morphology, photometry, frame(KINEMATICS), PREFERENCE, True)
    assert galaxies["axis_ratio"].tolist()[0] == 1.0 and galaxies["ellipticity"].tolist()[0] == 0.0
    assert galaxies["axis_ratio"].isna().sum() == 3 and galaxies["axis_ratio_source"].isna().sum() == 3
    assert reasons(losses, "ellipticity (nsa)") == {"no axis ratio in (0, 1]": 3}
    assert galaxies["synthetic"].all()


def test_ellipticity_of_the_lambda_r_table_fills_in():
    morphology = frame(MORPHOLOGY, galaxy_id=list("abc"), p_late=[0.5, 0.51, np.nan])
    photometry = frame(PHOTOMETRY, galaxy_id=["a"], axis_ratio=[0.8], axis_ratio_source=["morphs"])
    kinematics = frame(
        KINEMATICS, galaxy_id=list("abc"), lambda_r=[0.1] * 3, lambda_r_source="user", ellipticity=[0.5, 0.3, 1.0]
    )
    galaxies, losses = match_galaxies("tng100", morphology, photometry, kinematics, PREFERENCE, False)
    np.testing.assert_allclose(galaxies["axis_ratio"], [0.8, 0.7, np.nan])
    np.testing.assert_allclose(galaxies["ellipticity"], [0.2, 0.3, np.nan])
    assert galaxies["axis_ratio_source"].tolist() == ["morphs", "user", None]
    assert reasons(losses, "ellipticity (user)") == {"no axis ratio in (0, 1]": 1, "a preferred source has a value": 1}
    labeled, _ = label_galaxies(galaxies)
    assert labeled["is_early_type"].tolist() == [True, False, False]


ids = st.lists(st.sampled_from("abcdefgh"), max_size=12)


@pytest.mark.slow
@settings(max_examples=30)
@given(ids.map(lambda names: list(dict.fromkeys(names))), ids, ids)
def test_matching_never_loses_or_multiplies_rows(names, photometry_ids, kinematics_ids):
    morphology = frame(MORPHOLOGY, galaxy_id=names, object_id=names)
    photometry = frame(PHOTOMETRY, galaxy_id=photometry_ids, axis_ratio=0.5, axis_ratio_source="nsa")
    kinematics = frame(KINEMATICS, galaxy_id=kinematics_ids, lambda_r=0.2, lambda_r_source="user")
    galaxies, losses = match_galaxies("manga", morphology, photometry, kinematics, PREFERENCE, False)
    assert galaxies["galaxy_id"].tolist() == names
    assert galaxies["lambda_r"].notna().tolist() == [name in kinematics_ids for name in names]
    assert galaxies["axis_ratio"].notna().tolist() == [name in photometry_ids for name in names]
    assert (losses["rows_in"] - losses["rows_out"] == losses["rows_dropped"]).all()
    labeled, _ = label_galaxies(galaxies)
    early, _ = early_types(labeled)
    assert len(labeled) == len(names) and len(early) == 0


def test_labels_at_the_boundary():
    threshold = 0.31 * np.sqrt(0.25)
    galaxies = galaxies_of(
        galaxy_id=list("abcde"),
        ellipticity=[0.25, 0.25, 0.0, np.nan, 0.25],
        lambda_r=[np.nextafter(threshold, 0), threshold, 0.0, 0.1, np.nan],
        t_type=[1.99, 2.0, -1.0, -1.0, np.nan],
    )
    labeled, losses = label_galaxies(galaxies)
    assert (
        labeled["rotator_type"].tolist()[:3] == [0, 1, 1] and labeled["rotator_type"].isna().tolist()[3:] == [True] * 2
    )
    assert labeled["rotator_type"].dtype == "Int8"
    assert labeled["spin_threshold"][0] == pytest.approx(0.155) and np.isnan(labeled["spin_threshold"][3])
    assert labeled["is_early_type"].tolist() == [True, False, True, False, False]
    assert reasons(losses, "label") == {}
    early, losses = early_types(labeled)
    assert early["galaxy_id"].tolist() == ["a", "c"]
    assert reasons(losses, "early types") == {"late type": 1}


def test_noise_that_hides_slow_rotation_takes_the_label():
    """The limit against the threshold decides, never lambda_R; other sources have no limit."""
    names = ("above", "above, fast", "below", "no limit", "no slow rotators", "no axis ratio")
    galaxies = galaxies_of(
        galaxy_id=names,
        lambda_r=[0.0, 0.6, 0.0, 0.0, 0.3, 0.3],
        ellipticity=[0.1, 0.1, 0.1, 0.1, 0.6, np.nan],
        lambda_r_limit=[0.12, 0.12, 0.09, np.nan, 0.5, 0.5],
    )
    labeled, losses = label_galaxies(galaxies, boundary="cappellari2016")  # 0.105 at 0.1, 0 at 0.6
    assert labeled["rotator_type"].fillna(-1).tolist() == [-1, -1, 0, 0, 1, -1]
    assert reasons(losses, "label") == {HIDDEN: 2}
    (notice,) = hidden_by_noise(labeled)
    assert notice.startswith("2 of 4 galaxies with lambda_r of star particles have no label")
    many = galaxies_of(lambda_r=0.5, ellipticity=0.3, lambda_r_limit=[0.5, *[0.1] * 9])
    assert hidden_by_noise(label_galaxies(many)[0]) == []
    assert hidden_by_noise(label_galaxies(galaxies.assign(lambda_r_limit=np.nan))[0]) == []


@pytest.mark.parametrize(
    ("n", "ellipticity", "true_ratio", "label"), [(7000, 0.1, 0, 0), (7000, 0.1, 2, 1), (2000, 0.05, 0, None)]
)
def test_labels_of_galaxies_of_unequal_particles(n, ellipticity, true_ratio, label):
    """Without rotation and of particles of log-normal light none reads fast; with twice the threshold none slow."""
    rng = np.random.default_rng(3)
    shape = particle_shape.SkyEllipse(4.0, ellipticity, 0.0)
    rows = []
    for _ in range(20):
        radius, azimuth = 4 * rng.lognormal(0, 0.9, n), rng.uniform(0, 2 * np.pi, n)
        x, y = radius * np.cos(azimuth), radius * np.sin(azimuth) * (1 - ellipticity)
        # lambda_R of V cos(azimuth) about a round galaxy, to first order in V / sigma: (2 / pi) V / sigma
        speed = true_ratio * 0.31 * np.sqrt(ellipticity) * np.pi / 2 * np.cos(azimuth)
        velocity = 200 * (speed + rng.standard_normal(n))
        spin = particles.spin_in_ellipse(
            x, y, velocity, rng.lognormal(0, 0.8, n), shape, pixel_kpc=0.5, min_particles=50
        )
        rows.append((spin.lambda_r, spin.lambda_r_limit, spin.lambda_r_observed))
    values, limits, observed = np.array(rows).T
    labeled, _ = label_galaxies(galaxies_of(lambda_r=values, lambda_r_limit=limits, ellipticity=ellipticity))
    if label is None:
        assert labeled["rotator_type"].isna().all()
    else:
        assert np.mean(labeled["rotator_type"] == label) >= 0.95
    if true_ratio == 0:
        assert np.mean(observed < labeled["spin_threshold"]) < 0.6  # what noise makes of them


def test_other_boundary_and_type_limits():
    galaxies = galaxies_of(galaxy_id=["a"], ellipticity=[0.25], lambda_r=[0.15], t_type=[0.5])
    assert label_galaxies(galaxies)[0]["rotator_type"].tolist() == [0]
    other, _ = label_galaxies(galaxies, boundary="cappellari2016", t_type_max=0.5)
    assert other["rotator_type"].tolist() == [1] and other["is_early_type"].tolist() == [False]


def test_cuts_take_labels_and_are_counted():
    galaxies = galaxies_of(
        galaxy_id=list("abcde"),
        ellipticity=0.2,
        lambda_r=0.5,
        log_mass=[11.0, 10.0, np.nan, 11.0, 11.0],
        drp3qual=pd.array([0, 0, 0, (1 << 30) | 2, pd.NA], dtype="Int64"),
        flag_t_type=pd.array([0, 0, 0, 0, 1], dtype="Int64"),
        flag_failed_s=pd.array([1, 0, 0, 0, pd.NA], dtype="Int64"),
        dapqual=pd.array([16, 1 << 30, 0, 0, pd.NA], dtype="Int64"),
        subhalo_flag=pd.array([1, 1, 0, pd.NA, 1], dtype="Int64"),
    )
    assert label_galaxies(galaxies)[0]["rotator_type"].notna().all()
    for cut, lost, reason in [
        ({"log_mass_min": 10.5}, "bc", "log_mass missing or below 10.5"),
        ({"reject_drp3qual_critical": True}, "d", "DRP3QUAL is CRITICAL"),
        ({"reject_flag_t_type": True}, "e", "T-Type is flagged"),
        ({"reject_failed_photometry": True}, "a", "the Sersic fit failed"),
        ({"reject_dapqual_critical": True}, "b", "DAPQUAL is CRITICAL"),
        ({"reject_spurious_subhalos": True}, "c", "SubhaloFlag is 0: no galaxy"),
    ]:
        survey = "tng100" if "reject_spurious_subhalos" in cut else "manga"
        labeled, losses = label_galaxies(galaxies.assign(survey=survey), **cut)
        assert labeled.loc[labeled["rotator_type"].isna(), "galaxy_id"].tolist() == list(lost)
        assert reasons(losses, "label") == {reason: len(lost)}


def test_a_cut_that_no_survey_offers_is_an_error():
    with pytest.raises(TypeError, match="no survey offers the quality cut reject_dapqual"):
        label_galaxies(galaxies_of(galaxy_id=["a"]), reject_dapqual=True)


def test_cuts_that_reject_nothing_are_reported():
    galaxies = galaxies_of(galaxy_id=["a"], dapqual=[1 << 30], subhalo_flag=[0])
    cuts = {"reject_dapqual_critical": True, "reject_drp3qual_critical": True, "reject_spurious_subhalos": True}
    assert idle_cuts(galaxies, cuts) == [
        "setting labels.reject_drp3qual_critical: no galaxy has drp3qual, which it needs",
        "setting labels.reject_spurious_subhalos is not used: the survey offers no such cut",
    ]
    assert idle_cuts(galaxies, dict.fromkeys(cuts, False)) == []


def test_the_first_repeat_observation_that_passes_the_cuts_is_kept():
    galaxies = galaxies_of(
        galaxy_id=list("abcde"),
        object_id=["x", "x", "x", "y", "y"],
        t_type=0.0,
        ellipticity=[np.nan, 0.2, 0.2, 0.2, 0.2],
        lambda_r=0.5,
        flag_t_type=pd.array([0, 0, 0, 1, 0], dtype="Int64"),
    )
    labeled, losses = label_galaxies(galaxies, reject_flag_t_type=True, reject_repeat_observations=True)
    assert labeled.loc[labeled["rotator_type"].notna(), "galaxy_id"].tolist() == ["b", "e"]
    assert reasons(losses, "label")["repeats an earlier observation"] == 1
    labeled, losses = label_galaxies(galaxies, reject_repeat_observations=True)
    assert labeled.loc[labeled["rotator_type"].notna(), "galaxy_id"].tolist() == ["b", "d"]


def test_jam_quality_cuts_dynpop_alone():
    morphology = frame(MORPHOLOGY, galaxy_id=list("abc"))
    kinematics = frame(
        KINEMATICS,
        galaxy_id=["a", "b", "c", "b"],
        lambda_r=[0.1, 0.2, 0.3, 0.4],
        lambda_r_source=["dynpop", "dynpop", "user", "pipe3d"],
        jam_qual=pd.array([1, 0, pd.NA, pd.NA], dtype="Int64"),
    )
    nothing = frame(PHOTOMETRY, galaxy_id=[])
    galaxies, losses = match_galaxies("manga", morphology, nothing, kinematics, PREFERENCE, False, jam_qual_min=1)
    np.testing.assert_array_equal(galaxies["lambda_r"], [0.1, np.nan, 0.3])
    assert reasons(losses, "kinematics: lambda_r (dynpop)") == {"JAM quality missing or below 1": 1}


@pytest.mark.real_data
def test_published_catalogues_give_the_known_sample(real_data):
    manga, folder = SURVEYS["manga"], real_data / "manga"
    catalogs = (manga.read_morphology(folder), manga.read_photometry(folder), manga.read_kinematics(folder))
    galaxies, losses = match_galaxies("manga", *(c.frame for c in catalogs), PREFERENCE, False)
    assert len(galaxies) == 4672 and galaxies["object_id"].nunique() == 4599
    assert galaxies["lambda_r"].notna().sum() == 2753
    assert reasons(losses, "kinematics: lambda_r (pipe3d)") == {"galaxy is not in the morphology catalogue": 2}
    labeled, cuts = label_galaxies(galaxies)
    assert (labeled["rotator_type"].notna().sum(), (labeled["rotator_type"] == 0).sum()) == (2738, 406)
    early, types = early_types(labeled)
    assert (len(early), (early["rotator_type"] == 0).sum()) == (1433, 373)
    funnel = pd.concat([matching_losses(galaxies, *(c.frame for c in catalogs[1:])), cuts, types])
    assert funnel["rows_out"].tolist()[1:] == [*funnel["rows_in"].tolist()[2:], 1433]
    assert funnel["rows_in"].iloc[0] - funnel["rows_dropped"].sum() == 1433
    left = funnel.groupby("step")["rows_out"].min()
    assert left.to_dict() == {
        "morphology": 4672, "lambda_r": 2753, "axis_ratio": 2738, "label": 2738, "early types": 1433,
    }  # fmt: skip
    images = manga.image_index(folder)
    seen = labeled[labeled["rotator_type"].notna() & labeled["galaxy_id"].isin(images)]
    assert (len(images), len(seen), (seen["rotator_type"] == 0).sum()) == (2786, 1615, 262)
