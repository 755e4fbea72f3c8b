"""Predictions of any number of images into one file: batch by batch, in flat memory, resumed after an interruption."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import duckdb
import pandas as pd

from rotator_assets.application.batches import Rows, asking
from rotator_assets.application.entries import Entry, ImageList
from rotator_assets.application.predictor import Predictor
from rotator_assets.application.tables import PREDICTIONS
from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.store.descriptions import Description
from rotator_assets.store.frame_content import literal_path
from rotator_assets.store.sessions import session
from rotator_assets.store.table_files import ending_of, write_table

BATCH = 256
"""Number of images that are read, predicted and kept together."""
_COLUMNS = {column.name: column for column in PREDICTIONS.columns}

_Batch = tuple[Path, int, Rows | None]
"""File of a batch, number of its images, and their predictions unless the file is there."""


def predict_images(predictor: Predictor, images: ImageList, output: Path) -> tuple[pd.DataFrame, int]:
    """Predict images and write one row per image.

    Finished batches are kept in a hidden folder next to the output. The same command continues from there; a batch is
    predicted again if its images, the model or the options have changed.

    Parameters
    ----------
    predictor
        The networks.
    images
        The images.
    output
        File to write, replaced as a whole; its ending selects the format.

    Returns
    -------
    DataFrame
        Number of images of each kind, as `notices.notices_of` takes it.
    int
        Number of images that an earlier run had predicted.

    Raises
    ------
    InputError
        If there are no images, or the file cannot be written.
    """
    images.leave_out(output, predictor.map_folder)
    total = _checked_number(images, ending_of(output), str(predictor.map_folder or ""))
    folder = output.with_name(f".{output.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, output):
        return _predict(predictor, images, output, folder, total)


def _predict(
    predictor: Predictor, images: ImageList, output: Path, folder: Path, total: int
) -> tuple[pd.DataFrame, int]:
    parts, resumed, done, started = [], 0, 0, time.monotonic()
    with closing(_batches(predictor, images, folder)) as batches:
        for part, n, rows in batches:
            if rows is None:
                resumed += n
            else:
                _write_part(part, rows())
            parts.append(part)
            done += n
            rate = (done - resumed) / max(time.monotonic() - started, 1e-3)
            progress.report("predicting", done, total, f"{rate:.0f} images/s")
    with duckdb.connect() as connection:
        rows = connection.read_parquet([literal_path(str(part)) for part in parts])
        counts = _counted(rows)
        synthetic = bool(counts["synthetic"].any())
        write_table(output, rows, Description(PREDICTIONS.name, PREDICTIONS.comment, _COLUMNS, synthetic))
    shutil.rmtree(folder, ignore_errors=True)
    return counts, resumed


def _checked_number(images: ImageList, ending: str, map_folder: str) -> int:
    """Count the images; raise InputError if there are none, or if the format cannot hold one of their names."""
    total = 0
    for entry in images:
        total += 1
        written = f"{entry.galaxy_id}{entry.path}{map_folder}"
        if ending.startswith(".fit") and not (written.isascii() and written.isprintable()):
            raise InputError(
                f"{entry.path}: FITS holds printable ASCII only; choose another ending, such as .vot or .parquet"
            )
    if not total:
        raise InputError(f"no images found; files without the ending of an image (fits, png, jpg): {images.n_unread}")
    return total


@contextmanager
def _alone(folder: Path, output: Path) -> Generator[None]:
    """Hold the folder of the parts; raise InputError if another process holds it."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{output}: another process is writing it; wait for it, or name another file") from None
        yield


def _batches(predictor: Predictor, images: ImageList, folder: Path) -> Generator[_Batch]:
    """Yield each batch; the next ones are being read meanwhile."""
    ahead: deque[_Batch] = deque()
    with asking(predictor) as (ask, most_ahead):
        entries_left = _with_map_names(images) if predictor.map_folder else iter(images)
        for number, entries in enumerate(iter(lambda: list(islice(entries_left, BATCH)), [])):
            content = repr((predictor.version, [entry.state for entry in entries]))
            part = folder / f"{number:07d}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.parquet"
            ahead.append((part, len(entries), None if _is_kept(part) else ask(entries)))
            if len(ahead) > most_ahead:
                yield ahead.popleft()
        while ahead:
            yield ahead.popleft()


def _is_kept(part: Path) -> bool:
    """Return whether an earlier run has left the rows of a batch, with all their attribution maps."""
    if not part.is_file():
        return False
    try:
        with session() as connection:
            sql = "SELECT attribution FROM read_parquet(?) WHERE attribution IS NOT NULL"
            maps = connection.execute(sql, [literal_path(str(part))]).fetchall()
    except duckdb.Error:  # damaged
        return False
    return all(Path(name).is_file() for (name,) in maps)


def _with_map_names(images: ImageList) -> Iterator[Entry]:
    """Name the maps after the galaxies; the second image of a galaxy of the same name has the ending -2, and so on."""
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    for entry in images:
        name = entry.galaxy_id
        while name in taken:
            counts[entry.galaxy_id] += 1
            name = f"{entry.galaxy_id}-{counts[entry.galaxy_id] + 1}"
        taken.add(name)
        yield replace(entry, map_name=name)


def _write_part(part: Path, frame: pd.DataFrame) -> None:
    with session() as connection:
        typed = ", ".join(
            f'CAST("{column.name}" AS {column.type}) AS "{column.name}"' for column in PREDICTIONS.columns
        )
        write_table(part, connection.from_df(frame).project(typed), Description(PREDICTIONS.name))


def _counted(rows: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Return the number n of images of each kind; numbers in a reason do not distinguish kinds."""
    kind = r"regexp_replace(regexp_replace(reason, '^.*?: ', ''), '[0-9.]+', '0', 'g') AS kind"
    others = (
        "usable, synthetic, in_domain, in_catalog, population IS NULL AS unknown_type, "
        "arcsec_per_pixel IS NULL AS without_scale, n_networks_left_out > 0 AS in_training, unread_extensions, "
        "filled_fraction > 0 AS filled"
    )
    groups = (
        "kind, usable, synthetic, in_domain, in_catalog, unknown_type, without_scale, in_training, unread_extensions, "
        "filled"
    )
    counted = rows.project(f"{kind}, reason, {others}").aggregate(
        f"{groups}, any_value(reason) AS reason, count(*) AS n", groups
    )
    return counted.order("n DESC").df()
