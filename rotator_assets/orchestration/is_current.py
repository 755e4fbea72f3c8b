"""Checks ``is_current``: which partitions are stale, why, and how to rebuild them."""

from collections.abc import Callable, Iterable

import dagster as dg

from rotator_assets.core.dagster_internals import BaseAssetGraph
from rotator_assets.lineage.observing import observe
from rotator_assets.lineage.staleness import Stale, Staleness
from rotator_assets.orchestration.plans import (
    COMPARISON_ASSETS,
    DATASET_ASSETS,
    REPORT_ASSETS,
    SURVEY_ASSETS,
    TRAINING_ASSETS,
)
from rotator_assets.store.table_store import TableStore

Graph = Callable[[], BaseAssetGraph]
NAME = "is_current"
COVERED = {
    "labeled_galaxies": SURVEY_ASSETS,
    "image_tensors": DATASET_ASSETS,
    "rotator_classifier": TRAINING_ASSETS,
    **{asset: (asset,) for asset in (*COMPARISON_ASSETS, *REPORT_ASSETS)},
}
"""Assets with the check, each with the assets that the check covers: those built in the same step."""
_LISTED = 50
_REMEDIES = {
    **dict.fromkeys(COMPARISON_ASSETS, "launch the job `compare_recipes`"),
    **dict.fromkeys(REPORT_ASSETS, "launch the job `refresh_report`"),
}


def evaluation(asset: str, stale: Iterable[Stale]) -> dg.AssetCheckEvaluation:
    """Return the result of an asset's check, given all stale partitions."""
    listed = [one for one in stale if one.asset in COVERED[asset]]
    remedy = _REMEDIES.get(asset, "launch the job `retrain_stale`")
    rows = [f"| {one.asset} | {one.partition} | {_escaped(one.reason)} |" for one in listed[:_LISTED]]
    rows += [f"| and {len(listed) - _LISTED} more | | see `rotators status` |"] if len(listed) > _LISTED else []
    table = "\n".join(["| asset | partition | why |", "|---|---|---|", *rows])
    metadata = {"stale": dg.MetadataValue.md(table), "rebuild with": f"{remedy}, or `rotators run --stale`"}
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=NAME,
        passed=not listed,
        severity=dg.AssetCheckSeverity.ERROR if asset == "study_report" else dg.AssetCheckSeverity.WARN,
        description=_summary(listed),
        metadata=metadata if listed else {},
    )


def _summary(listed: list[Stale]) -> str:
    if not listed:
        return "everything is up to date"
    first = listed[0]
    more = f", and {len(listed) - 1} more" if len(listed) > 1 else ""
    return f"stale: {first.asset} {first.partition} ({first.reason}){more}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _check(asset: str, graph: Graph) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name=NAME,
        additional_deps=[other for other in COVERED[asset] if other != asset],  # runs the check after them
        description="No input has changed since materialization; lists stale partitions with reasons. "
        f"Covers {', '.join(COVERED[asset])}.",
    )
    def is_current(context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.AssetCheckResult:
        for observation in observe(context.instance, store):
            context.instance.report_runless_asset_event(observation)
        found = evaluation(asset, Staleness(context.instance, graph()).stale(COVERED[asset]))
        return dg.AssetCheckResult(
            passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
        )

    return is_current


def currency_checks(graph: Graph) -> list[dg.AssetChecksDefinition]:
    """Make the checks of every asset in ``COVERED``; ``graph`` returns the asset graph."""
    return [_check(asset, graph) for asset in COVERED]
