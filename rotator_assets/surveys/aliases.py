"""The one table of column names: what the published files call each column that is read.

Spellings differ between releases and copies of a catalogue (``TTYPE`` in DR15 is ``T-Type`` in DR17, ``MANGA-ID`` of
the morphology table is ``MANGA_ID`` in PyMorph's). Case never matters; the first spelling that a file has is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rotator_assets.errors import InputError


@dataclass(frozen=True)
class Column:
    """A column by its common name: what it holds and its published spellings, in order of preference."""

    kind: Literal["text", "number", "whole"]
    spellings: tuple[str, ...]


def _text(*spellings: str) -> Column:
    return Column("text", spellings)


def _whole(*spellings: str) -> Column:
    return Column("whole", spellings)


def _number(*spellings: str) -> Column:
    return Column("number", spellings)


COLUMNS: dict[str, Column] = {
    # Who it is. MaNGA: PLATE-IFU of the observation; TNG: subhalo id within the snapshot.
    "galaxy_id": _text("plateifu", "plate-ifu", "plate_ifu", "SubhaloID", "subfind_id", "SubfindID", "subhalo_id"),
    "manga_id": _text("MANGA-ID", "MANGA_ID", "MANGAID"),
    "duplicate_group": _whole("DUPL_GR"),
    # Deep-learning morphology: DR15 spelling, then DR17 (Fischer et al. 2019; Dominguez Sanchez et al. 2022);
    # P_Late of Huertas-Company et al. (2019) for TNG.
    "ra": _number("RA"),
    "dec": _number("DEC"),
    "redshift": _number("Z", "redshift"),
    "t_type": _number("TTYPE", "T-Type", "T_Type"),
    "flag_t_type": _whole("FLAG_TT"),
    "p_late": _number("P_Late", "P_LTG"),
    # PyMorph, single Sersic fit.
    "pymorph_axis_ratio": _number("BA_S"),
    "pymorph_r_eff_arcsec": _number("A_HL_S"),
    "pymorph_sersic_n": _number("N_S"),
    "flag_failed_s": _whole("FLAG_FAILED_S"),
    # drpall (NASA-Sloan Atlas columns).
    "nsa_axis_ratio": _number("nsa_elpetro_ba"),
    "nsa_r_eff_arcsec": _number("nsa_elpetro_th50_r"),
    "nsa_sersic_n": _number("nsa_sersic_n"),
    "nsa_position_angle_deg": _number("nsa_elpetro_phi"),
    "nsa_mass": _number("nsa_elpetro_mass"),
    "psf_fwhm_arcsec": _number("rfwhm"),
    "drp3qual": _whole("drp3qual"),
    # dapall: which analysis a row is of, and its quality mask.
    "daptype": _text("DAPTYPE"),
    "dapqual": _whole("DAPQUAL"),
    # Spin parameter: a user's table, DynPop's Lambda_Re, Pipe3D's lambda_re.
    "lambda_r": _number("lambda_r", "lambda_re"),
    "lambda_r_error": _number("lambda_r_error", "lambda_r_err", "e_lambda_r", "e_lambda_re"),
    "jam_qual": _whole("Qual"),
    "ellipticity": _number("ellipticity", "epsilon"),
    # statmorph (TNG morphs_*.hdf5).
    "morphs_flag": _whole("flag"),
    "morphs_flag_sersic": _whole("flag_sersic"),
    "morphs_sn_per_pixel": _number("sn_per_pixel"),
    "morphs_sersic_n": _number("sersic_n"),
    "morphs_r_eff_pixels": _number("sersic_rhalf"),
    "morphs_ellipticity": _number("sersic_ellip"),
    "morphs_theta_rad": _number("sersic_theta"),
}


def resolve(file: str, available: Iterable[str], required: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """Common name -> the name this file uses, for every required column and every optional one the file has.

    ``file`` names the file in the error. Raises InputError for a required column that is not there, with the
    spellings looked for and the columns the file has.
    """
    available = list(available)
    by_folded_name: dict[str, str] = {}
    for name in available:
        by_folded_name.setdefault(name.strip().casefold(), name)
    found = {}
    for common in (*required, *optional):
        spellings = COLUMNS[common].spellings
        match = next((by_folded_name[s.casefold()] for s in spellings if s.casefold() in by_folded_name), None)
        if match is not None:
            found[common] = match
        elif common in required:
            shown = ", ".join(available[:40]) + (", ..." if len(available) > 40 else "")
            raise InputError(
                f"{file}: has no column for {common} (looked for {', '.join(spellings)}, in any case); it has: {shown}"
            )
    return found
