"""Asset ``learning_curve``: AUC against the number of training galaxies."""

from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.recipes import Recipe
from rotator_assets.core.study import LEARNING_CURVES
from rotator_assets.evaluation.assets import roc_report
from rotator_assets.lineage.groups import all_trainings, described, robustness_asset, step
from rotator_assets.lineage.observed_results import learning_curve_sources
from rotator_assets.lineage.partitions import dataset_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.lineage.snapshot import training_fractions
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.learning_curve.exhibits import EXHIBITS
from rotator_assets.robustness.learning_curve.tables import TABLES
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_store import TableStore

if TYPE_CHECKING:
    from rotator_assets.robustness.learning_curve.power_law import LearningCurve

_SEED = 2020

_MORE = (10, 100)
"""Factors by which the learning curve is extrapolated in the number of galaxies."""


@robustness_asset(
    code_version="2",
    tags=step("robustness_of_dataset"),
    partitions_def=dataset_partitions,
    deps=[learning_curve_sources, *all_trainings(roc_report)],
    description="AUC against the number of training galaxies, fitted and extrapolated with its uncertainty.",
)
def learning_curve(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Fit the learning curves of a dataset, and extrapolate them to more galaxies."""
    from rotator_assets.robustness.learning_curve.figures import Curve, learning_curve_figure
    from rotator_assets.robustness.learning_curve.power_law import FEWEST_POINTS, fit_learning_curve

    dataset = context.partition_key
    reads = Reads(context, store)
    recipes = reads.recipes()
    every_point, fits = _curve_points(reads.every("model_metrics"), recipes), []
    synthetic = bool(every_point["synthetic"].any())
    trained = set(every_point["reference"])
    for reference in [name for name in LEARNING_CURVES if name in trained] or LEARNING_CURVES[:1]:
        points, needs, fit = every_point[every_point["reference"] == reference], "", None
        if points["n_train"].nunique() >= FEWEST_POINTS:
            fit = fit_learning_curve(points["n_train"], points["auc"], points["auc_error"], seed=_SEED)
        else:
            missing = [name for name in training_fractions(recipes, reference) if name not in set(points["recipe"])]
            needs = f"{reference} needs trainings with {FEWEST_POINTS} different numbers of galaxies"
            needs += f"; not trained: {', '.join(missing)}" if missing else "; recipes that differ in training_fraction"
        fits.append(Curve(reference, points, fit, needs))
    pictures = Pictures(store.root, dataset, EXHIBITS)
    pictures.add("learning_curve", learning_curve_figure(fits, dataset=dataset, synthetic=synthetic))
    rows = [
        {**_fit_row(curve.fit), "reference": curve.reference, "n_points": len(curve.points), "note": curve.needs}
        for curve in fits
    ]
    frame = pd.DataFrame(rows).assign(dataset=dataset, synthetic=synthetic)
    return dg.MaterializeResult(
        value={
            "learning_curve": every_point,
            "learning_curve_fit": frame.reindex(columns=TABLES["learning_curve_fit"].column_names),
        },
        data_version=dg.DataVersion(content_hash(every_point)),
        metadata=described(
            synthetic=synthetic,
            pictures=pictures,
            needs="; ".join(curve.needs for curve in fits if curve.needs) or "nothing",
        ),
    )


def _curve_points(metrics: pd.DataFrame, recipes: dict[str, Recipe]) -> pd.DataFrame:
    """Return the rows of ``learning_curve``, one per training, by reference, fewest galaxies first."""
    from scipy.special import logit
    from scipy.stats import norm

    fraction = metrics["recipe"].map(lambda name: recipes[name].training_fraction).astype(float)
    validation = metrics["recipe"].map(lambda name: recipes[name].validation_fraction).astype(float)
    # The interval is symmetric in logit(AUC); its half width there is that of AUC over AUC (1 - AUC).
    width = logit(metrics["auc_high"].astype(float)) - logit(metrics["auc_low"].astype(float))
    auc = metrics["auc"].astype(float)
    reference = {name: of for of in LEARNING_CURVES for name in training_fractions(recipes, of)}
    points = metrics.assign(
        reference=metrics["recipe"].map(reference),
        training_fraction=fraction,
        n_train=metrics["n_galaxies"] * (1 - 1 / metrics["folds"]) * (1 - validation) * fraction,
        auc_error=width / (2 * norm.ppf(0.975)) * auc * (1 - auc),
    )
    points = points.reindex(columns=TABLES["learning_curve"].column_names)
    return points.sort_values(["reference", "n_train"]).reset_index(drop=True)


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
