"""The synthetic galaxies as a population."""

import numpy as np
import pytest
from scipy.special import gammaincinv

from rotator_assets.kinematics.spin import is_slow_rotator
from rotator_assets.synthetic.manga_sample import manga_truth
from rotator_assets.synthetic.population import Normal, draw_population, losses, measured
from rotator_assets.synthetic.profiles import bulge_and_disc, enclosed_fraction, radius_enclosing, surface_brightness
from rotator_assets.synthetic.tng100_sample import tng100_truth


@pytest.fixture(scope="module")
def galaxies():
    return draw_population(3000, np.random.default_rng(5))


def test_families_have_their_fractions(galaxies):
    early = galaxies[galaxies["is_early_type"]]
    assert len(early) == 2040
    assert 0.25 < (early["rotator_type"] == 0).mean() < 0.31
    assert (galaxies.loc[galaxies["family"] == "late", "rotator_type"] == 1).all()


def test_most_of_each_family_rotates_as_named(galaxies):
    fast = galaxies.groupby("family")["rotator_type"].mean()
    assert fast["slow"] < 0.15 and fast["fast"] > 0.97


def test_slow_rotators_are_rounder_but_overlap_in_shape(galaxies):
    early = galaxies[galaxies["is_early_type"]]
    slow, fast = (early.loc[early["rotator_type"] == kind, "ellipticity"].to_numpy() for kind in (0, 1))
    area_under_curve = (fast[:, None] > slow).mean()
    assert 0.55 < area_under_curve < 0.8


def test_discs_are_thinner_than_their_galaxies_and_bulges_rounder(galaxies):
    discy = galaxies[galaxies["has_disc"]]
    assert (discy["disc_axis_ratio"] <= discy["axis_ratio"] + 1e-12).all()
    fast = discy[discy["family"] == "fast"]
    assert (fast["bulge_axis_ratio"] >= fast["axis_ratio"] - 1e-12).mean() > 0.98


def test_orientations_are_isotropic(galaxies):
    cosines = np.cos(np.deg2rad(galaxies["inclination_deg"]))
    np.testing.assert_allclose(np.quantile(cosines, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)


@pytest.mark.parametrize("n_galaxies", [1, 2, 7])
def test_small_samples(n_galaxies):
    assert len(draw_population(n_galaxies, np.random.default_rng(1))) == n_galaxies
    assert len(manga_truth(n_galaxies, 1)) == len(tng100_truth(n_galaxies, 1)) == n_galaxies


@pytest.mark.parametrize("truth", [manga_truth, tng100_truth])
def test_measured_labels_differ_from_true_ones_only_near_the_boundary(truth):
    drawn = truth(300, 2020)
    fits = measured(drawn, np.random.default_rng(1))
    slow = is_slow_rotator(fits["lambda_r"], fits["ellipticity"])
    differ = slow != (drawn["rotator_type"] == 0)
    assert differ.mean() < 0.06
    assert (np.abs(fits["lambda_r"] - drawn["lambda_r"]) < 0.08).all()


def test_apparent_sizes(galaxies):
    manga, tng = manga_truth(300, 2020), tng100_truth(300, 2020)
    assert manga["r_eff_arcsec"].between(2.8, 11.5).all() and 4.5 < manga["r_eff_arcsec"].median() < 6.5
    assert manga["redshift"].between(0.01, 0.15).all()
    assert manga["mag_r"].between(12.5, 17.5).all()
    sides = 15 * tng["half_mass_radius_kpc"] / 0.38865
    assert sides.min() < 128 < sides.median() < sides.max() < 262


def test_repeat_observations_show_one_galaxy():
    truth = manga_truth(300, 2020)
    assert truth["galaxy_id"].is_unique and truth["object_id"].nunique() == 294
    repeats = truth[truth["object_id"].duplicated(keep=False)].sort_values("object_id")
    first, second = repeats.iloc[::2].reset_index(), repeats.iloc[1::2].reset_index()
    assert (first["axis_ratio"] == second["axis_ratio"]).all()
    assert (first["psf_fwhm_r_arcsec"] != second["psf_fwhm_r_arcsec"]).all()


def test_the_same_seed_draws_the_same_truth():
    assert manga_truth(40, 3).equals(manga_truth(40, 3))
    assert not manga_truth(40, 3).equals(manga_truth(40, 4))


def test_losses_are_counted_and_exclusive():
    what = losses(100, {"a": 0.02, "b": 0.03}, np.random.default_rng(1))
    assert (what == "a").sum() == 2 and (what == "b").sum() == 3 and (what == "").sum() == 95


def test_truncated_normal():
    values = Normal(0.0, 1.0, -0.5, 1.0).draw(np.random.default_rng(1), 1000)
    assert values.min() >= -0.5 and values.max() <= 1.0


def test_half_the_light_lies_within_the_effective_radius():
    np.testing.assert_allclose(enclosed_fraction(3.0, 3.0, [0.5, 1.0, 4.0, 6.2]), 0.5)
    assert enclosed_fraction(1.0, 1.678346990016661, 1.0) == pytest.approx(1 - 2 / np.e)  # exponential, scale 1


@pytest.mark.parametrize("n", [1.0, 2.5])
def test_bulge_and_disc_of_one_profile_are_that_profile(n):
    r_eff, index = bulge_and_disc(1.0, 2.0, n, 5.0)
    assert (r_eff, index) == (pytest.approx(2.0, rel=1e-3), pytest.approx(n, rel=0.01))


def test_bulge_and_disc_enclose_half_of_both():
    r_eff, index = bulge_and_disc(0.4, 1.0, 3.0, 3.0)
    assert 0.4 * enclosed_fraction(r_eff, 1.0, 3.0) + 0.6 * enclosed_fraction(r_eff, 3.0, 1.0) == pytest.approx(
        0.5, abs=1e-3
    )
    radii = [r for r in np.geomspace(0.01, 50, 20001)]
    growth = 0.4 * enclosed_fraction(radii, 1.0, 3.0) + 0.6 * enclosed_fraction(radii, 3.0, 1.0)
    concentration = np.interp(0.8, growth, radii) / np.interp(0.2, growth, radii)
    assert (gammaincinv(2 * index, 0.8) / gammaincinv(2 * index, 0.2)) ** index == pytest.approx(
        concentration, rel=0.01
    )


@pytest.mark.parametrize("n", [0.8, 1.0, 4.0, 6.0])
def test_radii_surface_brightness_and_growth_are_consistent(n):
    fractions = np.linspace(0.01, 0.99, 30)
    np.testing.assert_allclose(enclosed_fraction(radius_enclosing(fractions, 3.0, n), 3.0, n), fractions)
    assert surface_brightness(3.0, 3.0, n) == pytest.approx(1)
    radius = np.geomspace(1e-6, radius_enclosing(0.99, 3.0, n), 20_001)
    light = 2 * np.pi * radius * surface_brightness(radius, 3.0, n)
    grown = np.concatenate([[0], np.cumsum((light[1:] + light[:-1]) / 2 * np.diff(radius))])
    half = np.interp(3.0, radius, grown)
    assert half / grown[-1] == pytest.approx(0.5 / 0.99, rel=1e-4)
