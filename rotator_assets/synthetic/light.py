"""Draw images of synthetic galaxies with GalSim (Rowe et al. 2015, Astronomy and Computing 10, 121).

Images are float64 (band, y, x) in nanomaggies per pixel of 0.396 arcsec, with the galaxy in the middle, north up (+y)
and east left (-x). A position angle of PA degrees east of north is 90 + PA from +x towards +y. Bands are named by
letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import galsim
import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.special import ndtr

from rotator_assets.imaging.psf import FWHM_PER_SIGMA, SDSS_ARCSEC_PER_PIXEL
from rotator_assets.synthetic.photometry import ARM_G_R, ARM_LIGHT, nanomaggies

LIGHT_ENDS_R_EFF = 8.0
"""Sersic profiles are cut off at this number of half-light radii (8 in SDSS's de Vaucouleurs models)."""
DISC_ENDS_R_EFF = 5.0
"""Exponential discs are not cut off; 0.2 per cent of their light lies beyond this."""

RADIUS_BY_BAND = {"g": 1.05, "r": 1.0, "i": 0.97, "z": 0.95}
"""Half-light radius of a spheroid relative to r: colour gradient (La Barbera et al. 2010, MNRAS 408, 1313)."""

KNOTS_PER_ARM = 80

EXPONENTIAL_R_EFF = 1.678
"""Half-light radius of an exponential disc in scale lengths."""


class Point(NamedTuple):
    """A star, or a round knot of stars: offset from the image's middle (right, up), Gaussian sigma, r, g - r."""

    offset_arcsec: tuple[float, float]
    sigma_arcsec: float
    mag_r: float
    g_r: float


@dataclass(frozen=True)
class Component:
    """A Sersic profile with elliptical isophotes.

    Attributes
    ----------
    mag_r
        r-band magnitude.
    g_r
        Colour g - r.
    r_eff_arcsec
        Half-light semi-major axis in arcsec.
    sersic_n
        Sersic index.
    axis_ratio
        b/a.
    position_angle_deg
        Degrees east of north.
    gradient
        Whether radii follow ``RADIUS_BY_BAND``.
    offset_arcsec
        Offset from the image's middle, right and up.
    """

    mag_r: float
    g_r: float
    r_eff_arcsec: float
    sersic_n: float
    axis_ratio: float
    position_angle_deg: float
    gradient: bool = False
    offset_arcsec: tuple[float, float] = (0.0, 0.0)

    def profile(self, stretch: float) -> galsim.GSObject:
        """Return the GalSim profile with its radius multiplied by ``stretch``, of flux 1 before it is cut off."""
        circularised = stretch * self.r_eff_arcsec * np.sqrt(self.axis_ratio)
        if self.sersic_n == 1:
            profile = galsim.Exponential(half_light_radius=circularised)
        else:
            reach = LIGHT_ENDS_R_EFF * circularised
            profile = galsim.Sersic(self.sersic_n, circularised, trunc=reach, flux_untruncated=True)
        angle = (90.0 + self.position_angle_deg) * galsim.degrees
        return profile.shear(q=self.axis_ratio, beta=angle).shift(*self.offset_arcsec)

    @property
    def reach_arcsec(self) -> float:
        """Distance from the middle of the image, in arcsec, beyond which the light is negligible."""
        ends = DISC_ENDS_R_EFF if self.sersic_n == 1 else LIGHT_ENDS_R_EFF * max(RADIUS_BY_BAND.values())
        return float(np.hypot(*self.offset_arcsec) + ends * self.r_eff_arcsec)


def components_of(galaxy: Any) -> list[Component]:
    """Return bulge and disc of a row of the truth table."""
    bulge_fraction = galaxy.bulge_to_total_r
    components = []
    if bulge_fraction > 0:
        components.append(
            Component(
                galaxy.mag_r - 2.5 * np.log10(bulge_fraction),
                galaxy.bulge_g_r,
                galaxy.bulge_r_eff_arcsec,
                galaxy.bulge_sersic_n,
                galaxy.bulge_axis_ratio,
                galaxy.position_angle_deg,
                gradient=True,
            )
        )
    if bulge_fraction < 1:
        smooth = (1 - bulge_fraction) * (1.0 if galaxy.is_early_type else 1 - ARM_LIGHT)
        components.append(
            Component(
                galaxy.mag_r - 2.5 * np.log10(smooth),
                galaxy.disc_g_r,
                galaxy.disc_r_eff_arcsec,
                1.0,
                galaxy.disc_axis_ratio,
                galaxy.position_angle_deg,
            )
        )
    return components


def spiral_arms(galaxy: Any, rng: np.random.Generator) -> list[Point]:
    """Draw two logarithmic spiral arms in a late type's disc, as knots that follow its exponential surface density."""
    if galaxy.is_early_type:
        return []
    scale = galaxy.disc_r_eff_arcsec / EXPONENTIAL_R_EFF
    pitch = np.tan(np.deg2rad(rng.uniform(12, 30)))
    radius = scale * rng.uniform(0.5, 3.0, 2 * KNOTS_PER_ARM)
    angle = rng.uniform(0, 2 * np.pi) + rng.choice([-1, 1]) * np.log(radius / scale) / pitch
    angle += np.pi * (np.arange(radius.size) % 2) + rng.normal(0, 0.12, radius.size)
    major, minor = radius * np.cos(angle), radius * np.sin(angle) * galaxy.disc_axis_ratio
    axis = np.deg2rad(90.0 + galaxy.position_angle_deg)
    x = major * np.cos(axis) - minor * np.sin(axis)
    y = major * np.sin(axis) + minor * np.cos(axis)
    sigma = scale * np.sqrt(galaxy.disc_axis_ratio) * rng.uniform(0.1, 0.25, radius.size)
    weight = radius * np.exp(-radius / scale) * rng.lognormal(0, 0.5, radius.size)
    fraction = (1 - galaxy.bulge_to_total_r) * ARM_LIGHT * weight / weight.sum()
    mag_r = galaxy.mag_r - 2.5 * np.log10(fraction)
    g_r = np.full_like(mag_r, galaxy.disc_g_r + ARM_G_R)
    return [Point(*values) for values in zip(zip(x, y, strict=True), sigma, mag_r, g_r, strict=True)]


def draw(
    components: Sequence[Component], points: Sequence[Point], size_px: int, psf_fwhm_arcsec: Mapping[str, float]
) -> NDArray[np.float64]:
    """Draw noiseless images in several bands, convolved with a Gaussian PSF.

    Each pixel holds the light that falls on it. GalSim gives the Fourier transforms of the profiles, which are
    multiplied by those of PSF and pixel. One transform back makes the image, on a grid large enough to avoid aliasing.
    Pixels of 0.396 arcsec sample a FWHM of 0.8 arcsec or more to a thousandth of the peak.

    Parameters
    ----------
    components
        Sersic profiles.
    points
        Stars and knots.
    size_px
        Side of the images in pixels.
    psf_fwhm_arcsec
        FWHM of the PSF in arcsec, by band.

    Returns
    -------
    float64 array
        (band, y, x), nanomaggies per pixel.
    """
    reach_px = size_px / 2 + max(c.reach_arcsec for c in components) / SDSS_ARCSEC_PER_PIXEL
    n = 2 * next_fast_len(int(np.ceil(max(size_px, reach_px) / 2)))
    step = 2 * np.pi / (n * SDSS_ARCSEC_PER_PIXEL)  # of angular frequency, radians per arcsec
    spectra = {band: np.zeros((n, n // 2), dtype=np.complex128) for band in psf_fwhm_arcsec}
    for component in components:
        transforms = {}
        for band, spectrum in spectra.items():
            stretch = RADIUS_BY_BAND[band] if component.gradient else 1.0
            if stretch not in transforms:  # half of the plane is enough: images are real
                transforms[stretch] = component.profile(stretch).drawKImage(nx=n, ny=n, scale=step).array[:, n // 2 :]
            spectrum += nanomaggies(component.mag_r, component.g_r, band) * transforms[stretch]
    k = step * np.arange(-n // 2, n // 2)
    to_middle = np.exp(-0.5j * k * (size_px - 1) * SDSS_ARCSEC_PER_PIXEL) * np.sinc(k / (n * step))
    images = []
    for band, spectrum in spectra.items():
        blur = to_middle * np.exp(-0.5 * (k * psf_fwhm_arcsec[band] / FWHM_PER_SIGMA) ** 2)
        spectrum *= blur[:, None] * blur[n // 2 :]
        light = np.fft.irfft2(np.fft.ifftshift(spectrum, axes=0), s=(n, n))[:size_px, :size_px]
        light = np.maximum(light, 0)  # negative values reach at most 3e-5 of the peak
        images.append(light + draw_points(points, band, size_px, psf_fwhm_arcsec[band]))
    return np.array(images)


def draw_points(points: Sequence[Point], band: str, size_px: int, psf_fwhm_arcsec: float) -> NDArray[np.float64]:
    """Draw round Gaussians, convolved with the PSF and integrated over each pixel; exact.

    Parameters
    ----------
    points
        Stars and knots.
    band
        Letter of the band.
    size_px
        Side of the image in pixels.
    psf_fwhm_arcsec
        FWHM of the PSF in arcsec.

    Returns
    -------
    float64 array
        (y, x), nanomaggies per pixel.
    """
    if not points:
        return np.zeros((size_px, size_px))
    x, y, sigma, mag_r, g_r = np.array([(*p.offset_arcsec, *p[1:]) for p in points]).T
    sigma = np.hypot(sigma, psf_fwhm_arcsec / FWHM_PER_SIGMA)[:, None]
    edges = (np.arange(size_px + 1) - size_px / 2) * SDSS_ARCSEC_PER_PIXEL
    in_columns, in_rows = (np.diff(ndtr((edges - centre[:, None]) / sigma), axis=1) for centre in (x, y))
    return np.einsum("ky,kx->yx", nanomaggies(mag_r, g_r, band)[:, None] * in_rows, in_columns)
