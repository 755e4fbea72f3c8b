"""Write the sample into a data root: drawn in a temporary folder, then moved into place, never over other files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.surveys import SURVEYS as ALL_SURVEYS
from rotator_assets.synthetic.manga_sample import manga_truth
from rotator_assets.synthetic.manga_tables import write_manga_tables
from rotator_assets.synthetic.marked import SYNTHETIC_LINE, write_csv
from rotator_assets.synthetic.tng100_sample import tng100_truth, write_tng100_tables

Progress = Callable[[str, int, int], None]

MANIFEST = "demo.json"
"""In each survey folder: the arguments it was made with, and every file with its size in bytes."""

SAMPLE_VERSION = 3
"""Another version makes another sample from the same arguments. Increase it with every change to what is drawn."""

README_NAME = "README.txt"
_TEMPORARY = ".demo-"
"""Beginning of the name of the folder in which a sample is drawn; a killed process leaves it behind."""
_OF_USER = ("settings.yaml", "encoders", ".DS_Store")
"""What a folder without a sample may hold."""

CHUNK = 10
FEW_GALAXIES = 300
"""Processes for fewer galaxies gain nothing: they take two seconds to start, while `rotators demo` starts others."""

README = f"""{SYNTHETIC_LINE}

Everything in manga/ and tng100/ is synthetic. rotator_assets drew these galaxies in the formats of the published
files, so that the project can be tried without any data. No result made from them says anything about real galaxies.
Every file is marked: FITS primary header SYNTHET = T, HDF5 root attribute synthetic, first line "# synthetic" in CSV
files. A few galaxies have stellar maps (manga/maps/) or star particles (tng100/cutouts/) from which lambda_R can be
measured; their motions have the true lambda_R of the galaxy. truth_manga.csv and truth_tng100.csv hold the true
properties of every galaxy; the project never reads them.
"""


@dataclass(frozen=True)
class SurveySample:
    """How the folder of one survey is made.

    Attributes
    ----------
    name
        Name of the survey.
    truth
        Returns the truth table for a number of galaxies and a seed.
    write_tables
        Writes the survey's tables from its truth.
    kinematics
        Folder of stellar maps or star particles.
    """

    name: str
    truth: Callable[[int, int], pd.DataFrame]
    write_tables: Callable[[Path, pd.DataFrame, int], None]
    kinematics: str


SURVEYS = {
    "manga": SurveySample("MaNGA", manga_truth, write_manga_tables, "maps"),
    "tng100": SurveySample("TNG100", tng100_truth, write_tng100_tables, "cutouts"),
}


def write_sample(root: Path, n_galaxies: int, seed: int, workers: int | None, on_progress: Progress) -> None:
    """Write the sample; see `rotator_assets.synthetic.write_demo`.

    Parameters
    ----------
    root
        The data root.
    n_galaxies
        Rows of each survey's morphology catalogue.
    seed
        Seed of the sample.
    workers
        Number of processes, or None for the default.
    on_progress
        Called with (stage, done, total).

    Raises
    ------
    InputError
        If an argument is invalid, or if the sample would replace other files.
    """
    if n_galaxies < 1 or seed < 0:
        raise InputError(f"a sample needs at least 1 galaxy and a seed of 0 or more, not {n_galaxies} and {seed}")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a folder for the synthetic sample")
    wanted = {"version": SAMPLE_VERSION, "n_galaxies": n_galaxies, "seed": seed}
    _refuse_foreign(root)
    if all(_is_complete(root, key, wanted) for key in SURVEYS):
        return
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=root) as folder, _mapper(n_galaxies, workers) as draw:
        made = Path(folder)
        for key, survey in SURVEYS.items():
            truth = survey.truth(n_galaxies, seed)
            write_csv(made / _truth_name(key), truth)
            for name in ("catalogs", "images", survey.kinematics):
                (made / key / name).mkdir(parents=True)
            chunks = [truth.iloc[start : start + CHUNK] for start in range(0, n_galaxies, CHUNK)]
            tasks = [(key, made / key, chunk, seed) for chunk in chunks]
            drawn = draw(_write_galaxies, tasks)
            survey.write_tables(made / key / "catalogs", truth, seed)
            stage = f"{survey.name} galaxies"
            on_progress(stage, 0, n_galaxies)
            for done, _ in enumerate(drawn, start=1):
                on_progress(stage, min(done * CHUNK, n_galaxies), n_galaxies)
            _write_manifest(made / key, wanted)
        (made / README_NAME).write_text(README, encoding="utf-8")
        _move_into_place(made, root)


@contextmanager
def _mapper(n_galaxies: int, workers: int | None) -> Generator[Callable]:
    """Yield ``map`` for this process or for several; results are in order in both cases."""
    if workers is None:
        workers = 1 if n_galaxies < FEW_GALAXIES else min(os.cpu_count() or 1, 4)
    if workers == 1:
        yield map
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _write_galaxies(task: tuple[str, Path, pd.DataFrame, int]) -> None:
    """Write the image of every galaxy, and its stellar maps or star particles if it has them."""
    from rotator_assets.synthetic.galaxy_images import IMAGE_WRITERS  # GalSim takes a second to import
    from rotator_assets.synthetic.particle_cutouts import write_cutout
    from rotator_assets.synthetic.velocity_maps import write_maps

    key, folder, truth, seed = task
    write_kinematics = {"manga": write_maps, "tng100": write_cutout}[key]
    for row in truth.itertuples(index=False):
        IMAGE_WRITERS[key](folder / "images", row, seed)
        if row.has_kinematics:
            write_kinematics(folder / SURVEYS[key].kinematics, row, seed)


def _truth_name(key: str) -> str:
    return f"truth_{key}.csv"


def _files(folder: Path) -> dict[str, int]:
    """Return every file below a folder except the manifest, by relative path, with its size in bytes."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and path != folder / MANIFEST
    }


def _write_manifest(folder: Path, wanted: dict[str, int]) -> None:
    manifest = {"synthetic": True, **wanted, "files": _files(folder)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _read_manifest(folder: Path) -> dict:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict) else {}


def _is_complete(root: Path, key: str, wanted: dict[str, int]) -> bool:
    """Return whether the folder holds this sample, with every file in its size, and its truth table exists."""
    manifest = _read_manifest(root / key)
    same = bool(manifest) and all(manifest.get(name) == value for name, value in wanted.items())
    companions = [root / _truth_name(key), root / README_NAME]
    return same and manifest["files"] == _files(root / key) and all(path.is_file() for path in companions)


def _refuse_foreign(root: Path) -> None:
    """Raise InputError if the folder holds anything else than a sample and what is made from it."""
    for key in SURVEYS:
        folder = root / key
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise InputError(f"{folder}: is not a folder of the synthetic sample; choose another data root")
        written = _read_manifest(folder).get("files", {})
        for name, size in _files(folder).items():
            if name not in written:
                raise InputError(
                    f"{folder / name}: not part of the synthetic sample, which would replace the folder; "
                    "choose another data root or move the file away"
                )
            if size != written[name]:
                raise InputError(
                    f"{folder / name}: changed since the synthetic sample was written; delete it, and it is written "
                    "again, or move it away"
                )
    for path in (root / README_NAME, *(root / _truth_name(key) for key in SURVEYS)):
        if path.exists() and not _starts_synthetic(path):
            raise InputError(f"{path}: not part of the synthetic sample, which would replace it; choose another root")
    _refuse_other_folder(root)


def _refuse_other_folder(root: Path) -> None:
    """Raise InputError if the folder holds anything that is neither of a sample nor of a data root."""
    own = {README_NAME, *_OF_USER, *SURVEYS, *map(_truth_name, SURVEYS)}
    is_sample = any(_read_manifest(root / key) for key in SURVEYS)
    if is_sample or (root / "results" / "dagster").is_dir():  # `rotators ui` may have been there first
        own |= {"results", "rotators.duckdb", "rotators.duckdb.wal"}
    if is_sample:
        own |= ALL_SURVEYS.keys()
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    if others := [name for name in names if name not in own and not name.startswith(_TEMPORARY)]:
        raise InputError(
            f"{root}: holds other files, such as {others[0]}; the synthetic sample needs a new or empty folder, or the "
            "folder of an earlier one: name another with --data"
        )


def _starts_synthetic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.readline().strip() == SYNTHETIC_LINE.encode()
    except OSError:
        return False


def _move_into_place(made: Path, root: Path) -> None:
    """Replace each survey folder and file as a whole; old folders are moved into ``made``, to be deleted."""
    for key in SURVEYS:
        if (root / key).exists():
            (root / key).rename(made / f"replaced-{key}")
        (made / key).rename(root / key)
        (made / _truth_name(key)).replace(root / _truth_name(key))
    (made / README_NAME).replace(root / README_NAME)
