"""The synthetic sample: galaxies in files of exactly the published formats, to try the project without data.

Shapes, spins and light follow published relations (`population`, `motions`, `light`), so a network can learn the same
features as from real galaxies. Nothing measured on them says anything about real galaxies. Every file is marked: FITS
primary header ``SYNTHET = T``, HDF5 root attribute ``synthetic``, first CSV line ``# synthetic``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

DEFAULT_GALAXIES = 200
DEFAULT_SEED = 2020


def write_demo(
    root: Path,
    *,
    n_galaxies: int = DEFAULT_GALAXIES,
    seed: int = DEFAULT_SEED,
    workers: int | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Write the synthetic sample into a data root: folders ``manga/`` and ``tng100/``, truth tables, ``README.txt``.

    A survey folder appears completely or not at all. A folder with the same sample is left as it is, and one with
    another sample is replaced. Nothing else in the root is changed, in particular not ``results/``.

    Parameters
    ----------
    root
        The data root; created if it does not exist.
    n_galaxies
        Rows of each survey's morphology catalogue, at least 1. A few MaNGA rows are repeat observations of one galaxy.
    seed
        The same arguments write the same bytes, for any number of workers.
    workers
        Number of processes that draw galaxies (default: one per core, at most 4, and only one for few galaxies).
    on_progress
        Called with (stage, done, total) from the calling thread.

    Raises
    ------
    InputError
        If ``manga/``, ``tng100/`` or a file to write holds anything that this function did not write.
    """
    from rotator_assets.synthetic.sample import write_sample

    write_sample(Path(root), n_galaxies, seed, workers, on_progress or (lambda stage, done, total: None))
