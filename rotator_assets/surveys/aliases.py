"""The one table of columns: what the published files call each that is read, and the values it can have.

Spellings differ between releases and copies of a catalogue (``TTYPE`` in DR15 is ``T-Type`` in DR17, ``MANGA-ID`` of
the morphology table is ``MANGA_ID`` in PyMorph's). Case never matters; the first spelling that a file has is taken.

A number outside the range of its column is missing: catalogues write -999, -99, 99.99, 1e20, infinity and more for what
they lack, and no list of these is complete. None of them is an axis ratio or a redshift.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError

LAMBDA_R_RANGE = (0.0, 1.5)
"""lambda_R is at most 1 by its definition; corrections for seeing (Graham et al. 2018) carry some values above."""


@dataclass(frozen=True)
class Column:
    """A column by its common name: what it holds and its published spellings, in order of preference.

    ``low`` and ``high``: the range of its numbers, which contains them unless ``positive`` (above ``low``).
    """

    kind: Literal["identifier", "text", "number", "whole"]
    spellings: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    positive: bool = False

    def holds(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """True for numbers that the column can have; false for NaN and infinities."""
        above = numbers > self.low if self.positive else numbers >= self.low
        return above & (numbers <= self.high) & np.isfinite(numbers)

    @property
    def range(self) -> str:
        """The range in words: ``[0, 1.5]``, ``(0, 1]``."""
        return f"{'(' if self.positive else '['}{self.low:g}, {self.high:g}]"


def _identifier(*spellings: str) -> Column:
    return Column("identifier", spellings)


def _text(*spellings: str) -> Column:
    return Column("text", spellings)


def _whole(*spellings: str, low: float = 0, high: float = 2**62) -> Column:
    return Column("whole", spellings, low, high)


def _number(*spellings: str, low: float, high: float) -> Column:
    return Column("number", spellings, low, high)


def _positive(*spellings: str, high: float) -> Column:
    return Column("number", spellings, 0.0, high, positive=True)


COLUMNS: dict[str, Column] = {
    # Who it is. MaNGA: PLATE-IFU of the observation; TNG: subhalo id within the snapshot.
    "galaxy_id": _identifier(
        "plateifu", "plate-ifu", "plate_ifu", "SubhaloID", "subfind_id", "SubfindID", "subhalo_id"
    ),
    "manga_id": _text("MANGA-ID", "MANGA_ID", "MANGAID"),
    "duplicate_group": _whole("DUPL_GR"),
    # Deep-learning morphology: DR15 spelling, then DR17 (Fischer et al. 2019; Dominguez Sanchez et al. 2022);
    # P_Late of Huertas-Company et al. (2019) for TNG.
    "ra": _number("RA", low=0, high=360),
    "dec": _number("DEC", low=-90, high=90),
    "redshift": _number("Z", "redshift", low=-0.1, high=20),
    "t_type": _number("TTYPE", "T-Type", "T_Type", low=-20, high=20),
    "flag_t_type": _whole("FLAG_TT"),
    "p_late": _number("P_Late", "P_LTG", low=0, high=1),
    # PyMorph, single Sersic fit.
    "pymorph_axis_ratio": _positive("BA_S", high=1),
    "pymorph_r_eff_arcsec": _positive("A_HL_S", high=1000),
    "pymorph_sersic_n": _positive("N_S", high=20),
    "flag_failed_s": _whole("FLAG_FAILED_S"),
    # drpall (NASA-Sloan Atlas columns).
    "nsa_axis_ratio": _positive("nsa_elpetro_ba", high=1),
    "nsa_r_eff_arcsec": _positive("nsa_elpetro_th50_r", high=1000),
    "nsa_sersic_n": _positive("nsa_sersic_n", high=20),
    "nsa_position_angle_deg": _number("nsa_elpetro_phi", low=0, high=360),
    "nsa_mass": _positive("nsa_elpetro_mass", high=1e15),
    "psf_fwhm_arcsec": _positive("rfwhm", high=60),
    "drp3qual": _whole("drp3qual"),
    # dapall: which analysis a row is of, and its quality mask.
    "daptype": _text("DAPTYPE"),
    "dapqual": _whole("DAPQUAL"),
    # Spin parameter: a user's table, DynPop's Lambda_Re with its half-light isophote, Pipe3D's lambda_re.
    "lambda_r": _number("lambda_r", "lambda_re", low=LAMBDA_R_RANGE[0], high=LAMBDA_R_RANGE[1]),
    "lambda_r_error": _number("lambda_r_error", "lambda_r_err", "e_lambda_r", "e_lambda_re", low=0, high=10),
    "jam_qual": _whole("Qual", low=-1, high=3),
    "ellipticity": _number("ellipticity", "epsilon", "Eps_MGE", low=0, high=1),
    "r_eff_arcsec": _positive("Rmaj_arcsec_MGE", high=1000),
    # statmorph (TNG morphs_*.hdf5).
    "morphs_flag": _whole("flag"),
    "morphs_flag_sersic": _whole("flag_sersic"),
    "morphs_sn_per_pixel": _number("sn_per_pixel", low=0, high=1e9),
    "morphs_sersic_n": _positive("sersic_n", high=20),
    "morphs_r_eff_pixels": _positive("sersic_rhalf", high=10_000),
    "morphs_ellipticity": _number("sersic_ellip", low=0, high=1),
    "morphs_theta_rad": _number("sersic_theta", low=-7, high=7),
}


def resolve(
    file: str, available: Iterable[str], required: Sequence[str], optional: Sequence[str], *, one_spelling: bool = False
) -> dict[str, str]:
    """Common name -> the file's own name for each requested column that it has.

    Raises InputError for a required column under none of its spellings, with the spellings looked for and the columns
    the file has; for a name that stands twice; and, with ``one_spelling``, for a column under two of its spellings,
    where a user's own table does not tell which of them counts.
    """
    available = list(available)
    by_folded_name: dict[str, list[str]] = {}
    for name in available:
        by_folded_name.setdefault(name.strip().casefold(), []).append(name)
    found = {}
    for common in (*required, *optional):
        spellings = COLUMNS[common].spellings
        matches = [by_folded_name[s.casefold()] for s in spellings if s.casefold() in by_folded_name]
        there = [name for names in (matches if one_spelling else matches[:1]) for name in names]
        if len(there) > 1:
            raise InputError(f"{file}: has {len(there)} columns for {common} ({', '.join(there)}): keep one of them")
        if there:
            found[common] = there[0]
        elif common in required:
            shown = ", ".join(available[:40]) + (", ..." if len(available) > 40 else "")
            raise InputError(
                f"{file}: has no column for {common} (looked for {', '.join(spellings)}, in any case); it has: {shown}"
            )
    return found
