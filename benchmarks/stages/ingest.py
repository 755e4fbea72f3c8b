"""Images of galaxies into one array: FITS cubes, pictures, members of an archive, mock observations, frames.

``python -m benchmarks.stages.ingest KIND FOLDER OUTPUT`` reads them with every check. Time counts from the list of
files to the saved array, start of worker processes included, imports excluded. The limit is that of reading the bytes
of the files from memory.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import Case, Options, Result, Side
from benchmarks.machine import Machine

SIZE = 64
SIDE = 128
PICTURE_SIDE = 80
FRAME_SHAPE = (1489, 2048)
DISTINCT = 470
PLACE = (150.0, 30.0)
SCALE_DEG = 0.396 / 3600


def cases(options: Options) -> Iterator[Case]:
    """Yield one case for each kind of file."""
    cubes = 47_000 if options.full else 4700
    yield _case(options, "cubes", f"{cubes} FITS cubes of {SIDE} px", cubes, 4 * 3 * SIDE**2, goal=5)
    yield _case(options, "pictures", f"PNG pictures of {PICTURE_SIDE} px", 2350, 3 * PICTURE_SIDE**2)
    yield _case(options, "members", f"members of a tar archive, cubes of {SIDE} px", DISTINCT, 4 * 3 * SIDE**2)
    yield _case(options, "simulated", "SKIRT cubes with mock observation", 94, 4 * 4 * 300**2)
    yield _case(options, "frames", "cut-outs from one field of SDSS frames", 300, 4 * 3 * SIDE**2)


def _case(options: Options, kind: str, name: str, n: int, n_bytes: int, goal: float | None = None) -> Case:
    folder = options.generated(f"ingest-{kind}-{n}", partial(_WRITERS[kind], n=n))
    ours, peer = (options.folder / f"ingest-{kind}-{side}.npy" for side in ("ours", "peer"))

    def limit(machine: Machine, _: Result) -> float:
        return machine.file_gb_s * 1e9 / n_bytes

    return Case(
        f"{name} to a {SIZE} px tensor",
        "images",
        Side.python("benchmarks.stages.ingest", kind, folder, ours),
        Side.python("benchmarks.peers.ingest", kind, folder, peer),
        _similar if kind == "simulated" else _equal,
        goal=goal,
        limit=limit,
    )


def _equal(ours: Result, peer: Result) -> str:
    first, second = (np.load(result.said["output"], mmap_mode="r") for result in (ours, peer))
    assert first.shape == second.shape and (first == second).all(), "the images differ"
    return f"{len(first)} images equal, bit for bit"


def _similar(ours: Result, peer: Result) -> str:
    """Seeing and noise are drawn differently, so only the light is compared."""
    first, second = (np.load(result.said["output"]).sum() for result in (ours, peer))
    assert abs(first / second - 1) < 0.05, f"the light differs: {first} and {second}"
    return f"light equal within {abs(first / second - 1):.1%}; seeing and noise are drawn differently"


def _header(shape: tuple[int, ...], place: tuple[float, float], band: str | None = None) -> bytes:
    from astropy.io import fits

    cards = [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", len(shape))]
    cards += [(f"NAXIS{axis}", side) for axis, side in enumerate(shape[::-1], start=1)]
    cards += [("FILTER", band) if band else ("BANDS", "gri"), ("BUNIT", "nanomaggy")]
    cards += [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", place[0]), ("CRVAL2", place[1])]
    cards += [("CRPIX1", (shape[-1] + 1) / 2), ("CRPIX2", (shape[-2] + 1) / 2)]
    cards += [("CDELT1", -SCALE_DEG), ("CDELT2", SCALE_DEG)]
    return fits.Header(cards).tostring().encode()


def _fits(header: bytes, pixels: np.ndarray) -> bytes:
    content = header + pixels.astype(">f4").tobytes()
    return content + bytes(-len(content) % 2880)


def _galaxy(rng: np.random.Generator, side: int, noise: float) -> np.ndarray:
    """Return an exponential disc with noise, (3, side, side)."""
    y, x = np.indices((side, side)) - (side - 1) / 2
    light = np.exp(-np.hypot(y, x * rng.uniform(1, 2)) / rng.uniform(3, 8))
    return light * np.array([1.0, 2.0, 3.0])[:, None, None] + rng.normal(0, noise, (3, side, side))


def _write_table(folder: Path, galaxies: dict[str, tuple[float, float]]) -> None:
    frame = pd.DataFrame([(galaxy, *place) for galaxy, place in galaxies.items()], columns=["galaxy_id", "ra", "dec"])
    frame.to_csv(folder / "galaxies.csv", index=False)


def _linked(folder: Path, n: int, ending: str, content: Callable[[np.random.Generator, int], bytes]) -> None:
    """Write ``n`` files of `DISTINCT` galaxies; each further file is a link."""
    images = folder / "images"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    galaxies = {}
    for number in range(n):
        name = f"{7000 + number % DISTINCT}-{1901 + number // DISTINCT}"
        galaxies[name] = (PLACE[0] + number % DISTINCT / 10, PLACE[1])
        if number < DISTINCT:
            (images / f"{name}{ending}").write_bytes(content(rng, number))
        else:
            os.link(images / f"{7000 + number % DISTINCT}-1901{ending}", images / f"{name}{ending}")
    _write_table(folder, galaxies)


def _cube(rng: np.random.Generator, number: int) -> bytes:
    header = _header((3, SIDE, SIDE), (PLACE[0] + number / 10, PLACE[1]))
    return _fits(header, _galaxy(rng, SIDE, 0.02))


def _picture(rng: np.random.Generator, _: int) -> bytes:
    from PIL import Image

    colours = np.clip(60 + 60 * _galaxy(rng, PICTURE_SIDE, 0.2), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours.transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


def _write_cubes(folder: Path, n: int) -> None:
    _linked(folder, n, ".fits", _cube)


def _write_pictures(folder: Path, n: int) -> None:
    _linked(folder, n, ".png", _picture)


def _write_members(folder: Path, n: int) -> None:
    _linked(folder, n, ".fits", _cube)
    with tarfile.open(folder / "images" / "cutouts.tar", "w") as archive:
        for path in sorted((folder / "images").glob("*.fits")):
            archive.add(path, f"cutouts/{path.name}")
            path.unlink()


def _write_simulated(folder: Path, n: int) -> None:
    from astropy.io import fits

    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    filters = {f"FILTER{k}": f"sloan/sdss_{band}" for k, band in enumerate("griz")}
    for number in range(n):
        planes = 1e3 * _galaxy(rng, int(rng.integers(200, 400)), 0)
        hdu = fits.PrimaryHDU(np.stack([*planes, planes[0]]).astype(np.float32))
        hdu.header.update({"BUNIT": "counts/s/pixel", "PIXSCALE": 0.396, "USE_Z": 0.0485236, **filters})
        hdu.writeto(folder / "images" / f"broadband_{number}.fits")
    _write_table(folder, dict.fromkeys(map(str, range(n)), (float("nan"), float("nan"))))


def _write_frames(folder: Path, n: int) -> None:
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for band in "gri":
        content = _fits(_header(FRAME_SHAPE, PLACE, band), rng.normal(0, 0.02, FRAME_SHAPE))
        (folder / "images" / f"frame-{band}-001043-1-0036.fits").write_bytes(content)
    offsets = rng.uniform(-0.06, 0.06, (n, 2))
    _write_table(folder, {f"7000-{number}": (PLACE[0] + x, PLACE[1] + y) for number, (x, y) in enumerate(offsets)})


_WRITERS = {
    "cubes": _write_cubes,
    "pictures": _write_pictures,
    "members": _write_members,
    "simulated": _write_simulated,
    "frames": _write_frames,
}


def main(kind: str, folder: Path, output: Path) -> None:
    """Read the images of a folder, as the asset ``image_tensors`` does, and save them as an array."""
    for name in ("astropy.io.fits", "astropy.units", "PIL.Image", "scipy.ndimage"):  # imported late by the project
        importlib.import_module(name)
    from rotator_assets.imaging.cutouts import Cutout, Treatment
    from rotator_assets.surveys import SURVEYS
    from rotator_assets.tensors.reading import cutouts

    started = time.perf_counter()
    galaxies = pd.read_csv(folder / "galaxies.csv", dtype={"galaxy_id": str})
    galaxies = galaxies.assign(object_id=galaxies["galaxy_id"], r_eff_arcsec=5.0)
    survey = SURVEYS["tng100" if kind == "simulated" else "manga"]
    treatment = Treatment(survey.key, "noisy" if kind == "simulated" else "observed", SIZE)
    sources = survey.image_index(folder, galaxies)
    with output.open("wb") as file:  # written one by one, as in the asset
        layout = {"descr": "<f4", "fortran_order": False, "shape": (len(galaxies), SIZE, SIZE, 3)}
        np.lib.format.write_array_header_1_0(file, layout)
        for galaxy, cutout in cutouts(galaxies, sources, treatment, [], {}):
            assert isinstance(cutout, Cutout), f"{galaxy.galaxy_id}: {cutout}"
            file.write(np.ascontiguousarray(cutout.pixels).data)
    seconds = time.perf_counter() - started
    print(json.dumps({"items": len(galaxies), "seconds": seconds, "output": str(output)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
