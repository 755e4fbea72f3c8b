"""Baseline images: the network's input for an image without its galaxy, with the galaxy's normalization."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rotator_assets.attribution.baseline_images import BLUR_FRACTION, N_SKIES, baselines
from rotator_assets.core.recipes import Recipe
from rotator_assets.imaging.normalization import METHODS, normalize, zscale_limits
from rotator_assets.training.pipeline import network_input

PX = 40
KINDS = {"sky": 1, "blurred": 1, "noise": N_SKIES}
LEVEL, SIGMA = np.array([0.3, -0.2, 1.0]), np.array([0.02, 0.05, 0.1])


def galaxies(n=3, seed=0):
    """Fluxes (n, PX, PX, 3) of round galaxies on skies with known level and scatter."""
    y, x = np.mgrid[:PX, :PX] - (PX - 1) / 2
    light = np.exp(-np.hypot(x, y) / 2)[..., None] * [5.0, 9.0, 12.0]
    noise = np.random.default_rng(seed).normal(LEVEL, SIGMA, (n, PX, PX, 3))
    return (light + noise).astype(np.float32)


def recipe(**settings):
    return Recipe(name="a", **settings)


IMAGES, ROWS = galaxies(), np.array([2, 0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", ["gri", "r"])
@pytest.mark.parametrize("normalization", METHODS)
def test_baselines_have_the_shape_and_bands_of_the_networks_input(kind, bands, normalization):
    if normalization == "max_g" and bands == "r":
        return
    chosen = recipe(bands=bands, normalization=normalization, attribution_baseline=kind)
    found = baselines(IMAGES, ROWS, chosen)
    assert found.shape == (2, KINDS[kind], PX, PX, len(bands)) and found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(
        found, baselines(IMAGES, ROWS, recipe(bands=bands, normalization=normalization), kind)
    )


@pytest.mark.parametrize("normalization", METHODS)
def test_the_sky_baseline_equals_pixels_without_light(normalization):
    chosen = recipe(normalization=normalization)
    images = IMAGES.copy()
    images[:, 0, 0] = 0
    found = baselines(images, ROWS, chosen)[:, 0]
    expected = network_input(images, ROWS, chosen)[:, :1, :1]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-6)
    assert (normalization not in ("standard", "zscale")) == (not found.any())


def test_the_sky_baseline_follows_the_equations():
    image = IMAGES[0].astype(float)
    z1, z2 = zscale_limits(IMAGES[0])
    for normalization, expected in {
        "zscale": np.clip(-z1 / (z2 - z1), 0, 1),
        "standard": -image.mean() / image.std(),
    }.items():
        found = baselines(IMAGES, [0], recipe(normalization=normalization))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_blurred_is_the_image_smoothed_by_an_eighth_of_its_side():
    found = baselines(IMAGES, [1], recipe(normalization="none"), "blurred")[0, 0]
    for band in range(3):
        expected = gaussian_filter(IMAGES[1, ..., band], PX * BLUR_FRACTION, mode="nearest")
        np.testing.assert_allclose(found[..., band], expected, rtol=1e-5, atol=1e-5)
    by_peak = baselines(IMAGES, [1], recipe(), "blurred")[0, 0]
    np.testing.assert_allclose(by_peak, found / IMAGES[1].max(), rtol=1e-5, atol=1e-6)
    assert by_peak.max() < 0.5


def test_noise_has_the_level_and_scatter_of_the_border():
    found = baselines(IMAGES, [0, 1, 2], recipe(normalization="none"), "noise").astype(float)
    for image, skies in zip(IMAGES.astype(float), found, strict=True):
        border = np.concatenate([image[:2].reshape(-1, 3), image[-2:].reshape(-1, 3)])
        np.testing.assert_allclose(skies.mean(axis=(0, 1, 2)), np.median(border, axis=0), atol=0.5 * SIGMA.max())
        np.testing.assert_allclose(skies.mean(axis=(0, 1, 2)), LEVEL, atol=0.25 * SIGMA.max())
        np.testing.assert_allclose(skies.std(axis=(0, 1, 2)), SIGMA, rtol=0.3)
        together = skies.reshape(-1, 3)
        assert np.abs(np.corrcoef(together.T) - np.eye(3)).max() < 0.1
        assert np.abs(np.corrcoef(skies[..., 0].reshape(N_SKIES, -1)) - np.eye(N_SKIES)).max() < 0.15


def test_noise_of_a_galaxy_is_independent_of_other_galaxies():
    chosen = recipe(attribution_baseline="noise")
    together = baselines(IMAGES, np.arange(3), chosen)
    np.testing.assert_array_equal(baselines(IMAGES[::-1], [2], chosen)[0], together[0])
    np.testing.assert_array_equal(baselines(IMAGES, ROWS, chosen), together[ROWS])
    assert (together[0] != together[1]).mean() > 0.99
    assert (baselines(IMAGES, [0], recipe(attribution_baseline="noise", seed=1))[0] != together[0]).mean() > 0.99


def test_a_picture_of_eight_bits_with_a_flat_sky():
    picture = (np.round(galaxies(1).clip(0, 10) * 25) / 255).astype(np.float32)
    picture[:, :4] = picture[:, -4:] = picture[:, :, :4] = picture[:, :, -4:] = 7 / 255
    peak = picture.max()
    np.testing.assert_allclose(baselines(picture, [0], recipe(), "noise"), 7 / 255 / peak, rtol=1e-6)
    assert not baselines(picture, [0], recipe(), "sky").any()


def test_neighbours_are_removed_if_the_recipe_says_so():
    image = galaxies(1)
    image[0, 6:10, 6:10] += 40
    masked = recipe(mask_neighbours=True, normalization="standard")
    without = network_input(image, [0], recipe(mask_neighbours=True, normalization="none"))[0].astype(float)
    assert without.max() < 20
    np.testing.assert_allclose(baselines(image, [0], masked), -without.mean() / without.std(), rtol=1e-5)


def test_an_image_without_signal_has_baselines_of_zeros():
    dark = -np.ones((1, PX, PX, 3), np.float32)
    for kind in KINDS:
        assert not baselines(dark, [0], recipe(), kind).any()
        assert not normalize(dark, "max_all").any()


def test_no_rows_give_no_baselines_and_unknown_kinds_are_refused():
    assert baselines(IMAGES, np.arange(0), recipe(), "noise").shape == (0, N_SKIES, PX, PX, 3)
    with pytest.raises(ValueError, match="unknown baseline 'black': use sky, blurred, noise"):
        baselines(IMAGES, ROWS, recipe(), "black")
