"""The tables of the synthetic MaNGA survey: MDLM and PyMorph of DR15, drpall, and DynPop's lambda_R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.synthetic.marked import Column, write_fits_tables
from rotator_assets.synthetic.motions import effective_dispersion
from rotator_assets.synthetic.photometry import angular_diameter_distance, total_flux
from rotator_assets.synthetic.population import measured

FAILED = -999.0
"""Missing value in MDLM and PyMorph."""
NSA_NULL = -9999.0
"""Missing value in drpall and DynPop."""
FIRST_OBJECT = 9_000_000_000_000_000_000
"""Larger than every SDSS object identifier."""

PYMORPH_BANDS = ("g", "r", "i")
PYMORPH_EXTINCTION = {"g": 1.36, "r": 0.94, "i": 0.70}
"""Mean extinction relative to g + r."""


def write_manga_tables(folder: Path, truth: pd.DataFrame, seed: int) -> None:
    """Write the four tables.

    Repeat observations share the values measured on the image, but each has its own lambda_R.

    Parameters
    ----------
    folder
        Folder to write to.
    truth
        Truth table of the survey.
    seed
        Seed of the sample.
    """
    rng = np.random.default_rng([seed, 10])
    first = pd.factorize(truth["object_id"])[0]  # row of each galaxy's first observation
    fits = measured(truth, rng).iloc[first].reset_index(drop=True)
    extinction = rng.lognormal(-3.7, 0.7, len(truth))[first]
    common = _identity(truth, first)
    write_fits_tables(
        folder / "manga-morphology-dl-DR15.fits", [("Joined", {**common, **_morphology(truth, first, rng)})]
    )
    renamed = {("MANGA_ID" if name == "MANGA-ID" else name): column for name, column in common.items()}
    renamed |= {"MANGA_ID": ("12A", truth["object_id"]), "PLATEIFU": ("12A", truth["galaxy_id"])}
    renamed["OBJID"] = ("20A", common["OBJID"][1])
    pa_in_frame = _half_turn(90 - truth["position_angle_deg"] - rng.uniform(0, 180, len(truth))[first])
    pymorph = [(None, {**renamed, **_pymorph(truth, fits, band, extinction, pa_in_frame)}) for band in PYMORPH_BANDS]
    write_fits_tables(folder / "manga-pymorph-DR15.fits", pymorph)
    in_drpall = truth["loss"] != "not in drpall"
    drpall = _drpall(truth, fits, extinction, rng)
    write_fits_tables(folder / "drpall-v2_4_3.fits", [("MANGA", _rows(drpall, in_drpall))])
    dynpop = _dynpop(truth, measured(truth, rng), drpall, rng)
    write_fits_tables(folder / "SDSSDR17_MaNGA_JAM.fits", [(None, _rows(dynpop, truth["loss"] != "not in DynPop"))])


def _rows(columns: dict[str, Column], kept: pd.Series) -> dict[str, Column]:
    return {name: (form, np.asarray(values)[kept.to_numpy()]) for name, (form, values) in columns.items()}


def _half_turn(degrees: ArrayLike) -> NDArray[np.float64]:
    """Return the same axis between -90 and 90 degrees."""
    return (np.asarray(degrees) + 90) % 180 - 90


def _identity(truth: pd.DataFrame, first: NDArray) -> dict[str, Column]:
    """Return the columns that MDLM and PyMorph share, under MDLM's names."""
    counts = np.bincount(first)[first]
    groups = np.unique(first[counts > 1])
    repeated = counts > 1
    return {
        "INTID": ("J", 1 + np.arange(len(truth))),
        "MANGA-ID": ("9A", truth["object_id"]),
        "PLATEIFU": ("11A", truth["galaxy_id"]),
        "OBJID": ("K", FIRST_OBJECT + first),
        "RA": ("D", truth["ra_deg"]),
        "DEC": ("D", truth["dec_deg"]),
        "Z": ("D", truth["redshift"]),
        "DUPL_GR": ("J", np.where(repeated, 1 + np.searchsorted(groups, first), 0)),
        "DUPL_N": ("J", np.where(repeated, counts, 0)),
        "DUPL_ID": ("J", np.where(repeated, 1 + truth.groupby("object_id").cumcount(), 0)),
    }


def _morphology(truth: pd.DataFrame, first: NDArray, rng: np.random.Generator) -> dict[str, Column]:
    """Return T-Type and probabilities as in the deep-learning catalogue."""

    def probability(likely: ArrayLike) -> NDArray[np.float64]:
        """Return values near 1 where ``likely`` is well above 0, and near 0 where it is well below."""
        return (1 / (1 + np.exp(-3 * np.asarray(likely) + rng.normal(0, 0.8, len(truth)))))[first]

    disc = truth["has_disc"].to_numpy() * 2.0 - 1
    flattened = (truth["ellipticity"].to_numpy() - 0.65) / 0.15
    bulge = (truth["bulge_to_total_r"].to_numpy() - 0.4) / 0.3
    flags = rng.uniform(size=(2, len(truth))) < 0.02
    return {
        "TTYPE": ("D", np.where(truth["loss"] == "no TTYPE", FAILED, truth["t_type"])),
        "FLAG_TT": ("J", flags[0][first]),
        "P_S0": ("D", probability(disc)),
        "FLAG_S0": ("J", flags[1][first]),
        "P_EDGE_ON": ("D", probability(flattened)),
        "P_BAR_GZ2": ("D", probability(np.full(len(truth), -1.0))),
        "P_BAR_N10": ("D", probability(np.full(len(truth), -0.5))),
        "P_MERG": ("D", probability(np.full(len(truth), -0.8))),
        "P_BULGE": ("D", probability(bulge)),
        "P_CIGAR": ("D", probability(flattened)),
    }


def _pymorph(
    truth: pd.DataFrame, fits: pd.DataFrame, band: str, extinction: NDArray, pa_in_frame: NDArray
) -> dict[str, Column]:
    """Return one band: the single Sersic fit, and bulge and disc if the galaxy has both; -999 where a fit failed."""
    failed = (truth["loss"] == "PyMorph failed").to_numpy()
    no_disc = failed | ~truth["has_disc"].to_numpy()
    magnitude = 22.5 - 2.5 * np.log10(total_flux(truth, band))
    bulge_fraction = np.clip(truth["bulge_to_total_r"].to_numpy(), 1e-6, 1 - 1e-6)

    def single(values: ArrayLike) -> Column:
        return "E", np.where(failed, FAILED, values)

    def double(values: ArrayLike) -> Column:
        return "E", np.where(no_disc, FAILED, values)

    columns: dict[str, Column] = {
        "EXTINCTION": single(extinction * PYMORPH_EXTINCTION[band]),
        "FLAG_FIT": ("J", np.select([failed, no_disc], [3, 1], 2)),
        "FLAG_FAILED_S": ("J", failed),
        "M_S": single(magnitude),
        "M_S_ERR": single(0.006),
        "M_S_TRUNC": single(magnitude + 0.02),
        "A_HL_S": single(fits["r_eff_arcsec"]),
        "A_HL_S_ERR": single(0.01 * fits["r_eff_arcsec"]),
        "A_HL_S_TRUNC": single(0.98 * fits["r_eff_arcsec"]),
        "N_S": single(fits["sersic_n"]),
        "N_S_ERR": single(0.01 * fits["sersic_n"]),
        "BA_S": single(fits["axis_ratio"]),
        "BA_S_ERR": single(0.003),
        "PA_S": single(pa_in_frame),
        "PA_S_ERR": single(0.5),
        "GALSKY_S": single({"g": 21.8, "r": 20.9, "i": 20.3}[band]),
        "FLAG_FAILED_SE": ("J", no_disc),
        "M_SE": double(magnitude),
        "M_SE_TRUNC": double(magnitude + 0.02),
        "A_HL_SE": double(fits["r_eff_arcsec"]),
        "A_HL_SE_TRUNC": double(0.98 * fits["r_eff_arcsec"]),
        "BA_SE": double(fits["axis_ratio"]),
        "BT_SE": double(bulge_fraction),
        "BT_SE_TRUNC": double(bulge_fraction),
    }
    parts = {
        "BULGE": ("bulge", bulge_fraction, truth["bulge_sersic_n"], 0.1),
        "DISK": ("disc", 1 - bulge_fraction, 1.0, 0.0),
    }
    for part, (name, fraction, index, index_error) in parts.items():
        part_magnitude = magnitude - 2.5 * np.log10(fraction)
        radius = truth[f"{name}_r_eff_arcsec"]
        columns |= {
            f"M_SE_{part}": double(part_magnitude),
            f"M_SE_{part}_ERR": double(0.02),
            f"M_SE_{part}_TRUNC": double(part_magnitude),
            f"A_HL_SE_{part}": double(radius),
            f"A_HL_SE_{part}_ERR": double(0.02 * radius),
            f"A_HL_SE_{part}_TRUNC": double(radius),
            f"N_SE_{part}": double(index),
            f"N_SE_{part}_ERR": double(index_error),
            f"BA_SE_{part}": double(truth[f"{name}_axis_ratio"]),
            f"BA_SE_{part}_ERR": double(0.01),
            f"PA_SE_{part}": double(pa_in_frame),
            f"PA_SE_{part}_ERR": double(1.0),
        }
    return columns | {"GALSKY_SE": double(columns["GALSKY_S"][1])}


def _drpall(
    truth: pd.DataFrame, fits: pd.DataFrame, extinction: NDArray, rng: np.random.Generator
) -> dict[str, Column]:
    """Return scalar and flux columns of drpall: the NASA-Sloan Atlas, masses in h^-2 Msun, fluxes in F N u g r i z."""
    n = len(truth)
    plate, ifu = np.array([name.split("-") for name in truth["galaxy_id"]]).astype(int).T
    axis_ratio = np.clip(truth["axis_ratio"] + rng.normal(0, 0.03, n), 0.1, 0.99)
    mass = 10 ** (truth["log_mass_h2_msun"] + rng.normal(0, 0.05, n))
    griz = np.array([total_flux(truth, band) for band in "griz"]).T
    flux = np.column_stack([0.02 * griz[:, 0], 0.04 * griz[:, 0], 0.22 * griz[:, 0], griz])  # UV of an old population
    abs_mag = truth["abs_mag_r"].to_numpy()[:, None] - 2.5 * np.log10(flux / flux[:, 4:5])
    seeing = 2.5 + 0.12 * rng.standard_normal(n)
    return {
        "plate": ("K", plate),
        "ifudsgn": ("K", ifu),
        "plateifu": ("20A", truth["galaxy_id"]),
        "mangaid": ("20A", truth["object_id"]),
        "objra": ("D", truth["ra_deg"]),
        "objdec": ("D", truth["dec_deg"]),
        "z": ("D", truth["redshift"]),
        "ebvgal": ("D", extinction / 3.3),
        "gfwhm": ("D", 1.01 * seeing),
        "rfwhm": ("D", seeing),
        "ifwhm": ("D", 0.985 * seeing),
        "zfwhm": ("D", 0.975 * seeing),
        "drp3qual": ("K", np.where(rng.uniform(size=n) < 0.01, 1 << 30, 0)),
        "mngtarg1": ("K", np.where(rng.uniform(size=n) < 0.6, 1 << 10, 1 << 11)),
        "mngtarg2": ("K", np.zeros(n)),
        "mngtarg3": ("K", np.zeros(n)),
        "nsa_iauname": ("20A", [_iau_name(*place) for place in zip(truth["ra_deg"], truth["dec_deg"], strict=True)]),
        "nsa_field": ("K", rng.integers(11, 600, n)),
        "nsa_run": ("K", rng.integers(94, 8163, n)),
        "nsa_camcol": ("K", rng.integers(1, 7, n)),
        "nsa_nsaid": ("K", 900_000 + np.arange(n)),
        "nsa_z": ("D", truth["redshift"]),
        "nsa_zdist": ("D", truth["redshift"]),
        "nsa_sersic_mass": ("D", 1.05 * mass),
        "nsa_elpetro_mass": ("D", mass),
        "nsa_elpetro_ba": ("D", axis_ratio),
        "nsa_elpetro_phi": ("D", (truth["position_angle_deg"] + rng.normal(0, 2, n)) % 180),
        "nsa_elpetro_th50_r": ("D", 0.95 * fits["r_eff_arcsec"]),
        "nsa_sersic_ba": ("D", axis_ratio),
        "nsa_sersic_n": ("D", np.minimum(fits["sersic_n"], 6.0)),
        "nsa_sersic_phi": ("D", truth["position_angle_deg"]),
        "nsa_sersic_th50": ("D", fits["r_eff_arcsec"]),
        "nsa_elpetro_absmag": ("7E", abs_mag),
        "nsa_petro_flux": ("7E", 0.92 * flux),
        "nsa_elpetro_flux": ("7E", 0.95 * flux),
        "nsa_sersic_flux": ("7E", flux),
    }


def _iau_name(ra_deg: float, dec_deg: float) -> str:
    """Return JHHMMSS.ss+DDMMSS.s of a position."""
    tenths = int(abs(dec_deg) * 36000)
    hundredths = int(ra_deg / 15 * 360000)
    hours, minutes, seconds = hundredths // 360000, hundredths // 6000 % 60, hundredths % 6000 / 100
    degrees, arcmin, arcsec = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    sign = "-" if dec_deg < 0 else "+"
    return f"J{hours:02d}{minutes:02d}{seconds:05.2f}{sign}{degrees:02d}{arcmin:02d}{arcsec:04.1f}"


def _dynpop(
    truth: pd.DataFrame, fits: pd.DataFrame, drpall: dict[str, Column], rng: np.random.Generator
) -> dict[str, Column]:
    """Return columns of MaNGA DynPop I (Zhu et al. 2023, MNRAS 522, 6326), HDU 1; lambda_R is corrected for seeing."""
    n = len(truth)
    spin = np.select(
        [truth["loss"] == "Lambda_Re zero", truth["loss"] == "Lambda_Re NaN"], [0.0, np.nan], fits["lambda_r"]
    )
    no_nsa = rng.permutation(n) < n // 100
    distance = angular_diameter_distance(truth["redshift"])

    def nsa(name: str) -> Column:
        form, values = drpall[name]
        return form, np.where(no_nsa, NSA_NULL, np.asarray(values))

    return {
        **{name: drpall[name] for name in ("plate", "ifudsgn")},
        "plateifu": ("11A", truth["galaxy_id"]),
        "mangaid": ("9A", truth["object_id"]),
        "obj_ra": ("D", truth["ra_deg"]),
        "obj_dec": ("D", truth["dec_deg"]),
        "ebvgal": drpall["ebvgal"],
        "target": ("K", (np.asarray(drpall["mngtarg1"][1]) == 1 << 11)),
        "rmax_arcsec": ("D", 2 * truth["r_eff_arcsec"]),
        "DA": ("D", distance / 0.7),
        "Re_arcsec_MGE": ("D", fits["r_eff_arcsec"] * np.sqrt(fits["axis_ratio"])),
        "Rmaj_arcsec_MGE": ("D", fits["r_eff_arcsec"]),
        "Lum_tot_MGE": ("D", -0.4 * (truth["abs_mag_r"] + 5 * np.log10(0.7) - 4.65)),
        "Lambda_Re": ("D", spin),
        "Sigma_Re": ("D", effective_dispersion(truth["log_mass_h2_msun"]) * 10 ** rng.normal(0, 0.05, n)),
        "Eps_MGE": ("D", fits["ellipticity"]),
        "PA_phot": ("D", truth["position_angle_deg"]),
        "PA_kin": ("D", (truth["position_angle_deg"] + rng.normal(0, 5, n)) % 180),
        "PA_kin_flag": ("K", np.zeros(n)),
        "nsa_iauname": ("20A", drpall["nsa_iauname"][1]),
        "z": drpall["z"],
        **{name: drpall[name] for name in ("nsa_field", "nsa_run", "nsa_camcol")},
        "nsa_version": ("20A", ["v1_0_1"] * n),
        "nsa_id": drpall["nsa_nsaid"],
        "nsa_nsaid_v1b": drpall["nsa_nsaid"],
        "nsa_sersic_absmag": drpall["nsa_elpetro_absmag"],
        "nsa_elpetro_absmag": drpall["nsa_elpetro_absmag"],
        "nsa_sersic_mass": ("D", np.log10(drpall["nsa_sersic_mass"][1])),
        "nsa_elpetro_mass": ("D", np.log10(drpall["nsa_elpetro_mass"][1])),
        "nsa_sersic_ba": nsa("nsa_sersic_ba"),
        "nsa_sersic_n": nsa("nsa_sersic_n"),
        "nsa_sersic_phi": nsa("nsa_sersic_phi"),
        "nsa_sersic_th50": nsa("nsa_sersic_th50"),
        "nsa_sersic_flux": drpall["nsa_sersic_flux"],
        "Qual": ("K", rng.choice([-1, 0, 1, 2, 3], n, p=[0.1, 0.2, 0.3, 0.25, 0.15])),
        "drp3qual": ("K", np.asarray(drpall["drp3qual"][1]) == 0),
    }
