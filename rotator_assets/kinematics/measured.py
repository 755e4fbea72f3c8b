"""Input and result of a measurement of lambda_R, from stellar maps or star particles."""

from __future__ import annotations

from dataclasses import dataclass

from rotator_assets.core.settings import KinematicsSettings

NAN = float("nan")
DEFAULT_KINEMATICS = KinematicsSettings()
"""Settings without any changes."""


@dataclass(frozen=True)
class HalfLightEllipse:
    """Half-light ellipse of one galaxy from its photometry; NaN for unknown values.

    Attributes
    ----------
    semi_major_arcsec
        Half-light semi-major axis in arcsec.
    ellipticity
        1 - b/a.
    position_angle_deg
        Position angle in degrees east of north.
    sersic_n
        Sersic index of the same photometry.
    nsa_sersic_n
        Sersic index of the NASA-Sloan Atlas, for the correction for seeing.
    """

    semi_major_arcsec: float = NAN
    ellipticity: float = NAN
    position_angle_deg: float = NAN
    sersic_n: float = NAN
    nsa_sersic_n: float = NAN


@dataclass(frozen=True)
class Measurement:
    """lambda_R of one galaxy and the quantities behind it; the fields are columns of table ``measured_kinematics``.

    Angles are in degrees, radii in arcsec and velocities in km/s. Values that do not apply are NaN or None.
    """

    lambda_r: float
    """The value to use: for maps corrected for seeing if requested and valid, for particles corrected for their finite
    number."""
    lambda_r_error: float
    """Statistical uncertainty (1 sigma) of ``lambda_r``."""
    lambda_r_observed: float
    """Flux-weighted, with the circular radius, without any correction."""
    lambda_r_elliptical: float
    """As observed, but with the semi-major elliptical radius in place of the circular one."""
    beam_correction: str
    """Correction applied to ``lambda_r``: ``graham2018`` or ``none``."""
    ellipticity: float
    position_angle_deg: float
    r_eff_arcsec: float
    """Half-light semi-major axis of the aperture."""
    sersic_n: float
    """Sersic index used by the correction for seeing."""
    psf_fwhm_arcsec: float
    sigma_e_km_s: float
    """Flux-weighted second moment sqrt(<V^2 + sigma^2>) in the aperture."""
    systemic_velocity_km_s: float
    """Velocity that was subtracted, relative to the zero point of the file."""
    n_pixels: int
    """Number of spaxels in the aperture; 0 for particles."""
    n_bins: int
    """Number of independent bins in the aperture."""
    coverage: float
    """Fraction of the aperture's area with data, in [0, 1]."""
    zero_dispersion_fraction: float
    """Fraction of the bins whose instrumental dispersion exceeds the observed one, so their dispersion is set to
    zero."""
    n_particles: int
    """Number of star particles in the aperture; 0 for maps."""
    lambda_r_floor: float
    """``lambda_r_observed`` expected without rotation, from the finite number of particles; NaN for maps."""
    lambda_r_limit: float
    """``lambda_r`` that 95 % of galaxies without rotation stay below with these particles; NaN for maps."""
    drp3qual: int | None
    dapqual: int | None
    """Quality masks of the cube and of its analysis; None if the file has none."""
    release: str
    """Layout of the file: ``DR15`` or ``DR17``; empty for particles."""
    note: str
    """Caveats, separated by "; "; empty if there are none."""
    synthetic: bool
    aperture: str
    """Source of the half-light radius: ``header``, ``photometry`` or ``particles``."""
    regular_rotator: bool | None = None
    """Whether kinemetry finds a regular rotator (`kinemetry.kinemetry`); None if it is uncertain, and for particles."""
    k5_over_k1: float = NAN
    k5_over_k1_error: float = NAN
    beam_factor: float = NAN
    """Factor of the correction for seeing, applied or not; NaN if the correction is not valid."""
