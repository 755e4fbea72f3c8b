"""Files of a made-up survey that settings alone describe: a table with other names, and small FITS cubes."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from rotator_assets.core.data_root import DataRoot
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.surveys import DeclaredSurvey
from rotator_assets_tests.surveys.files import write_text

BLOCK = """\
surveys:
  sami:
    catalog: catalog.csv
    images: "images/{galaxy_id}.fits"
    columns: {galaxy_id: CATID, lambda_r: lambdar_re, ellipticity: ellip, t_type: type, r_eff_arcsec: r_e}
    pixel_scale_arcsec: 0.5
"""


def galaxies(n: int = 40) -> Table:
    """Half of them slow rotators, all early types; the first has no lambda_R."""
    number = np.arange(n)
    slow = number % 2 == 1
    return Table(
        {
            "CATID": 90000 + number,
            "RA_OBJ": 10.0 + number,
            "DEC_OBJ": -1.0 + number / 100,
            "type": np.where(number % 3, 0.0, 1.0),
            "lambdar_re": np.where(number == 0, -99.0, np.where(slow, 0.05, 0.6)),
            "ellip": np.where(slow, 0.1, 0.5),
            "r_e": 3.0 + number / 10,
            "notes": ["none"] * n,
        }
    )


def write_cube(path: Path, number: int, *, scale: float | None = 0.5, size: int = 70) -> None:
    """A round galaxy or a flat one, by its number."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    generator = np.random.default_rng(number)
    profile = np.exp(-np.hypot(x, y if number % 2 else 2 * y) / 8) + generator.normal(0, 0.01, (3, size, size))
    hdu = fits.PrimaryHDU(profile.astype(np.float32))
    hdu.header.update({"BUNIT": "nanomaggy", "BANDS": "gri"} | ({"PIXSCALE": scale} if scale else {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu.writeto(path, overwrite=True)


def write_survey(root: Path, n: int = 40, block: str | None = BLOCK) -> None:
    """Every galaxy but the sixth has an image, and that of the nineteenth has another pixel scale."""
    (root / "sami").mkdir(parents=True)
    galaxies(n).write(root / "sami" / "catalog.csv", format="ascii.csv")
    for number in range(n):
        if number != 5:
            scale = 0.396 if number == 18 else 0.5
            write_cube(root / "sami" / "images" / f"{90000 + number}.fits", number, scale=scale)
    if block:
        write_text(root / "settings.yaml", block)


def own(root: Path, block: str | None = None, name: str = "sami") -> DeclaredSurvey:
    """The survey as the settings of a root declare it, which may be written first."""
    if block is not None:
        write_text(root / "settings.yaml", block)
    return load_settings(DataRoot(root)).own_surveys[name]
