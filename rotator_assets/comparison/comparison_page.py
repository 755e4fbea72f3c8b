"""The HTML page that compares trainings: one file that opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from rotator_assets.comparison.galaxy_pictures import PicturedGalaxies
from rotator_assets.comparison.kept_trainings import KeptTraining, differing_settings
from rotator_assets.comparison.pair_text import LETTERS, sentences, synthetic_sentence
from rotator_assets.comparison.training_pairs import TrainingPair
from rotator_assets.core.files import replacing
from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import with_interval
from rotator_assets.plots.roc_axes import Curve
from rotator_assets.plots.style import CLASSES
from rotator_assets.store.table_store import TableStore

TEMPLATE = "comparison_page.html.j2"
MAX_GALAXIES = 200
"""Largest number of galaxies shown per pair of trainings."""
_DPI = 130


@dataclass(frozen=True)
class ShownGalaxy:
    """A galaxy that changed class, as the page shows it."""

    galaxy_id: str
    pictures: Sequence[tuple[str, str | None]]
    """Dataset and picture."""
    place: str
    lambda_r: str
    ellipticity: str
    label: str
    reference: str
    """Probability, threshold and class by the reference."""
    training: str
    change: str
    right: bool
    """True if the training classifies it correctly, and the reference does not."""


@dataclass(frozen=True)
class ShownPair:
    """A training compared with the reference, as the page shows it."""

    letter: str
    sentences: Sequence[str]
    n_changed: int
    galaxies: Sequence[ShownGalaxy]


def save_page(
    path: Path, store: TableStore, trainings: Sequence[KeptTraining], pairs: Sequence[TrainingPair | None]
) -> None:
    """Write the page atomically.

    Parameters
    ----------
    path
        File to write.
    store
        Where properties and images of the galaxies are.
    trainings
        The trainings, the reference first.
    pairs
        Its comparisons with the others.
    """
    by_letter = dict(zip(LETTERS, trainings, strict=False))
    text = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            trainings=by_letter,
            aucs={letter: _auc(training.metrics) for letter, training in by_letter.items()},
            settings=differing_settings(trainings),
            synthetic=synthetic_sentence(by_letter),
            roc=_roc(by_letter),
            pairs=_shown(store, by_letter, pairs),
            max_galaxies=MAX_GALAXIES,
            written=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _shown(
    store: TableStore, trainings: Mapping[str, KeptTraining], pairs: Sequence[TrainingPair | None]
) -> list[ShownPair]:
    """Each pair with its sentences and its galaxies that changed class."""
    reference, *others = trainings
    opened = cache(lambda dataset: PicturedGalaxies(store, dataset))
    shown = []
    for letter, pair in zip(others, pairs, strict=True):
        both = {name: trainings[name] for name in (reference, letter)}
        changed = pair.galaxies[pair.galaxies["changed"]] if pair else pd.DataFrame()
        datasets = [opened(dataset) for dataset in dict.fromkeys(training.dataset for training in both.values())]
        galaxies = [_galaxy(row, datasets) for row in rows_of(changed.head(MAX_GALAXIES))]
        shown.append(ShownPair(letter, sentences(pair, both), len(changed), galaxies))
    return shown


def _galaxy(row: Any, datasets: Sequence[PicturedGalaxies]) -> ShownGalaxy:
    """Show a row of `galaxies_of_both`, with pictures and properties by the datasets, the reference's first."""
    known = next((found for one in datasets if (found := one.properties(row.galaxy_id)) is not None), {})
    ra, dec = known.get("ra"), known.get("dec")
    return ShownGalaxy(
        galaxy_id=row.galaxy_id,
        pictures=[(one.dataset, one.picture(row.galaxy_id)) for one in datasets],
        place="" if pd.isna(ra) or pd.isna(dec) else f"{ra:.5f}, {dec:+.5f}",
        lambda_r=_number(known.get("lambda_r")),
        ellipticity=_number(known.get("ellipticity")),
        label=CLASSES[row.rotator_type].name,
        reference=_class(row.reference_probability_fast, row.reference_threshold, row.reference_predicted_type),
        training=_class(row.probability_fast, row.threshold, row.predicted_type),
        change=f"{row.reference_probability_fast_calibrated:.3f} → {row.probability_fast_calibrated:.3f}",
        right=row.predicted_type == row.rotator_type,
    )


def _class(probability: float, threshold: float, predicted: int) -> str:
    return f"{CLASSES[predicted].name}: {probability:.3f} {'≥' if predicted else '<'} {threshold:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.2f}"


def _auc(metrics: pd.Series) -> str:
    return with_interval(metrics["auc"], metrics["auc_low"], metrics["auc_high"])


def _roc(trainings: Mapping[str, KeptTraining]) -> str:
    """ROC curves of the trainings, as a data URL."""
    from rotator_assets.comparison.figures import trainings_figure
    from rotator_assets.plots.style import render

    curves = [Curve.of(f"{letter}  {one.name}", one.metrics, one.curve) for letter, one in trainings.items()]
    figure = trainings_figure(curves, synthetic=any(training.synthetic for training in trainings.values()))
    return f"data:image/png;base64,{base64.b64encode(render(figure, dpi=_DPI)).decode('ascii')}"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
