"""The columns that the table of a user's own survey can have: spellings, ranges and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES
from rotator_assets.surveys.aliases import COMMON, Column, Columns, identifier, number, positive, whole
from rotator_assets.surveys.identifiers import NAME

_ARCSEC, _DEGREES, _NO_UNIT = "arcsec", "deg", ""

_MORE: Columns = {
    "object_id": identifier(NAME, "object_id"),
    "flag_t_type": whole("flag_t_type"),
    "axis_ratio": positive("axis_ratio", high=1),
    "r_eff_arcsec": positive("r_eff_arcsec", high=1000),
    "sersic_n": positive("sersic_n", high=20),
    "nsa_sersic_n": positive("nsa_sersic_n", high=6),
    "position_angle_deg": number("position_angle_deg", low=-360, high=360),
    "log_mass": number("log_mass", low=3, high=15),
    "psf_fwhm_arcsec": positive("psf_fwhm_arcsec", high=60),
    "drp3qual": whole("drp3qual"),
    "dapqual": whole("dapqual"),
    "flag_failed_s": whole("flag_failed_s"),
    "subhalo_flag": whole("subhalo_flag"),
    "lambda_r_limit": number("lambda_r_limit", low=0, high=10),
}
_UNITS = {
    **dict.fromkeys(("ra", "dec", "position_angle_deg"), _DEGREES),
    **dict.fromkeys(("r_eff_arcsec", "psf_fwhm_arcsec"), _ARCSEC),
    **dict.fromkeys(("redshift", "t_type", *MORPHOLOGY_PROBABILITIES, "axis_ratio", "ellipticity"), _NO_UNIT),
    **dict.fromkeys(("sersic_n", "nsa_sersic_n", "lambda_r", "lambda_r_error", "lambda_r_limit"), _NO_UNIT),
}
"""Units that numbers are converted to. A logarithmic mass is taken as it is, and flags have no unit."""


def _with(name: str, spellings: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name of ours and the known spellings that differ from it."""
    return (name, *(one for one in spellings if one.casefold() != name))


AVAILABLE: dict[str, Column] = {
    name: replace(column, spellings=_with(name, column.spellings), unit=_UNITS.get(name))
    for name, column in {**COMMON, **_MORE}.items()
}
"""Every column of the catalogues (``base.MORPHOLOGY``, ``PHOTOMETRY``, ``KINEMATICS``) that a table can give: not the
names of sources, nor values that belong to one source (``nsa_axis_ratio``, ``jam_qual``)."""

PROPOSED: dict[str, tuple[str, ...]] = {
    "galaxy_id": ("CATID", "CATAID", "plateifu", "galaxy", "objid", "source_id", "id"),
    "ra": ("RA_OBJ", "RAJ2000", "ra_deg", "objra"),
    "dec": ("DEC_OBJ", "DEJ2000", "dec_deg", "objdec"),
    "redshift": ("z_spec", "zspec", "nsa_z"),
    "t_type": ("type",),
    "lambda_r": ("lambdar_re", "lambda_e", "lam_re"),
    "lambda_r_error": ("lambdar_re_err",),
    "ellipticity": ("ellip", "eps", "epsilon_e", "eps_mge"),
    "axis_ratio": ("b_a", "b/a", "ba", "q", "BA_S", "nsa_elpetro_ba"),
    "r_eff_arcsec": ("r_e", "re", "r_eff", "reff", "re_arcsec", "re_arc", "A_HL_S", "nsa_elpetro_th50_r"),
    "sersic_n": ("n_sersic", "N_S"),
    "position_angle_deg": ("pa", "position_angle", "nsa_elpetro_phi"),
    "log_mass": ("lmstar", "logmstar", "log_mstar", "mstar"),
}
"""Further spellings, which `rotators survey new` proposes: they may mean something else in another table."""


def own_columns(chosen: Mapping[str, str], units: Mapping[str, str]) -> Columns:
    """Return the columns of a table by common name.

    Parameters
    ----------
    chosen : mapping of str to str
        Names in the table by common name; other columns have their known spellings.
    units : mapping of str to str
        Units in the table by common name, in place of those of the file.
    """
    return {
        name: replace(
            column,
            spellings=(chosen[name],) if name in chosen else column.spellings,
            given_unit=units.get(name, ""),
        )
        for name, column in AVAILABLE.items()
    }
