"""The gallery of misclassified galaxies: image, attribution map, place in the spin plane, and numbers of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.attribution_files import maps_path
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import MISSING
from rotator_assets.kinematics.spin import boundary_of, spin_threshold
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import open_tensor
from rotator_assets.surveys import SURVEYS

_SIDE_PX = 96
_MOST_POINTS = 400
PLANE = 100
"""Side of the spin plane in units of its drawing: ellipticity 0 to 1 to the right, lambda_R 0 to 1 upwards."""

_ROWS = """
SELECT p.galaxy_id, p.rotator_type, p.probability_fast, p.threshold, p.fold, g.lambda_r, g.ellipticity,
    g.spin_threshold, g.ra, g.dec, a.map_row, i.image_unit
FROM predictions p
JOIN labeled_galaxies g ON g.survey = $survey AND g.galaxy_id = p.galaxy_id
LEFT JOIN attributions a ON (a.dataset, a.recipe, a.galaxy_id) = (p.dataset, p.recipe, p.galaxy_id)
LEFT JOIN images i ON (i.dataset, i.galaxy_id) = (p.dataset, p.galaxy_id)
WHERE p.dataset = $dataset AND p.recipe = $recipe AND p.predicted_type <> p.rotator_type
ORDER BY abs(p.probability_fast - p.threshold) DESC, p.galaxy_id
"""


@dataclass(frozen=True)
class GalaxyCard:
    """A misclassified galaxy; ``image`` and ``attribution`` are data URLs, empty where there is none.

    ``place`` is where it lies in the spin plane, in units of `PLANE`; None if lambda_R or ellipticity are gone.
    ``page`` is the survey's web page, empty without one.
    """

    galaxy_id: str
    label: str
    probability_slow: float
    threshold_slow: float
    fold: int
    lambda_r: float
    spin_threshold: float
    ellipticity: float
    place: tuple[float, float] | None
    page: str
    image: str
    attribution: str


@dataclass(frozen=True)
class Gallery:
    """The misclassified galaxies of one training, and the spin plane behind their places.

    ``boundary`` is an SVG path of the boundary between slow and fast, ``points`` the places of all tested galaxies.
    """

    survey: str
    dataset: str
    recipe: str
    cards: Sequence[GalaxyCard]
    n_misclassified: int
    n_galaxies: int
    boundary: str
    points: Sequence[tuple[float, float]]
    synthetic: bool
    problem: str = ""
    """Why attribution maps that exist are not shown."""


def misclassified(tables: TableStore, training: Any, survey: str, most: int) -> Gallery | None:
    """Return the gallery of a training; None if its images are gone or every galaxy is classified correctly.

    Parameters
    ----------
    tables : TableStore
        The tables of the data root.
    training
        Dataset, recipe and synthetic.
    survey : str
        Key of its survey.
    most : int
        Largest number of galaxies shown; those furthest from their threshold come first.
    """
    keys = {"survey": survey, "dataset": training.dataset, "recipe": training.recipe}
    rows = tables.query(_ROWS, keys)
    everything = tables.query(
        """SELECT g.ellipticity, g.lambda_r, g.spin_threshold FROM predictions p JOIN labeled_galaxies g
        ON g.survey = $survey AND g.galaxy_id = p.galaxy_id WHERE p.dataset = $dataset AND p.recipe = $recipe
        ORDER BY p.galaxy_id""",
        keys,
    )
    some = everything.iloc[:: 1 + len(everything) // _MOST_POINTS]
    pictures = _Pictures.open(tables.root, training.dataset, training.recipe)
    if rows.empty or pictures is None:
        return None
    shown = rows[rows["galaxy_id"].isin(pictures.row_of)].head(most)
    limit = pictures.limit(shown)
    cards = [_card(row, pictures, limit, survey, bool(training.synthetic)) for row in rows_of(shown)]
    return Gallery(
        **keys,
        cards=cards,
        n_misclassified=len(rows),
        n_galaxies=len(everything),
        boundary=_boundary(everything),
        points=[place for row in rows_of(some) if (place := _place(row)) is not None],
        synthetic=bool(training.synthetic),
        problem=pictures.problem,
    )


@dataclass(frozen=True)
class _Pictures:
    """Images of a dataset by galaxy, and the maps of a training."""

    images: NDArray[np.float32]
    row_of: dict[str, int]
    maps: NDArray[np.float32] | None
    problem: str = ""

    @classmethod
    def open(cls, root: DataRoot, dataset: str, recipe: str) -> _Pictures | None:
        """Open the files; None if the images are gone."""
        try:
            tensor = open_tensor(root.tensors / dataset)
        except FileNotFoundError:
            return None
        path = maps_path(root.attributions / dataset / recipe)
        row_of = {galaxy_id: row for row, galaxy_id in enumerate(tensor.galaxy_ids)}
        maps = _open_maps(path)
        damaged = f"{path} is damaged; materialize attribution_maps again." if maps is None and path.exists() else ""
        return cls(tensor.images, row_of, maps, damaged)

    def map_of(self, row: Any) -> NDArray[np.float32] | None:
        """Return the attribution map of a galaxy; None without one."""
        if self.maps is None or pd.isna(row.map_row) or not 0 <= row.map_row < len(self.maps):
            return None
        return self.maps[int(row.map_row)]

    def limit(self, rows: pd.DataFrame) -> float:
        """Return the end of the colour scale of all maps shown: the 99.5th percentile of their absolute values."""
        maps = [found for row in rows_of(rows) if (found := self.map_of(row)) is not None]
        return float(np.percentile(np.abs(np.stack(maps)), 99.5)) or 1.0 if maps else 1.0


def _open_maps(path: Path) -> NDArray[np.float32] | None:
    """Open the maps; None without a file, or if it is damaged."""
    try:
        maps = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return maps if maps.ndim == 3 and np.issubdtype(maps.dtype, np.floating) else None


def _card(row: Any, pictures: _Pictures, limit: float, survey: str, synthetic: bool) -> GalaxyCard:
    from rotator_assets.attribution.map_panels import map_colours
    from rotator_assets.plots.galleries import rgb, small_picture

    attribution = pictures.map_of(row)
    image = rgb(pictures.images[pictures.row_of[row.galaxy_id]], calibrated=row.image_unit != "colour")
    return GalaxyCard(
        galaxy_id=row.galaxy_id,
        label="slow" if row.rotator_type == 0 else "fast",
        probability_slow=1 - row.probability_fast,
        threshold_slow=1 - row.threshold,
        fold=row.fold,
        lambda_r=row.lambda_r,
        spin_threshold=row.spin_threshold,
        ellipticity=row.ellipticity,
        place=_place(row),
        page="" if synthetic else SURVEYS[survey].page(row.galaxy_id, row.ra, row.dec),
        image=small_picture(image, _SIDE_PX),
        attribution="" if attribution is None else small_picture(map_colours(attribution, limit), _SIDE_PX),
    )


def _place(row: Any) -> tuple[float, float] | None:
    """Return the place of a galaxy in the spin plane, in units of its drawing; None without lambda_R or ellipticity."""
    if not np.isfinite(float(row.ellipticity) + float(row.lambda_r)):
        return None
    return round(PLANE * float(row.ellipticity), 1), round(PLANE * (1 - min(float(row.lambda_r), 1.0)), 1)


def _boundary(galaxies: pd.DataFrame) -> str:
    """Return the boundary between slow and fast of these galaxies as an SVG path; empty if it is not a known one."""
    name = boundary_of(galaxies["ellipticity"], galaxies["spin_threshold"])
    if name is None:
        return ""
    ellipticity = np.linspace(0, 1, 41)
    heights = PLANE * (1 - np.clip(spin_threshold(ellipticity, name), 0, 1))
    points = (f"{x:.1f} {y:.1f}" for x, y in zip(PLANE * ellipticity, heights, strict=True) if np.isfinite(y))
    return f"M{'L'.join(points)}"


def in_numbers(value: float, decimals: int = 2) -> str:
    """Return a number for a card, or a dash where it is missing."""
    return MISSING if value != value else f"{value:.{decimals}f}"
