"""Published numbers that the code must reproduce: ATLAS3D's classes, one MaNGA galaxy's lambda_R, image magnitudes."""

import numpy as np
import pytest

from rotator_assets.imaging.cropping import centre_crop
from rotator_assets.imaging.image_checks import check_usable
from rotator_assets.kinematics.spin import (
    beam_corrected_lambda_r,
    effective_dispersion,
    in_ellipse,
    is_slow_rotator,
    lambda_r,
)
from rotator_assets.surveys import SURVEYS

pytestmark = pytest.mark.real_data


def test_the_rule_gives_every_class_of_atlas3d(real_data):
    """Emsellem et al. (2011), table B1: ellipticity, lambda_R and class (F or S) within R_e of 260 early types."""
    lines = (real_data / "atlas3d" / "Emsellem2011_Atlas3D_Paper3_TableB1.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    ellipticity, spin = (np.array([float(row[column]) for row in rows]) for column in (2, 7))
    published_slow = np.array([row[9] == "S" for row in rows])
    assert (len(rows), published_slow.sum()) == (260, 36)
    np.testing.assert_array_equal(is_slow_rotator(spin, ellipticity), published_slow)


def test_lambda_r_of_manga_7957_6103(real_data):
    """Kinematics and numbers of the lambda_R code of Graham et al. (2018) for its example galaxy."""
    x, y, flux, velocity, dispersion = np.loadtxt(real_data / "kinematics" / "7957-6103.txt", unpack=True)
    r_eff, ellipticity, position_angle, sersic_n, sigma_psf = 8.33, 0.124, 94.7, 4.812, 1.058
    inside = in_ellipse(x, y, r_eff, ellipticity, position_angle)
    assert (inside.size, inside.sum()) == (1305, 873)
    x, y, flux, velocity, dispersion = (a[inside] for a in (x, y, flux, velocity, dispersion))

    circular = lambda_r(flux, np.hypot(x, y), velocity, dispersion)
    assert circular == pytest.approx(0.425158, abs=5e-7)
    theta = np.deg2rad(90 - position_angle)
    along, across = x * np.cos(theta) - y * np.sin(theta), x * np.sin(theta) + y * np.cos(theta)
    elliptical = np.hypot(along, across / (1 - ellipticity))
    assert lambda_r(flux, elliptical, velocity, dispersion) == pytest.approx(0.417611, abs=5e-7)

    semi_major = r_eff / np.sqrt(1 - ellipticity)
    assert semi_major == pytest.approx(8.9001, abs=5e-5)
    assert beam_corrected_lambda_r(circular, sersic_n, sigma_psf, semi_major) == pytest.approx(0.496410, abs=5e-7)
    assert effective_dispersion(flux, velocity, dispersion) == pytest.approx(186.94, abs=5e-3)


def test_magnitudes_of_a_tng100_galaxy(real_data):
    image = SURVEYS["tng100"].image_index(real_data / "tng")["6"].read()
    assert image.pixels.shape == (499, 499, 3) and image.arcsec_per_pixel == 0.396 and not image.synthetic
    np.testing.assert_allclose(22.5 - 2.5 * np.log10(image.pixels.sum((0, 1))), [14.63, 13.83, 13.51], atol=0.005)


def test_colour_cutouts_fit_64_pixels(real_data):
    index = SURVEYS["manga"].image_index(real_data / "manga")
    for galaxy_id in sorted(index)[::50]:
        image = index[galaxy_id].read()
        assert image.unit == "colour" and image.pixels.shape == (80, 80, 3)
        check_usable(centre_crop(image.pixels, 64))
