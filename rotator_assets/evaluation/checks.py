"""Asset checks of ROC curves and of the metrics of a training."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.frames import row_at
from rotator_assets.evaluation.assets import roc_report
from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore

Store = dg.ResourceParam[TableStore]
AREA_TOLERANCE = 1e-6
"""Largest difference of two areas under a ROC curve that should be equal."""


@dg.asset_check(
    asset=roc_report,
    description="The ROC curve runs from (0, 0) to (1, 1) and never falls, while the threshold never rises.",
)
def curve_runs_from_corner_to_corner(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count curves with other ends, steps back, or values that are not finite."""
    wrong = []
    for key, curve, _ in _reported(context, CheckReads(roc_report, store)):
        rates = curve[["false_positive_rate", "true_positive_rate"]].to_numpy(float)
        ends = np.array_equal(rates[:1], [[0, 0]]) and np.array_equal(rates[-1:], [[1, 1]])
        falls = np.diff(curve["threshold"].to_numpy(float)) <= 0
        if not (ends and (np.diff(rates, axis=0) >= 0).all() and falls.all()):
            wrong.append(key)
    return found(len(wrong), "ROC curves do not run from (0, 0) to (1, 1)", which=_listed(wrong))


@dg.asset_check(
    asset=roc_report, description="The reported AUC is the area under the ROC curve and lies within its interval."
)
def auc_is_the_area_under_the_curve(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count trainings with another area, or an AUC outside its interval."""
    wrong = []
    for key, curve, metrics in _reported(context, CheckReads(roc_report, store)):
        area = np.trapezoid(curve["true_positive_rate"].to_numpy(float), curve["false_positive_rate"].to_numpy(float))
        inside = 0 <= metrics["auc_low"] <= metrics["auc"] <= metrics["auc_high"] <= 1
        if not (abs(area - metrics["auc"]) <= AREA_TOLERANCE and inside):
            wrong.append(key)
    return found(len(wrong), "trainings report an AUC that is not the area under their curve", which=_listed(wrong))


@dg.asset_check(
    asset=roc_report,
    description="AUC, sample size and confusion matrix are those of the current predictions; the threshold is a "
    "probability.",
)
def metrics_are_those_of_the_predictions(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count trainings whose metrics differ from those computed again from the predictions."""
    from rotator_assets.evaluation.summary import summarize

    reads, wrong = CheckReads(roc_report, store), []
    for key, _, metrics in _reported(context, reads):
        again = summarize(reads.table("predictions", key), reads.table("repeat_predictions", key))
        same = all(
            np.isclose(float(metrics[name]), value, rtol=0, atol=AREA_TOLERANCE) for name, value in again.items()
        )
        if not (same and 0 <= metrics["optimal_threshold"] <= 1):
            wrong.append(key)
    return found(len(wrong), "trainings report other metrics than their predictions give", which=_listed(wrong))


@dg.asset_check(
    asset=roc_report,
    description="The network separates fast from slow rotators: the 95 % interval of its AUC is above 0.5.",
)
def auc_is_above_chance(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count trainings that are not better than chance; a warning only."""
    reported = list(_reported(context, CheckReads(roc_report, store)))
    failed = [key for key, _, metrics in reported if not metrics["auc_low"] > 0.5]
    return found(
        len(failed),
        f"of {len(reported)} trainings are not better than chance",
        dg.AssetCheckSeverity.WARN,
        which=_listed(failed),
    )


def _reported(
    context: dg.AssetCheckExecutionContext, reads: CheckReads
) -> Iterator[tuple[str, pd.DataFrame, pd.Series]]:
    """Iterate over trainings with their ROC curve and metrics."""
    for key in checked_partitions(context, reads, "model_metrics"):
        yield key, reads.table("roc_curves", key), row_at(reads.table("model_metrics", key), 0)


def _listed(trainings: list[str]) -> str:
    return ", ".join(trainings) or "none"
