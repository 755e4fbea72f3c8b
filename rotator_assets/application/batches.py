"""Batches of images, read and predicted while others are prepared: in this process, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd

from rotator_assets.application.entries import Entry
from rotator_assets.application.images import ReadImage, read_image
from rotator_assets.application.packages import Package
from rotator_assets.application.predictor import Predictor
from rotator_assets.core.errors import InputError
from rotator_assets.engine.pools import Pool, on_cluster, open_pool
from rotator_assets.engine.processes import ProcessEnded

Rows = Callable[[], pd.DataFrame]
"""Returns the predictions of a batch, once they are there."""

_AHEAD = 2
"""Batches of each worker of a cluster that are sent or waiting."""


@contextmanager
def asking(predictor: Predictor) -> Generator[tuple[Callable[[Sequence[Entry]], Rows], int]]:
    """Provide a function that begins with a batch, and the number of further batches to begin with meanwhile."""
    if on_cluster():
        with open_pool(1) as pool:
            yield partial(_sent, pool, predictor), _AHEAD * pool.size
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        try:
            yield partial(_read, threads, predictor), 1
        finally:
            threads.shutdown(cancel_futures=True)


def _read(threads: ThreadPoolExecutor, predictor: Predictor, entries: Sequence[Entry]) -> Rows:
    """Begin to read a batch in threads; it is predicted in this one."""
    treatment, card = predictor.package.treatment, predictor.package.card
    images = [threads.submit(read_image, entry, treatment, card) for entry in entries]
    return lambda: predictor.predict([image.result() for image in images])


def _sent(pool: Pool, predictor: Predictor, entries: Sequence[Entry]) -> Rows:
    """Send a batch to a worker. If it ends its process, its images are sent one by one; one that does is unusable."""
    asked = (Path.cwd(), predictor.version, predictor.package, predictor.prior, predictor.map_folder)
    answer = pool.submit(predicted, *asked, entries)

    def rows() -> pd.DataFrame:
        try:
            return answer.result()
        except ProcessEnded as ended:
            if len(entries) == 1:
                reason = f"reading or predicting it ended the process (status {ended.status})"
                return predictor.predict([ReadImage(entries[0], None, reason)])
        alone = [_sent(pool, predictor, [entry]) for entry in entries]
        return pd.concat([one() for one in alone], ignore_index=True)

    return rows


_kept: dict[str, Predictor] = {}


def predicted(
    folder: Path,
    version: str,
    package: Package,
    prior: float | None,
    map_folder: Path | None,
    entries: Sequence[Entry],
) -> pd.DataFrame:
    """Read and predict a batch in a worker process.

    Parameters
    ----------
    folder
        Working folder of the command, from which its names of files start.
    version
        Of the predictor, which this process keeps for the next batch.
    package, prior, map_folder
        As in `Predictor`.
    entries
        The images.

    Returns
    -------
    DataFrame
        The rows of `PREDICTIONS`.

    Raises
    ------
    InputError
        Where this machine does not see the folder.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise InputError(f"{folder}: a worker of the cluster cannot see it ({error.strerror}); share it") from None
    if version not in _kept:
        _kept.clear()
        _kept[version] = Predictor(package, prior, map_folder)
    predictor = _kept[version]
    return predictor.predict([read_image(entry, package.treatment, package.card) for entry in entries])
