"""Kinemetry of velocity fields with known harmonics, and of galaxies of known type."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics.kinemetry import MAX_K5_OVER_K1, kinemetry
from rotator_assets.kinematics.spin import in_ellipse

R_EFF = 6.0
SPAXEL = 0.5
MANGA_ERROR = 5.0
"""km/s in the centre; towards R_e it doubles."""
CORRELATION = 0.96
"""arcsec, of MaNGA's spaxels."""


@dataclass(frozen=True)
class Sky:
    """Spaxels within the half-light ellipse of an exponential disc; lengths in arcsec, angles in radians."""

    ellipticity: float = 0.3
    position_angle_deg: float = 40.0

    def __post_init__(self):
        steps = (np.arange(-30, 31) + 0.2) * SPAXEL
        west, north = (offset.ravel() for offset in np.meshgrid(steps, steps))
        circular = R_EFF * np.sqrt(1 - self.ellipticity)
        inside = in_ellipse(west, north, circular, self.ellipticity, self.position_angle_deg)
        object.__setattr__(self, "west", west[inside])
        object.__setattr__(self, "north", north[inside])

    def polar(self, position_angle_deg=None, shift=(0.0, 0.0)):
        """Radius and azimuth, from the receding side, in the plane of the disc."""
        angle = np.deg2rad(self.position_angle_deg if position_angle_deg is None else position_angle_deg)
        west, north = self.west - shift[0], self.north - shift[1]
        along = -west * np.sin(angle) + north * np.cos(angle)
        across = (-west * np.cos(angle) - north * np.sin(angle)) / (1 - self.ellipticity)
        return np.hypot(along, across), np.arctan2(across, along)

    @property
    def flux(self):
        return np.exp(-1.678 * self.polar()[0] / R_EFF)

    def errors(self, central):
        return central * (1 + self.polar()[0] / R_EFF)

    def judge(self, velocity, error=MANGA_ERROR, seed=0, noise=None, ellipticity=None, correlation_length=0.0):
        """Of the field with noise of these errors added, from a systemic velocity of 12 km/s."""
        errors = self.errors(error)
        noise = np.random.default_rng(seed).normal(size=len(errors)) if noise is None else noise
        shape = self.ellipticity if ellipticity is None else ellipticity
        return kinemetry(
            self.west, self.north, self.flux, velocity + 12 + errors * noise, errors, shape, correlation_length
        )


SKY = Sky()
RADIUS, AZIMUTH = SKY.polar()


def rotation(radius, speed=100.0):
    return speed * np.tanh(radius / (0.3 * R_EFF))


def correlated_noise(sky, draws, seed):
    apart = np.hypot(np.subtract.outer(sky.west, sky.west), np.subtract.outer(sky.north, sky.north))
    values, vectors = np.linalg.eigh(np.exp(-0.5 * (apart / CORRELATION) ** 2))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    return np.random.default_rng(seed).normal(size=(draws, len(values))) @ root.T


@pytest.mark.parametrize("position_angle_deg", [0.0, 75.0, 135.0, 200.0, 330.0])
@pytest.mark.parametrize("ellipticity", [0.0, 0.2, 0.5, 0.75])
def test_inclined_discs_are_regular_at_any_angle(ellipticity, position_angle_deg):
    sky = Sky(ellipticity, position_angle_deg)
    radius, azimuth = sky.polar()
    found = sky.judge(rotation(radius) * np.cos(azimuth), seed=int(position_angle_deg))
    assert found.regular is True and found.reason == ""
    assert (found.position_angle_deg - position_angle_deg + 180) % 360 - 180 == pytest.approx(0, abs=4)
    assert found.k5_over_k1 < MAX_K5_OVER_K1 and 0 < found.k5_over_k1_error < MAX_K5_OVER_K1
    light_weighted = np.sqrt(np.average(rotation(radius) ** 2, weights=sky.flux))
    assert found.k1_km_s == pytest.approx(light_weighted, rel=0.05)


@pytest.mark.parametrize("phase", [0.0, 1.0, np.pi / 2])
@pytest.mark.parametrize(("ratio", "regular"), [(0.02, True), (0.03, True), (0.06, False), (0.3, False)])
def test_the_fifth_harmonic_is_that_put_in(ratio, regular, phase):
    field = rotation(RADIUS) * (np.cos(AZIMUTH) + 0.1 * np.cos(3 * AZIMUTH) + ratio * np.cos(5 * AZIMUTH + phase))
    found = SKY.judge(field, error=0.3)
    assert found.k5_over_k1 == pytest.approx(ratio, rel=0.1) and found.regular is regular
    assert (f"k5/k1 = {found.k5_over_k1:.3f}" in found.reason) is not regular


@pytest.mark.parametrize("correlation_length", [0.0, CORRELATION])
def test_noise_neither_shifts_the_ratio_nor_exceeds_its_error(correlation_length):
    field = rotation(RADIUS) * (np.cos(AZIMUTH) + 0.15 * np.cos(5 * AZIMUTH + 0.4))
    draws = 60
    noise = (
        correlated_noise(SKY, draws, 1)
        if correlation_length
        else np.random.default_rng(1).normal(size=(draws, len(field)))
    )
    found = [SKY.judge(field, noise=one, correlation_length=correlation_length) for one in noise]
    ratios = np.array([one.k5_over_k1 for one in found])
    errors = np.array([one.k5_over_k1_error for one in found])
    clean = SKY.judge(field, error=0.01).k5_over_k1
    assert abs(ratios.mean() - clean) < 3.5 * ratios.std() / np.sqrt(draws)
    assert np.median(errors) == pytest.approx(ratios.std(), rel=0.3)
    if correlation_length:  # taken as independent, the errors would be far too small
        assert SKY.judge(field, noise=noise[0]).k5_over_k1_error < 0.6 * np.median(errors)


def test_noise_makes_no_clean_disc_irregular():
    speeds = np.geomspace(8, 200, 40)
    noise = correlated_noise(SKY, len(speeds), 2)
    judged = [
        SKY.judge(rotation(RADIUS, speed) * np.cos(AZIMUTH), noise=one, correlation_length=CORRELATION)
        for speed, one in zip(speeds, noise, strict=True)
    ]
    kinds = [one.regular for one in judged]
    assert kinds.count(False) <= 1
    assert all(regular is True for speed, regular in zip(speeds, kinds, strict=True) if speed > 80)
    assert kinds[:5].count(True) == 0  # the noise of these would hide any fifth harmonic
    assert sum(one.k5_over_k1 == 0 for one in judged[5:]) > 10  # what noise adds is taken off


@pytest.mark.parametrize(("error", "kind"), [(1.0, False), (60.0, None)])
def test_a_galaxy_without_rotation_is_not_regular(error, kind):
    noise = correlated_noise(SKY, 25, 3)
    judged = [SKY.judge(0 * RADIUS, error=error, noise=one, correlation_length=CORRELATION) for one in noise]
    kinds = [one.regular for one in judged]
    assert True not in kinds and kinds.count(kind) >= 22
    assert all("no rotation" in one.reason for one in judged if one.regular is kind)


def two_discs(inner, outer):
    """Velocity of two discs that rotate against each other, by the light of each (scale lengths in R_e)."""
    light = [np.exp(-RADIUS / (scale * R_EFF)) / scale**2 for scale in (inner, outer)]
    return rotation(RADIUS) * np.cos(AZIMUTH) * (light[1] - light[0]) / (light[0] + light[1])


IRREGULAR = {
    "counter-rotating core": (np.where(RADIUS < 0.4 * R_EFF, -0.6, 1) * rotation(RADIUS) * np.cos(AZIMUTH), "turns by"),
    "core across": (
        rotation(RADIUS) * np.where(RADIUS < 0.4 * R_EFF, 0.7 * np.sin(AZIMUTH), np.cos(AZIMUTH)),
        "turns by",
    ),
    "two discs": (two_discs(0.2, 0.8), "turns by"),
    "equal discs": (two_discs(0.5, 0.5), "no rotation: k1 is below"),
    "strong warp": (rotation(RADIUS) * np.cos(AZIMUTH - 2.1 * RADIUS / R_EFF), "turns by"),
}


@pytest.mark.parametrize(("field", "reason"), IRREGULAR.values(), ids=IRREGULAR.keys())
def test_decoupled_components_are_not_regular(field, reason):
    found = SKY.judge(field, error=2.0)
    assert found.regular is False and reason in found.reason


@pytest.mark.parametrize("warp_deg", [5, 15, 25])
def test_a_slight_warp_is_regular(warp_deg):
    """As a twist in Krajnovic et al. (2011)."""
    found = SKY.judge(rotation(RADIUS) * np.cos(AZIMUTH - np.deg2rad(warp_deg) * RADIUS / R_EFF))
    assert found.regular is True


def test_errors_of_centre_and_flattening_do_not_make_irregular():
    radius, azimuth = SKY.polar(shift=(0.3, -0.3))
    field = rotation(radius) * np.cos(azimuth)
    for ellipticity in (0.2, 0.4):
        assert SKY.judge(field, ellipticity=ellipticity).regular is True


@pytest.mark.parametrize("ellipticity", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("r_eff", [2.5, 5.0])
def test_seeing_leaves_discs_regular(ellipticity, r_eff):
    steps = np.arange(-80, 81) * 0.25
    west, north = np.meshgrid(steps, steps)
    radius = np.hypot(north, west / (1 - ellipticity))  # the major axis lies in the north
    light = np.exp(-7.67 * (np.hypot(radius, 0.1) / r_eff) ** 0.25)
    velocity = 100 * np.tanh(radius / (0.3 * r_eff)) * np.divide(north, radius, where=radius > 0, out=0 * radius)
    seen, moving = (gaussian_filter(p, 2.5 / FWHM_PER_SIGMA / 0.25) for p in (light, light * velocity))
    inside = in_ellipse(west, north, r_eff * np.sqrt(1 - ellipticity), ellipticity, 0.0) & (
        np.indices(west.shape) % 2 == 0
    ).all(0)
    places = west[inside], north[inside]
    found = kinemetry(*places, seen[inside], (moving / seen)[inside], np.full(inside.sum(), 0.2), ellipticity)
    assert found.regular is True and found.k5_over_k1 < 0.02


def test_missing_errors_are_estimated_from_the_residuals():
    field = rotation(RADIUS) * np.cos(AZIMUTH)
    velocity = field + np.random.default_rng(4).normal(0, 8, len(field))
    places = SKY.west, SKY.north, SKY.flux, velocity
    stated, unstated = (kinemetry(*places, np.full(len(field), error), 0.3) for error in (8.0, np.nan))
    assert unstated.regular is stated.regular is True
    assert unstated.k5_over_k1_error == pytest.approx(stated.k5_over_k1_error, rel=0.25)


def test_few_bins_give_no_result():
    few = kinemetry(*np.ones((4, 14)), np.ones(14), 0.3)
    assert few.regular is None and few.reason == "14 bins are too few to measure harmonics, 15 are needed"
    assert np.isnan([few.k1_km_s, few.k5_over_k1, few.k5_over_k1_error, few.position_angle_deg]).all()
