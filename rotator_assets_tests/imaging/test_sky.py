"""Stamps of real sky: their noise, how they are drawn, and every reason to refuse them."""

import numpy as np
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.settings import MockSettings
from rotator_assets.imaging.mock import galaxy_seed, observe
from rotator_assets.imaging.sky import SkyStamps

SIGMA = (0.0175, 0.0277, 0.0465)
STAMPED = MockSettings(sky="stamps")


def sky(ny: int, nx: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((ny, nx, 3)) * SIGMA).astype(np.float32)


def test_noise_is_measured_in_spite_of_faint_sources():
    pixels = sky(300, 300)
    pixels[10:20, 10:30] += 5.0
    pixels[200:204, 100:104] += 100.0
    stamps = SkyStamps.measured({"a": pixels})
    np.testing.assert_allclose(stamps.sigma_nmgy[0], SIGMA, rtol=0.02)
    assert pixels.std() > 5 * max(SIGMA)


def test_the_sky_is_part_of_one_stamp_rotated_or_mirrored():
    pixels = np.arange(40 * 50 * 3, dtype=np.float32).reshape(40, 50, 3)
    stamps = SkyStamps.measured({"a": pixels})
    corners, orientations = set(), set()
    for seed in range(200):
        piece, number = stamps.draw(np.random.default_rng(seed), 32)
        assert piece.shape == (32, 32, 3) and number == 0
        y, x = np.argwhere(pixels[..., 0] == piece[..., 0].min())[0]
        np.testing.assert_array_equal(np.sort(piece, axis=None), np.sort(pixels[y : y + 32, x : x + 32], axis=None))
        corners.add((int(y), int(x)))
        orientations.add((piece[0, 1, 0] - piece[0, 0, 0], piece[1, 0, 0] - piece[0, 0, 0]))
    assert len(orientations) == 8 and len(corners) > 100
    assert {y for y, _ in corners} == set(range(9)) and {x for _, x in corners} == set(range(19))


def test_a_galaxy_gets_its_stamp_by_its_seed():
    stamps = SkyStamps.measured({f"{k}.fits": sky(140, 150, k) for k in range(4)})
    pixels = np.zeros((60, 60, 3), dtype=np.float32)
    drawn = {}
    for galaxy in range(60):
        seed = galaxy_seed("tng100", str(galaxy))
        image, conditions = observe(pixels, seed, 128, STAMPED, stamps)
        again, same = observe(pixels, seed, 128, STAMPED, stamps)
        np.testing.assert_array_equal(image, again)
        assert conditions == same
        number = stamps.names.index(conditions.sky_stamp)
        assert conditions.sky_sigma_nmgy == stamps.sigma_nmgy[number]
        assert np.isin(image, stamps.pixels[number]).all()  # no light: the sky alone, as it is
        drawn[conditions.sky_stamp] = drawn.get(conditions.sky_stamp, 0) + 1
    assert len(drawn) == 4 and min(drawn.values()) > 4


def test_the_stamp_does_not_depend_on_the_galaxys_light():
    stamps = SkyStamps.measured({f"{k}.fits": sky(140, 150, k) for k in range(9)})
    faint, bright = np.zeros((200, 200, 3), dtype=np.float32), np.full((200, 200, 3), 50.0, dtype=np.float32)
    (below, first), (image, second) = (observe(pixels, 5, 128, STAMPED, stamps) for pixels in (faint, bright))
    assert first == second
    photons = image - below
    np.testing.assert_allclose(photons.mean((0, 1)), 50.0, rtol=1e-3)
    np.testing.assert_allclose(photons.var((0, 1)), 50.0 / np.array([1009.0, 934.0, 757.0]), rtol=0.05)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.ones((130, 130, 3)), "constant"),
        (np.full((130, 130, 3), np.nan), "finite"),
        (np.ones((130, 130)), r"\(ny, nx, 3\)"),
        (np.ones((130, 130, 4)), r"\(ny, nx, 3\)"),
    ],
)
def test_stamps_without_sky(pixels, reason):
    with pytest.raises(InputError, match=f"sky stamp bad.fits: .*{reason}"):
        SkyStamps.measured({"good.fits": sky(130, 130), "bad.fits": pixels})


def test_no_stamps_at_all():
    with pytest.raises(InputError, match="no sky stamps"):
        SkyStamps.measured({})
    with pytest.raises(InputError, match="there are none"):
        observe(np.zeros((60, 60, 3), dtype=np.float32), 1, 64, STAMPED)


def test_a_stamp_smaller_than_the_image_stops_every_galaxy():
    stamps = SkyStamps.measured({"large.fits": sky(200, 200), "small.fits": sky(200, 127)})
    for seed in range(10):
        with pytest.raises(InputError, match=r"small.fits: is 200 x 127 pixels, the image has 128"):
            observe(np.zeros((60, 60, 3), dtype=np.float32), seed, 128, STAMPED, stamps)
