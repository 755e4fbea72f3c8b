"""Excluded galaxies: which rows an entry names, what they lose, and how the funnel counts them."""

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from rotator_assets.core.settings import Exclusion
from rotator_assets.galaxies.exclusion import exclusions, left_out, unmatched
from rotator_assets.galaxies.matching import GALAXIES, early_types, label_galaxies, matching_losses
from rotator_assets.galaxies.sensitivity import Choices, label_sensitivity
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform

ARCSEC = 1 / 3600
NOTHING = conform(pd.DataFrame(), PHOTOMETRY), conform(pd.DataFrame(), KINEMATICS)


def entry(reason: str = "star", **chosen) -> Exclusion:
    return Exclusion(reason=reason, **chosen)


def galaxies_of(**values) -> pd.DataFrame:
    return conform(pd.DataFrame({"survey": "manga", "synthetic": False} | values), GALAXIES)


@pytest.fixture
def galaxies() -> pd.DataFrame:
    """Six early types with a label, a degree apart; c repeats a. The thresholds are 0.155: a, b and c are slow."""
    return galaxies_of(
        galaxy_id=list("abcdef"),
        object_id=["1", "2", "1", "4", "5", None],
        ra=[10.0, 11.0, 10.0, 12.0, np.nan, 14.0],
        dec=[0.0, 0.0, 0.0, 0.0, np.nan, 60.0],
        t_type=-2.0,
        axis_ratio=0.75,
        ellipticity=0.25,
        lambda_r=[0.1, 0.1, 0.1, 0.5, 0.5, 0.5],
    )


def excluded(galaxies: pd.DataFrame, *entries: Exclusion) -> dict[str, tuple[str, str]]:
    found = exclusions(galaxies, entries)
    named = found["excluded_from"].notna()
    return dict(zip(galaxies.loc[named, "galaxy_id"], found[named].itertuples(index=False, name=None), strict=True))


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"galaxy_id": "b"}, "b"),
        ({"galaxy_id": "c"}, "ac"),  # with its repeat observation
        ({"object_id": "1"}, "ac"),
        ({"galaxy_id": "f"}, "f"),  # without an object_id
        ({"galaxy_id": "1"}, ""),
        ({"object_id": "a"}, ""),
        ({"ra": 11.0, "dec": 4.9 * ARCSEC}, "b"),
        ({"ra": 11.0, "dec": 5.1 * ARCSEC}, ""),
        ({"ra": 10.5, "dec": 0.0, "radius_arcsec": 1801.0}, "abc"),
        ({"ra": 14.0 + 9.9 * ARCSEC, "dec": 60.0}, "f"),  # 4.95 arcsec at this declination
        ({"ra": 14.0 + 10.1 * ARCSEC, "dec": 60.0}, ""),
    ],
)
def test_an_entry_names_a_galaxy_and_its_repeat_observations(galaxies, chosen, names):
    assert "".join(excluded(galaxies, entry(**chosen))) == names


@pytest.mark.parametrize(("ra", "dec"), [(359.9999, 1.0), (0.0, 1.0), (123.0, 89.9999), (77.0, -90.0)])
def test_distances_are_those_of_astropy(ra, dec):
    generator = np.random.default_rng(4)
    places = galaxies_of(
        galaxy_id=[str(n) for n in range(500)],
        ra=(ra + generator.normal(0, 0.002, 500) / max(np.cos(np.deg2rad(dec)), 1e-6)) % 360,
        dec=np.clip(dec + generator.normal(0, 0.002, 500), -90, 90),
    )
    places["object_id"] = places["galaxy_id"]
    truth = SkyCoord(places["ra"], places["dec"], unit="deg").separation(SkyCoord(ra, dec, unit="deg"))
    inside = places.loc[truth < 5 * units.arcsec, "galaxy_id"]
    assert 0 < len(inside) < 500
    assert list(excluded(places, entry(ra=ra, dec=dec))) == list(inside)


def test_everything_takes_precedence_in_any_order(galaxies):
    training = entry("merger", galaxy_id="a", excluded_from="training")
    entries = [training, entry(object_id="1"), entry("ghost", galaxy_id="c"), entry(galaxy_id="b")]
    for order in (entries, entries[::-1]):
        found = {"a": ("everything", "ghost"), "b": ("everything", "star"), "c": ("everything", "ghost")}
        assert excluded(galaxies, *order) == found
    entries = [training, entry("bar", object_id="1", excluded_from="training")]
    for order in (entries, entries[::-1]):
        assert excluded(galaxies, *order) == {name: ("training", "merger") for name in "ac"}


def test_nobody_is_excluded_without_the_setting(galaxies):
    found = exclusions(galaxies, ())
    assert found.shape == (6, 2) and found.isna().all(axis=None)
    assert left_out(galaxies, ()) == {} and unmatched(galaxies, ()) == []


def test_entries_that_match_nothing_are_named_in_one_line(galaxies):
    entries = [entry(galaxy_id="b"), entry(object_id="9"), entry(ra=50.0, dec=1.5)]
    what = "setting exclude: no galaxy of the morphology catalogue matches "
    assert unmatched(galaxies, entries) == [f"{what}object_id 9; ra 50.0 dec 1.5 within 5 arcsec"]
    many = [entry(galaxy_id=str(number)) for number in range(20)]
    assert unmatched(galaxies, many) == [f"{what}galaxy_id 0; galaxy_id 1; galaxy_id 2 and 17 more"]


def test_the_funnel_counts_excluded_galaxies_by_reason(galaxies):
    galaxies.loc[3, "lambda_r"] = np.nan
    exclude = (
        entry(object_id="1"),
        entry("ghost", galaxy_id="d"),
        entry("merger", galaxy_id="e", excluded_from="training"),
    )
    labeled, cuts = label_galaxies(galaxies, exclude=exclude)
    assert labeled["galaxy_id"].tolist() == list("abcdef")
    assert labeled["rotator_type"].fillna(-1).tolist() == [-1, 0, -1, -1, 1, 1]
    assert labeled["excluded_from"].tolist() == ["everything", None, "everything", "everything", "training", None]
    assert labeled["exclusion_reason"].tolist() == ["star", None, "star", "ghost", "merger", None]
    assert labeled["lambda_r"].tolist()[:3] == [0.1] * 3  # as published
    early, types = early_types(labeled)
    funnel = pd.concat([matching_losses(galaxies, *NOTHING, exclude), cuts, types], ignore_index=True)
    assert funnel.drop(columns="survey").to_numpy().tolist() == [
        ["morphology", 6, 6, 0, ""],
        ["exclude", 6, 4, 2, "setting exclude: star"],
        ["exclude", 4, 3, 1, "setting exclude: ghost"],
        ["lambda_r", 3, 3, 0, ""],
        ["axis_ratio", 3, 3, 0, ""],
        ["label", 3, 3, 0, ""],
        ["early types", 3, 3, 0, ""],
        ["training", 3, 2, 1, "setting exclude: merger"],
    ]
    assert early["galaxy_id"].tolist() == list("bef")


def test_an_excluded_observation_is_not_the_first_of_its_galaxy(galaxies):
    """A galaxy whose first observation has no label because of another cut keeps the label of its second."""
    labeled, _ = label_galaxies(galaxies, exclude=(entry(galaxy_id="b"),), reject_repeat_observations=True)
    assert labeled["rotator_type"].notna().tolist() == [True, False, False, True, True, True]


def test_other_choices_label_no_excluded_galaxy():
    names = list("abcd")
    morphology = conform(pd.DataFrame({"galaxy_id": names, "object_id": names, "t_type": -2.0}), MORPHOLOGY)
    photometry = pd.DataFrame({"galaxy_id": names, "axis_ratio": 0.75, "axis_ratio_source": "pymorph"})
    spins = pd.DataFrame({"galaxy_id": names, "lambda_r": [0.1, 0.1, 0.15, 0.5], "lambda_r_source": "dynpop"})
    matching = {
        "preference": ("dynpop",),
        "ellipticity_preference": ("pymorph",),
        "lambda_r_scale": {},
        "jam_qual_min": None,
        "fill_refused": False,
    }
    catalogs = (morphology, conform(photometry, PHOTOMETRY), conform(spins, KINEMATICS))
    exclude = (entry(galaxy_id="a"), entry(galaxy_id="d", excluded_from="training"))
    labels = {"boundary": "emsellem2011", "exclude": exclude}
    counts = label_sensitivity(Choices("manga", *catalogs, matching, labels), pd.DataFrame({"galaxy_id": []}))
    rows = counts.set_index("choice")[["n_labelled", "n_slow", "n_changed"]]
    assert rows.loc["as set"].tolist() == [3, 2, 0]
    assert rows.loc["boundary: cappellari2016"].tolist() == [3, 1, 1]  # c: 0.1425
