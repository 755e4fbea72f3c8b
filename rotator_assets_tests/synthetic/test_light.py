"""Images of synthetic galaxies: flux, shape, orientation, noise."""

from types import SimpleNamespace

import numpy as np
import pytest

from rotator_assets.synthetic.galaxy_images import observe
from rotator_assets.synthetic.light import Component, Point, components_of, draw, draw_points, spiral_arms
from rotator_assets.synthetic.manga_sample import manga_truth
from rotator_assets.synthetic.photometry import nanomaggies, total_flux
from rotator_assets.synthetic.tng100_sample import tng100_truth

SCALE = 0.396


def shape_of(image, r_eff_px):
    """Axis ratio and axis (degrees from +x towards +y) of the light out to about R_e.

    Second moments under a Gaussian of the same shape, found by iteration (Bernstein & Jarvis 2002, AJ 123, 583).
    """
    y, x = np.indices(image.shape) - (np.array(image.shape) - 1)[:, None, None] / 2
    axis_ratio, angle = 0.8, 0.0
    for _ in range(50):
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        weight = image * np.exp(-0.5 * (along**2 + (across / axis_ratio) ** 2) / r_eff_px**2)
        xx, yy, xy = ((weight * product).sum() for product in (x * x, y * y, x * y))
        root = np.hypot((xx - yy) / 2, xy)
        axis_ratio = np.sqrt(((xx + yy) / 2 - root) / ((xx + yy) / 2 + root))
        angle = np.arctan2(2 * xy, xx - yy) / 2
    return axis_ratio, np.degrees(angle)


def rows_of(truth, family):
    return list(truth[truth["family"] == family].itertuples(index=False))


@pytest.fixture(scope="module")
def truth():
    return manga_truth(100, 7)


def test_all_the_light_is_in_the_image():
    disc = Component(15.0, 0.7, 3.0, 1.0, 0.5, 30.0)
    assert draw([disc], [], 200, {"r": 1.3})[0].sum() == pytest.approx(1000, rel=2e-3)


def test_half_the_light_lies_within_the_half_light_ellipse():
    bulge = Component(15.0, 0.7, 8.0, 3.0, 1.0, 0.0)
    image = draw([bulge], [], 512, {"r": 0.5})[0]
    y, x = (np.indices(image.shape) - 255.5) * SCALE
    assert image[np.hypot(x, y) < 8.0].sum() == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("family", ["slow", "fast", "late"])
def test_total_flux_is_that_of_the_components(truth, family):
    row = rows_of(truth, family)[0]
    parts = [nanomaggies(c.mag_r, c.g_r, "g") for c in components_of(row)]
    parts += [nanomaggies(p.mag_r, p.g_r, "g") for p in spiral_arms(row, np.random.default_rng(1))]
    assert sum(parts) == pytest.approx(float(total_flux(row, "g")), rel=1e-9)


def test_position_angles_run_from_north_to_east():
    """North is up and east is left: 30 degrees east of north is 120 from +x towards +y."""
    disc = Component(15.0, 0.7, 5.0, 1.0, 0.4, 30.0)
    axis_ratio, angle = shape_of(draw([disc], [], 129, {"r": 0.4})[0], 10.0)
    assert angle % 180 == pytest.approx(120, abs=0.1) and axis_ratio == pytest.approx(0.4, abs=0.02)


def test_images_are_as_flat_as_the_truth_says():
    """The ellipticities of bulge and disc lie on either side of the one in the threshold."""
    rows = [row for row in tng100_truth(40, 3).itertuples(index=False) if row.is_early_type]
    seen = [shape_of(draw(components_of(row), [], 151, {"r": 0.8})[0], row.r_eff_arcsec / SCALE)[0] for row in rows]
    difference = np.array(seen) - [row.axis_ratio for row in rows]
    assert abs(np.median(difference)) < 0.02 and np.abs(difference).max() < 0.1


def test_points_keep_their_flux_and_place():
    star = Point((2.0, -4.0), 0.0, 20.0, 0.6)
    image = draw_points([star], "r", 64, 1.4)
    y, x = (np.indices(image.shape) - 31.5) * SCALE
    assert image.sum() == pytest.approx(10.0, rel=1e-6)
    assert ((image * x).sum() / image.sum(), (image * y).sum() / image.sum()) == pytest.approx((2.0, -4.0), abs=1e-6)
    assert (image * (x - 2) ** 2).sum() / image.sum() == pytest.approx((1.4 / 2.3548) ** 2 + SCALE**2 / 12, rel=1e-3)


def test_the_transform_back_gives_what_galsim_draws(truth):
    import galsim

    fine = galsim.GSParams(maximum_fft_size=8192, folding_threshold=2e-3, maxk_threshold=1e-4)
    for family in ("slow", "fast"):
        components = components_of(rows_of(truth, family)[0])
        light = galsim.Sum([c.profile(1.0) * float(nanomaggies(c.mag_r, c.g_r, "r")) for c in components])
        scene = galsim.Convolve(light.withGSParams(fine), galsim.Gaussian(fwhm=1.3, gsparams=fine), gsparams=fine)
        expected = scene.drawImage(nx=128, ny=128, scale=SCALE, dtype=np.float64).array
        np.testing.assert_allclose(draw(components, [], 128, {"r": 1.3})[0], expected, atol=2e-4 * expected.max())


def test_only_late_types_have_arms(truth):
    assert not spiral_arms(rows_of(truth, "fast")[0], np.random.default_rng(1))
    assert len(spiral_arms(rows_of(truth, "late")[0], np.random.default_rng(1))) == 160


def test_sky_is_as_noisy_as_the_truth_says(truth):
    row = truth.iloc[0].to_dict() | {"mag_r": 35.0, "family": "late", "r_eff_arcsec": 40.0}
    row = SimpleNamespace(**row | {"psf_fwhm_g_arcsec": 1.4, "object_id": "empty", "r_eff_arcsec": 1.0})
    image = observe(row, 128, 1)
    for plane, band in zip(image, "gri", strict=True):
        scatter = 1.4826 * np.median(np.abs(plane - np.median(plane)))
        assert scatter == pytest.approx(getattr(row, f"sky_sigma_{band}_nmgy"), rel=0.05)


def test_photon_noise_follows_the_light(truth):
    """The spread over noise draws, where the galaxy is bright: Poisson electrons and sky in quadrature."""
    row = rows_of(truth, "slow")[0]
    quiet = {f"sky_sigma_{band}_nmgy": 0.0 for band in "gri"}
    draws = [observe(row._replace(galaxy_id=f"1-{k}", **quiet), 16, 1)[1] for k in range(40)]
    expected = np.sqrt(np.mean(draws, axis=0) / 934.0)
    assert np.median(np.std(draws, axis=0, ddof=1) / expected) == pytest.approx(1, abs=0.06)
