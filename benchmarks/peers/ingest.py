"""Images of galaxies into one array by a plain loop over the files, without any check.

``python -m benchmarks.peers.ingest KIND FOLDER OUTPUT``, as `benchmarks.stages.ingest`.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image
from scipy.ndimage import gaussian_filter

SIZE = 64
FWHM_PX = np.array([1.469, 1.356, 1.286]) / 0.396
SKY_NMGY = np.array([0.0174, 0.0275, 0.0463])
NANOMAGGIES_PER_COUNT = 1e9 / np.array([2.40238e10, 2.3826e10, 1.59001e10])
ELECTRONS = np.array([1009.0, 934.0, 757.0])


def crop(planes: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return the middle of (band, y, x) as (y, x, band)."""
    y, x = (n // 2 - size // 2 for n in planes.shape[1:])
    return planes[:, y : y + size, x : x + size].transpose(1, 2, 0)


def cubes(folder: Path, galaxies: pd.DataFrame, images: np.ndarray) -> None:
    for number, galaxy in enumerate(galaxies["galaxy_id"]):
        images[number] = crop(fits.getdata(folder / "images" / f"{galaxy}.fits"))


def pictures(folder: Path, galaxies: pd.DataFrame, images: np.ndarray) -> None:
    for number, galaxy in enumerate(galaxies["galaxy_id"]):
        with Image.open(folder / "images" / f"{galaxy}.png") as picture:
            rgb = np.asarray(picture.convert("RGB"))[::-1]
        images[number] = crop(rgb.transpose(2, 0, 1)[::-1].astype(np.float32) / np.float32(255))


def members(folder: Path, galaxies: pd.DataFrame, images: np.ndarray) -> None:
    with tarfile.open(folder / "images" / "cutouts.tar") as archive:
        for number, galaxy in enumerate(galaxies["galaxy_id"]):
            with archive.extractfile(f"cutouts/{galaxy}.fits") as member:
                images[number] = crop(fits.getdata(io.BytesIO(member.read())))


def simulated(folder: Path, galaxies: pd.DataFrame, images: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    for number, galaxy in enumerate(galaxies["galaxy_id"]):
        counts = crop(fits.getdata(folder / "images" / f"broadband_{galaxy}.fits")[:3], 160)
        light = counts * NANOMAGGIES_PER_COUNT
        seen = np.stack([gaussian_filter(light[..., k], FWHM_PX[k] / 2.3548) for k in range(3)], axis=2)
        photons = rng.poisson(np.clip(seen, 0, None) * ELECTRONS) / ELECTRONS
        images[number] = crop((photons + rng.normal(size=seen.shape) * SKY_NMGY).transpose(2, 0, 1))


def frames(folder: Path, galaxies: pd.DataFrame, images: np.ndarray) -> None:
    for k, band in enumerate("gri"):
        with fits.open(folder / "images" / f"frame-{band}-001043-1-0036.fits") as hdus:
            pixels, wcs = hdus[0].data, WCS(hdus[0].header)
        for number, place in enumerate(galaxies[["ra", "dec"]].to_numpy()):
            x, y = (int(np.rint(value - 63.5)) + 32 for value in wcs.wcs_world2pix([place], 0)[0])
            images[number, ..., k] = pixels[y : y + SIZE, x : x + SIZE]


def main(kind: str, folder: Path, output: Path) -> None:
    started = time.perf_counter()
    galaxies = pd.read_csv(folder / "galaxies.csv", dtype={"galaxy_id": str})
    images = np.empty((len(galaxies), SIZE, SIZE, 3), np.float32)
    {"cubes": cubes, "pictures": pictures, "members": members, "simulated": simulated, "frames": frames}[kind](
        folder, galaxies, images
    )
    np.save(output, images)
    seconds = time.perf_counter() - started
    print(json.dumps({"items": len(galaxies), "seconds": seconds, "output": str(output)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
