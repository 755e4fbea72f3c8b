"""What a measurement of lambda_R needs and gives, whatever it is made from: stellar maps or star particles."""

from __future__ import annotations

from dataclasses import dataclass

from rotator_assets.core.settings import KinematicsSettings

NAN = float("nan")
DEFAULT_KINEMATICS = KinematicsSettings()


@dataclass(frozen=True)
class HalfLightEllipse:
    """The aperture of one galaxy, as its photometry has it; NaN for what it does not tell.

    ``semi_major_arcsec``: half-light semi-major axis; ``ellipticity``: 1 - b/a; ``position_angle_deg``: east of north;
    ``sersic_n``: of the photometry's own fit; ``nsa_sersic_n``: of the NASA-Sloan Atlas, for the correction of seeing.
    """

    semi_major_arcsec: float = NAN
    ellipticity: float = NAN
    position_angle_deg: float = NAN
    sersic_n: float = NAN
    nsa_sersic_n: float = NAN


@dataclass(frozen=True)
class Measurement:
    """lambda_R of one galaxy and what it was measured with; fields are columns of table ``measured_kinematics``.

    Angles in degrees, radii in arcsec, velocities in km/s; NaN or None for what does not apply.
    """

    lambda_r: float
    """The value to use: of maps corrected for seeing where that is asked for and valid, of particles freed of what
    their finite number adds."""
    lambda_r_error: float
    """Statistical uncertainty (1 sigma) of ``lambda_r``."""
    lambda_r_observed: float
    """Flux-weighted, with the circular radius, corrected for nothing."""
    lambda_r_elliptical: float
    """As observed, with the semi-major elliptical radius instead of the circular one."""
    beam_correction: str
    """What was done to ``lambda_r``: ``graham2018``, or ``none``."""
    ellipticity: float
    position_angle_deg: float
    r_eff_arcsec: float
    """Half-light semi-major axis of the aperture."""
    sersic_n: float
    """The one that the correction for seeing takes."""
    psf_fwhm_arcsec: float
    sigma_e_km_s: float
    """Flux-weighted second moment sqrt(<V^2 + sigma^2>) in the aperture."""
    systemic_velocity_km_s: float
    """Velocity taken off, as it stands in the file's zero point."""
    n_pixels: int
    """Spaxels in the aperture; 0 where there are none (particles)."""
    n_bins: int
    """Independent bins in the aperture."""
    coverage: float
    """Share of the aperture's area that has data, in [0, 1]."""
    zero_dispersion_fraction: float
    """Share of the bins whose instrumental correction exceeds the observed dispersion, taken as zero."""
    n_particles: int
    """Star particles in the aperture; 0 for maps."""
    lambda_r_floor: float
    """``lambda_r_observed`` that a galaxy without rotation shows by the finite number of particles; NaN for maps."""
    lambda_r_limit: float
    """``lambda_r`` that 95 % of galaxies without rotation stay below with such particles; NaN for maps."""
    drp3qual: int | None
    dapqual: int | None
    """Quality masks of the cube and its analysis, None where the file has none."""
    release: str
    """Layout of the file: ``DR15``, ``DR17``; empty for particles."""
    note: str
    """What to beware of, separated by "; ": empty where nothing is."""
    synthetic: bool
    aperture: str
    """Whose half-light radius was taken: ``header``, ``photometry`` or ``particles``."""
    regular_rotator: bool | None = None
    """By ``science.kinemetry``; None where it cannot be told, and for particles."""
    k5_over_k1: float = NAN
    k5_over_k1_error: float = NAN
    beam_factor: float = NAN
    """What the correction for seeing would multiply ``lambda_r_observed`` with, applied or not; NaN where it is not
    valid."""
