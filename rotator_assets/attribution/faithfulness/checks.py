"""Checks of the faithfulness of attribution maps."""

import dagster as dg
import pandas as pd

from rotator_assets.attribution.faithfulness.assets import attribution_tests
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore


@dg.asset_check(
    asset=attribution_tests,
    description="Maps depend on the trained weights: maps of a network with all layers randomized correlate less with "
    "the maps of the trained network than maps of other folds' networks do. The 95 % intervals of the two correlations "
    "do not overlap (signed integrated gradients).",
)
def cascade_destroys_maps(store: dg.ResourceParam[TableStore]) -> dg.AssetCheckResult:
    """Find trainings whose maps correlate with those of a network with random weights."""
    rows = CheckReads(attribution_tests, store).query(
        """SELECT dataset, recipe, arg_max(signed_correlation_high, depth) FILTER (test = 'cascade') AS randomized,
        any_value(signed_correlation_low) FILTER (test = 'folds') AS across_folds
        FROM attribution_sanity WHERE method = 'ig_sky' GROUP BY ALL"""
    )
    # If there are no other folds, the limit is 0.5.
    failed = rows[~(rows["randomized"] < rows["across_folds"].fillna(0.5))]
    return _result(failed, "trainings whose maps hardly change when all layers are randomized")


@dg.asset_check(
    asset=attribution_tests,
    description="The network uses the pixels with high integrated gradients: deleting them lowers the logit, and "
    "inserting them raises it, faster than for pixels in random order (the 95 % interval of the gain is above 0).",
)
def maps_beat_random_order(store: dg.ResourceParam[TableStore]) -> dg.AssetCheckResult:
    """Find deletion and insertion curves that are no better than those of a random order."""
    failed = CheckReads(attribution_tests, store).query(
        "SELECT dataset, recipe, kind FROM deletion_areas WHERE method = 'ig_sky' AND NOT coalesce(gain_low > 0, false)"
    )
    return _result(failed, "curves that are no better than those of a random order of pixels")


def _result(failed: pd.DataFrame, what: str) -> dg.AssetCheckResult:
    which = ", ".join(failed["dataset"] + "|" + failed["recipe"])
    return dg.AssetCheckResult(
        passed=failed.empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(failed)} {what}",
        metadata={"count": len(failed), "which": which or "none"},
    )
