"""One good file of every kind that the pipeline reads, under a data root: what the fuzzing starts from."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from rotator_assets_tests.imaging.test_frames import DEC, RA, write_field
from rotator_assets_tests.kinematics.maps_files import Disc
from rotator_assets_tests.kinematics.test_particle_files import galaxy, write_cutout
from rotator_assets_tests.surveys.files import (
    BROADBAND_HEADER,
    picture,
    table_hdu,
    write_cube,
    write_fits,
    write_hdf5,
    write_manga_catalogs,
    write_text,
)
from rotator_assets_tests.surveys.test_group_catalog import write_catalog

GALAXY = "8000-1901"
PLACE = (RA, DEC)
"""Position of the galaxy in the frames, degrees."""
SIDE = 40


def write_seeds(root: Path) -> None:
    """Catalogues, images, maps and particles of one galaxy a survey."""
    _write_manga(root / "manga")
    _write_tng100(root / "tng100")
    write_text(
        root / "atlas3d" / "catalogs" / "Emsellem2011_Atlas3D_Paper3_TableB1.txt",
        "# Galaxy\n  IC0560   1.10  0.587  0.479  G  0.770  0.607  0.691  0.589  F  F\n",
    )


def _write_manga(folder: Path) -> None:
    write_manga_catalogs(folder)
    dapall = {
        "PLATEIFU": [GALAXY, "8000-1902"],
        "NSA_ELPETRO_BA": np.array([0.8, 0.7]),
        "DAPQUAL": np.array([0, 1]),
    }
    write_fits(
        folder / "catalogs" / "dapall-v3_1_1-3.1.0.fits",
        table_hdu(dapall),
        table_hdu(dapall, "HYB10-MILESHC-MASTARSSP"),
    )
    write_text(folder / "catalogs" / "lambda_r.csv", f"# mine\nplateifu,lambda_r,lambda_r_error\n{GALAXY},0.3,0.01\n")
    for release, name in (("DR15", "HYB10-GAU-MILESHC.fits"), ("DR17", "HYB10-MILESHC-MASTARSSP.fits.gz")):
        Disc().write(folder / "maps" / release / f"manga-{GALAXY}-MAPS-{name}", release, PLATEIFU=GALAXY)
    images = folder / "images"
    planes = picture(SIDE)
    write_cube(images / f"{GALAXY}.fits", planes, {"BANDS": "gri"})
    write_cube(images / f"{GALAXY}.fits.gz", planes)
    for band, plane in zip("gri", planes, strict=True):
        write_cube(images / f"{GALAXY}_{band}.fits", plane)
    colours = np.clip(255 * planes[::-1].transpose(1, 2, 0), 0, 255).astype(np.uint8)
    for ending in ("png", "jpg"):
        Image.fromarray(colours).save(images / f"{GALAXY}.{ending}")
    write_tar(images / "cutouts.tar", images / f"{GALAXY}.png")
    write_field(images, [PLACE], shape=(180, 180), ending=".fits.bz2")


def _write_tng100(folder: Path) -> None:
    catalogs = folder / "catalogs"
    write_hdf5(
        catalogs / "morphologies_deeplearn.hdf5",
        {"Snapshot_99": {"SubhaloID": [6, 5], "P_Late": [0.2, 0.9], "P_S0": [0.2, 0.3]}},
    )
    fits = {"subfind_id": [6], "flag": [0], "flag_sersic": [0], "sn_per_pixel": [9.0], "sersic_n": [4.0]}
    shape = {"sersic_rhalf": [10.0], "sersic_ellip": [0.25], "sersic_theta": [0.3]}
    write_hdf5(catalogs / "morphs_i.hdf5", {"/": fits | shape})
    write_text(catalogs / "lambda_r.csv", "subfind_id,lambda_r,ellipticity\n6,0.1,0.3\n")
    write_catalog(catalogs / "groups_099")
    write_cutout(folder / "cutouts" / "cutout_6.hdf5", galaxy(n=1500))
    planes = 1e3 * np.stack([*picture(SIDE), picture(SIDE)[0]])
    write_cube(folder / "images" / "broadband_6.fits", planes.astype(np.float32), BROADBAND_HEADER, wcs=False)
    write_tar(folder / "images" / "sdss.tar", folder / "images" / "broadband_6.fits")


def write_tar(path: Path, *members: Path) -> None:
    """A tar archive of these files, in folders of its own."""
    with tarfile.open(path, "w") as archive:
        for member in members:
            content = member.read_bytes()
            entry = tarfile.TarInfo(f"sdss/data/{member.name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
