"""Asset ``learning_curve``: AUC against the number of training galaxies."""

from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.assets import roc_report
from rotator_assets.lineage.groups import all_trainings, described, robustness_asset, step
from rotator_assets.lineage.observed_results import fractions, learning_curve_sources
from rotator_assets.lineage.partitions import dataset_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.learning_curve.exhibits import EXHIBITS
from rotator_assets.robustness.learning_curve.tables import TABLES
from rotator_assets.store.table_store import TableStore, content_hash

if TYPE_CHECKING:
    from rotator_assets.robustness.learning_curve.power_law import LearningCurve

_SEED = 2020

_MORE = (10, 100)
"""Factors by which the learning curve is extrapolated in the number of galaxies."""


@robustness_asset(
    code_version="1",
    tags=step("robustness_of_dataset"),
    partitions_def=dataset_partitions,
    deps=[learning_curve_sources, *all_trainings(roc_report)],
    description="AUC against the number of training galaxies, fitted and extrapolated with its uncertainty.",
)
def learning_curve(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Fit the learning curve of a dataset, and extrapolate it to more galaxies."""
    from rotator_assets.robustness.learning_curve.figures import learning_curve_figure
    from rotator_assets.robustness.learning_curve.power_law import FEWEST_POINTS, fit_learning_curve

    dataset = context.partition_key
    reads = Reads(context, store)
    recipes = reads.recipes()
    names = fractions(recipes)
    points = _curve_points(reads.every("model_metrics"), recipes)
    missing = [name for name in names if name not in set(points["recipe"])]
    fit, needs = None, ""
    if points["n_train"].nunique() >= FEWEST_POINTS:
        fit = fit_learning_curve(points["n_train"], points["auc"], points["auc_error"], seed=_SEED)
    else:
        needs = f"needs trainings with {FEWEST_POINTS} different numbers of galaxies"
        needs += f"; not trained: {', '.join(missing)}" if missing else "; recipes that differ in training_fraction"
    synthetic = bool(points["synthetic"].any())
    pictures = Pictures(store.root, dataset, EXHIBITS)
    pictures.add(
        "learning_curve", learning_curve_figure(points, fit, dataset=dataset, needs=needs, synthetic=synthetic)
    )
    summary = {**_fit_row(fit), "dataset": dataset, "n_points": len(points), "note": needs, "synthetic": synthetic}
    frame = pd.DataFrame([summary]).reindex(columns=TABLES["learning_curve_fit"].column_names)
    return dg.MaterializeResult(
        value={"learning_curve": points, "learning_curve_fit": frame},
        data_version=dg.DataVersion(content_hash(points)),
        metadata=described(rows=len(points), synthetic=synthetic, pictures=pictures, needs=needs or "nothing"),
    )


def _curve_points(metrics: pd.DataFrame, recipes: dict[str, Recipe]) -> pd.DataFrame:
    """Return the rows of ``learning_curve``, one per training, fewest galaxies first."""
    from scipy.special import logit
    from scipy.stats import norm

    fraction = metrics["recipe"].map(lambda name: recipes[name].training_fraction).astype(float)
    validation = metrics["recipe"].map(lambda name: recipes[name].validation_fraction).astype(float)
    # The interval is symmetric in logit(AUC); its half width there is that of AUC over AUC (1 - AUC).
    width = logit(metrics["auc_high"].astype(float)) - logit(metrics["auc_low"].astype(float))
    auc = metrics["auc"].astype(float)
    points = metrics.assign(
        training_fraction=fraction,
        n_train=metrics["n_galaxies"] * (1 - 1 / metrics["folds"]) * (1 - validation) * fraction,
        auc_error=width / (2 * norm.ppf(0.975)) * auc * (1 - auc),
    )
    points = points.reindex(columns=TABLES["learning_curve"].column_names)
    return points.sort_values("n_train").reset_index(drop=True)


def _fit_row(fit: "LearningCurve | None") -> dict:
    """Return the columns of ``learning_curve_fit`` that the fit gives; none without a fit."""
    if fit is None:
        return {}
    low, high = np.quantile(fit.draws[:, 0], [0.025, 0.975])
    error = float(np.sqrt(fit.covariance[0, 0]))
    row = {
        "n_largest": fit.n_largest,
        "a": fit.a,
        "a_low": min(low, fit.a),
        "a_high": max(high, fit.a),
        "a_error": error if np.isfinite(error) else np.nan,
        "b": fit.b,
        "c": fit.c,
        "chi_squared": fit.chi_squared,
        "constrained": fit.constrained,
    }
    for times in _MORE:
        more = times * fit.n_largest
        low, high = fit.interval(more)
        row |= {
            f"auc_{times}x": float(fit.at(more)),
            f"auc_{times}x_low": float(low),
            f"auc_{times}x_high": float(high),
        }
    return row
