"""Correction of measured lambda_R for seeing: its size, which galaxies get it, and the note if it is not applied."""

from dataclasses import replace

import numpy as np
import pytest

from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics.maps import measure_maps
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.kinematics.spin import beam_corrected_lambda_r
from rotator_assets_tests.kinematics.maps_files import Disc

DISC = Disc()
PLANES = DISC.planes()
EXPONENTIAL = HalfLightEllipse(nsa_sersic_n=1.0)


def measure(path, ellipse, **settings):
    return measure_maps(path, ellipse, KinematicsSettings(**{"aperture": "header", **settings}))


def test_seeing_is_corrected_and_the_error_with_it(tmp_path):
    path = DISC.write(tmp_path / "disc.fits")
    corrected = measure(path, HalfLightEllipse(nsa_sersic_n=4.0))
    plain = measure(path, HalfLightEllipse(nsa_sersic_n=4.0), beam_correction="none")
    factor = float(beam_corrected_lambda_r(1.0, 4.0, 2.5 / FWHM_PER_SIGMA, DISC.r_eff))
    assert factor > 1.1 and plain.lambda_r == plain.lambda_r_observed == corrected.lambda_r_observed
    assert corrected.lambda_r == pytest.approx(factor * plain.lambda_r)
    assert corrected.lambda_r_error == pytest.approx(factor * plain.lambda_r_error)
    assert (corrected.beam_correction, plain.beam_correction, plain.note) == ("graham2018", "none", "")


@pytest.mark.parametrize(
    ("sersic_n", "header", "reason"),
    [
        (np.nan, {}, "no Sersic index"),
        (7.1, {}, "Sersic index 7.1 is not between 0.5 and 6.5"),
        (4.0, {"RFWHM": -999.0}, "the header has no PSF width (RFWHM)"),
        (4.0, {"RFWHM": 20.0}, "the PSF is wider than the galaxy (s = 1.27)"),
    ],
)
def test_seeing_that_cannot_be_corrected_is_noted(tmp_path, sersic_n, header, reason):
    measured = measure(DISC.write(tmp_path / "disc.fits", **header), HalfLightEllipse(nsa_sersic_n=sersic_n))
    assert measured.note == f"not corrected for seeing: {reason}"
    assert measured.beam_correction == "none" and measured.lambda_r == measured.lambda_r_observed


COUNTER_ROTATING = PLANES.where(np.hypot(*DISC.in_its_plane(PLANES.east, PLANES.north)) < 2.5, velocity=0.0)
COUNTER_ROTATING = replace(
    COUNTER_ROTATING, velocity=np.where(COUNTER_ROTATING.velocity == 0, 30 - PLANES.velocity, PLANES.velocity)
)


@pytest.mark.parametrize(
    ("planes", "regular", "reason"),
    [
        (PLANES, True, ""),
        (COUNTER_ROTATING, False, "not a regular rotator (the axis of rotation turns by 180 degrees)"),
        (
            PLANES.where(PLANES.flux > 0, velocity=15.0, velocity_error=2.0),
            False,
            "not a regular rotator (no rotation: k1",
        ),
        (
            PLANES.where(PLANES.flux > 0, velocity=15.0, velocity_error=60.0),
            None,
            "uncertain whether a regular rotator (no rotation detected, but noise would hide",
        ),
    ],
    ids=["disc", "core", "still", "noisy"],
)
def test_only_regular_rotators_are_corrected_by_default(tmp_path, planes, regular, reason):
    path = DISC.write(tmp_path / "disc.fits", changed=planes)
    by_rule = {rule: measure(path, EXPONENTIAL, beam_correction=rule) for rule in ("none", "all", "regular_rotators")}
    factor = float(beam_corrected_lambda_r(1.0, 1.0, 2.5 / FWHM_PER_SIGMA, DISC.r_eff))
    for rule, measured in by_rule.items():
        assert (measured.regular_rotator, measured.beam_factor) == (regular, pytest.approx(factor))
        corrected = rule == "all" or (rule == "regular_rotators" and regular is True)
        assert measured.beam_correction == ("graham2018" if corrected else "none")
        assert measured.lambda_r == pytest.approx(measured.lambda_r_observed * (factor if corrected else 1))
    assert by_rule["none"].note == by_rule["all"].note == ""
    assert by_rule["regular_rotators"].note.startswith(f"not corrected for seeing: {reason}" if reason else "")
    assert measure(path, EXPONENTIAL).lambda_r == by_rule["regular_rotators"].lambda_r


def test_the_correction_takes_the_index_of_the_nasa_sloan_atlas(tmp_path):
    path = DISC.write(tmp_path / "disc.fits")
    both = measure(path, HalfLightEllipse(sersic_n=7.4, nsa_sersic_n=4.0))
    assert (both.sersic_n, both.beam_correction, both.note) == (4.0, "graham2018", "")
    lacking = measure(path, HalfLightEllipse(sersic_n=4.0))
    assert lacking.beam_factor == both.beam_factor
    assert lacking.note == "Sersic index of PyMorph: the NASA-Sloan Atlas has none"


def test_a_corrected_value_above_one_is_noted(tmp_path):
    fast = Disc(dispersion=20.0)
    measured = measure(fast.write(tmp_path / "disc.fits", RFWHM=8.0), EXPONENTIAL)
    assert measured.lambda_r > 1 > measured.lambda_r_observed and measured.note == "corrected lambda_R is larger than 1"
