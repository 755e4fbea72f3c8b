"""Injection-recovery test: networks trained on synthetic galaxies with known differences."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core import progress
from rotator_assets.core.profiles import reduced
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.lineage.groups import described, robustness_asset, step
from rotator_assets.lineage.observed_results import planted_recipe
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.injection.exhibits import EXHIBITS, PLANTED
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_store import TableStore

if TYPE_CHECKING:
    import keras

    from rotator_assets.synthetic.injected_differences import PlantedGalaxies

STRENGTHS = (0.0, 1.0, 2.0, 3.0)
"""Number of standard deviations by which the discs of fast rotators are brighter."""
N_GALAXIES, N_MARKED = 240, 96
SIZE_PX = 64
_SEED, _STEPS = 2020, 16


@robustness_asset(
    code_version="4",
    tags=step("planted_truth"),
    deps=[planted_recipe],
    pool="training",
    kinds={"keras", "duckdb", "matplotlib"},
    description="Injection-recovery test: networks trained on synthetic galaxies with a known difference in the disc "
    "or a mark in a corner of the image.",
)
def planted_truth(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Train networks on synthetic galaxies with known differences, and measure how well they recover them."""
    from rotator_assets.robustness.injection.figures import injection_figure, mark_figure

    recipe = reduced(Reads(context, store).recipes()[REFERENCE_RECIPE], SIZE_PX)
    recipe = recipe.model_copy(update={"pretrained": None, "frozen_epochs": 0})  # trained from random weights
    rows = []
    for number, strength in enumerate(STRENGTHS):
        rows.append(_injected_disc(strength, recipe))
        context.log.info(f"strength {strength:g}: AUC {rows[-1]['auc']:.3f}, optimum {rows[-1]['best_auc']:.3f}")
        progress.report("injection-recovery test", number + 1, len(STRENGTHS) + 1)
    marked, shown = _injected_mark(recipe)
    context.log.info(f"corner mark: AUC {marked['auc']:.3f}, fraction of attribution {marked['share_in_mark']:.2f}")
    progress.report("injection-recovery test", len(STRENGTHS) + 1, len(STRENGTHS) + 1)
    frames = {"planted_truth": pd.DataFrame(rows), "planted_mark": pd.DataFrame([marked])}
    pictures = Pictures(store.root, PLANTED, EXHIBITS)
    pictures.add("planted", injection_figure(frames["planted_truth"]))
    pictures.add("corner_mark", mark_figure(shown.images, shown.mean_map, shown.mark, found=marked))
    return dg.MaterializeResult(
        value=frames,
        data_version=dg.DataVersion("".join(content_hash(frame) for frame in frames.values())),
        metadata=described(
            synthetic=True,
            pictures=pictures,
            share_of_attribution_in_mark=marked["share_in_mark"],
        ),
    )


def _injected_disc(strength: float, recipe: Recipe) -> dict:
    """Return a row of ``planted_truth``."""
    from rotator_assets.evaluation.auc import auc_interval
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.synthetic.injected_differences import best_auc, planted_galaxies

    galaxies = planted_galaxies(N_GALAXIES, strength, _SEED, SIZE_PX)
    with TemporaryDirectory() as folder:
        predictions = _trained(galaxies, recipe, Path(folder))
    best = auc_interval(NetworkScores.single(galaxies.labels, galaxies.disc_fraction))
    return {
        "strength": strength,
        **_scores(predictions),
        "best_auc": best.auc,
        "best_auc_expected": best_auc(strength),
    }


@dataclass(frozen=True)
class MarkedGalaxies:
    """Images without and with the mark, float32 (2, ny, nx, 3); mean absolute map and mark, both (ny, nx)."""

    images: NDArray[np.float32]
    mean_map: NDArray[np.float32]
    mark: NDArray[np.bool_]


def _injected_mark(recipe: Recipe) -> tuple[dict, MarkedGalaxies]:
    """Return the row of ``planted_mark``, and what its figure shows."""
    from rotator_assets.attribution.faithfulness.measures import fraction_within, mean_with_interval
    from rotator_assets.store.models import load_model
    from rotator_assets.synthetic.injected_differences import mark_pixels, marked_galaxies

    galaxies = marked_galaxies(N_MARKED, _SEED, SIZE_PX)
    mark, maps = mark_pixels(SIZE_PX), []
    with TemporaryDirectory() as folder:
        predictions = _trained(galaxies, recipe, Path(folder))
        marked = predictions[galaxies.labels == 1]
        for fold, tested in marked.groupby("fold"):
            model = load_model(Path(folder) / f"fold-{fold}.keras")
            maps.append(_maps(model, galaxies.images, tested.index.to_numpy(), recipe))
    maps = np.concatenate(maps)
    fraction = mean_with_interval(fraction_within(maps, mark), np.ones(len(maps)), np.arange(len(maps)), _SEED)
    row = {
        **_scores(predictions),
        "mark_area": float(mark.mean()),
        "share_in_mark": fraction.value,
        "share_in_mark_low": fraction.low,
        "share_in_mark_high": fraction.high,
    }
    return row, MarkedGalaxies(galaxies.images[[0, 1]], np.abs(maps).mean(axis=0), mark)


def _trained(galaxies: "PlantedGalaxies", recipe: Recipe, folder: Path) -> pd.DataFrame:
    """Train networks into the folder, and return their out-of-fold predictions in the order of the galaxies."""
    from rotator_assets.training.cross_validation import cross_validate

    names = np.array([f"planted-{row:04d}" for row in range(len(galaxies.labels))])
    trained = cross_validate(galaxies.images, galaxies.labels, names, names, recipe, model_folder=folder)
    return trained.predictions.reset_index(drop=True)


def _scores(predictions: pd.DataFrame) -> dict:
    """Return the columns that both tables share."""
    from rotator_assets.evaluation.auc import size_and_auc
    from rotator_assets.evaluation.network_scores import NetworkScores

    return {**size_and_auc(NetworkScores.of(predictions)), "synthetic": True}


def _maps(model: "keras.Model", images: NDArray, rows: NDArray, recipe: Recipe) -> NDArray[np.float32]:
    """Return the integrated gradients of these rows, summed over bands, (n, ny, nx)."""
    from rotator_assets.attribution.integrated_gradients import explain

    recipe = recipe.model_copy(update={"attribution_steps": _STEPS, "attribution_doublings": 0})
    return explain(model, images, rows, recipe).maps.sum(axis=-1)
