"""Writers of small files in the published formats, with the pitfalls of the real ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

IDS = ("8000-1901", "8000-1902", "8001-3701", "8001-3702", "8002-6101")
"""The MaNGA sample: the first and fourth are one galaxy, observed twice."""

MORPHOLOGY_DR15 = {
    "INTID": np.arange(1, 6, dtype=np.int32),
    "MANGA-ID": ["1-100", "1-200", "1-300", "1-100", "1-500"],
    "PLATEIFU": [name.ljust(11) for name in IDS],
    "OBJID": np.full(5, 1237661435926544550, dtype=np.int64),
    "RA": np.array([210.0, 120.5, 33.25, 210.0, 7.0]),
    "DEC": np.array([45.0, -1.0, 2.0, 45.0, 60.0]),
    "Z": np.array([0.04, 0.02, 0.03, 0.04, 0.05]),
    "DUPL_GR": np.array([1, 0, 0, 1, 0], dtype=np.int32),
    "DUPL_N": np.array([2, 0, 0, 2, 0], dtype=np.int32),
    "DUPL_ID": np.array([1, 0, 0, 2, 0], dtype=np.int32),
    "TTYPE": np.array([-2.0, 1.9, 2.0, -2.1, -999.0]),
    "FLAG_TT": np.array([0, 1, 0, 0, 0], dtype=np.int32),
    "P_S0": np.array([0.2, 0.9, 0.5, 0.2, 0.5]),
}
PYMORPH_R = {
    "PLATEIFU": list(IDS),
    "FLAG_FIT": np.array([1, 1, 3, 1, 1], dtype=np.int32),
    "FLAG_FAILED_S": np.array([0, 0, 1, 0, 1], dtype=np.int32),
    "A_HL_S": np.array([5.0, 6.0, -999.0, 5.1, -999.0], dtype=np.float32),
    "N_S": np.array([4.0, 3.0, -999.0, 4.1, -999.0], dtype=np.float32),
    "BA_S": np.array([0.9, 0.5, -999.0, 0.91, -999.0], dtype=np.float32),
}
DRPALL = {
    "plate": np.array([8000, 8000, 8001, 8001, 9000]),
    "plateifu": ["8000-1901", "8000-1902", "8001-3701", "8001-3701", "9000-1901"],
    "z": np.array([0.04, 0.02, 0.03, 0.03, -999.0]),
    "drp3qual": np.array([0, 1 << 30, 64, 0, 0]),
    "rfwhm": np.array([2.5, 2.4, 2.6, 9.9, 2.5]),
    "nsa_elpetro_ba": np.array([0.8, 0.6, 0.7, 0.1, -9999.0]),
    "nsa_elpetro_phi": np.array([10.0, 200.0, 170.0, 1.0, -9999.0]),
    "nsa_elpetro_mass": np.array([1e10, 1e11, 5e9, 1.0, -9999.0]),
    "nsa_elpetro_th50_r": np.array([4.0, 5.0, 6.0, 1.0, -9999.0]),
    "nsa_sersic_n": np.array([6.0, 2.0, 1.0, 1.0, -9999.0]),
    "nsa_petro_flux": np.ones((5, 7), dtype=np.float32),
}
DYNPOP = {
    "plateifu": list(IDS),
    "Lambda_Re": np.array([0.05, 0.6, -1.0, np.nan, 1.1]),
    "nsa_sersic_n": np.array([4.0, 3.0, -9999.0, 4.0, 2.0]),
    "nsa_elpetro_absmag": np.ones((5, 7)),
    "Qual": np.array([1, -1, 0, 2, 3]),
}
PIPE3D = {
    "mangaid": [f"manga-{name}" for name in (*IDS[:4], "9999-101")],
    "lambda_re": np.array([0.04, 0.4, 0.5, 0.06, 0.7], dtype=np.float32),
    "e_lambda_re": np.array([0.01, 0.1, 0.1, 0.02, 0.1], dtype=np.float32),
    "plateifu": [*IDS[:4], "9999-101"],
}
BROADBAND_HEADER = {
    "BUNIT": "counts/s/pixel",
    "CDELT1": 388.65,
    "CTYPE1": "pc",
    "CDELT2": 388.65,
    "CTYPE2": "pc",
    "PIXSCALE": 0.396,
    "USE_Z": 0.0485236,
    "FILTER0": "sloan/sdss_g",
    "FILTER1": "sloan/sdss_r",
    "FILTER2": "sloan/sdss_i",
    "FILTER3": "sloan/sdss_z",
}
"""Keywords of a published TNG image: no celestial coordinates, no zero point."""


def table_hdu(columns: dict, name: str = "") -> fits.BinTableHDU:
    """A binary table (big-endian, as FITS is) of text and numbers."""
    made = []
    for key, values in columns.items():
        values = np.asarray(values)
        width = values.dtype.itemsize // 4 if values.dtype.kind == "U" else 0
        code = {"U": f"{width}A", "f": "D" if values.itemsize == 8 else "E", "i": "K" if values.itemsize == 8 else "J"}
        repeat = values.shape[1] if values.ndim > 1 else ""
        made.append(fits.Column(key, f"{repeat}{code[values.dtype.kind]}", array=values))
    return fits.BinTableHDU.from_columns(made, name=name)


def write_fits(path: Path, *hdus, synthetic: bool = False) -> Path:
    """A FITS file with an empty primary HDU and these extensions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    primary = fits.PrimaryHDU()
    if synthetic:
        primary.header["SYNTHET"] = True
    fits.HDUList([primary, *hdus]).writeto(path, overwrite=True)
    return path


def write_manga_catalogs(folder: Path) -> Path:
    """Every MaNGA catalogue; ``folder`` is the survey's."""
    for name, content in _manga_catalogs().items():
        path = folder / "catalogs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@cache
def _manga_catalogs() -> dict[str, bytes]:
    """Content of every MaNGA catalogue by name: a hundred tests have a copy."""
    with TemporaryDirectory() as folder:
        _make_manga_catalogs(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _make_manga_catalogs(catalogs: Path) -> None:
    g = PYMORPH_R | {"BA_S": np.full(5, 0.11, dtype=np.float32)}
    i = PYMORPH_R | {"BA_S": np.full(5, 0.33, dtype=np.float32)}
    write_fits(catalogs / "manga-morphology-dl-DR15.fits", table_hdu(MORPHOLOGY_DR15, "Joined"))
    write_fits(catalogs / "manga-pymorph-DR15.fits", table_hdu(g), table_hdu(PYMORPH_R), table_hdu(i))
    write_fits(catalogs / "drpall-v2_4_3.fits", table_hdu(DRPALL, "MANGA"))
    write_fits(catalogs / "SDSSDR17_MaNGA_JAM.fits", table_hdu(DYNPOP))
    write_fits(catalogs / "manga.Pipe3D-v2_1_2.fits", table_hdu(PIPE3D))


def write_hdf5(path: Path, groups: dict[str, dict], synthetic: bool = False) -> Path:
    """Groups of one-dimensional datasets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        if synthetic:
            file.attrs["synthetic"] = True
        for group, datasets in groups.items():
            for name, values in datasets.items():
                file[f"{group}/{name}"] = np.asarray(values)
    return path


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def picture(size: int, seed: int = 0) -> np.ndarray:
    """(3, size, size) float32 planes that differ from each other, a source in the middle."""
    y, x = np.indices((size, size)) - size // 2
    light = np.exp(-np.hypot(y, x) / 5)
    noise = np.random.default_rng(seed).normal(0, 0.01, (3, size, size))
    return (light * np.array([1.0, 2.0, 3.0])[:, None, None] + noise).astype(np.float32)


def write_cube(path: Path, planes: np.ndarray, header: dict | None = None, wcs: bool = True) -> Path:
    """A FITS cube of nanomaggies, by default with the coordinates that the Legacy Survey viewer gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(planes)
    if wcs:
        coordinates = WCS(naxis=2)
        coordinates.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        coordinates.wcs.crval = [150.0, 30.0]
        coordinates.wcs.crpix = [planes.shape[-1] / 2, planes.shape[-2] / 2]
        angle = np.deg2rad(30)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        coordinates.wcs.cd = rotation @ np.diag([-0.396 / 3600, 0.396 / 3600])
        hdu.header.update(coordinates.to_header())
    hdu.header.update(header or {})
    hdu.writeto(path, overwrite=True)
    return path
