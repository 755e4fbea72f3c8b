"""Results of asset checks, and what they cover."""

from typing import Any

import dagster as dg

from rotator_assets.core.digits import shown
from rotator_assets.lineage.reads import CheckReads


def found(
    problems: int, what: str, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **more: Any
) -> dg.AssetCheckResult:
    """Return the result of a check that counts problems.

    Parameters
    ----------
    problems
        Number of problems; the check passes with none.
    what
        What is counted, for the description.
    severity
        Severity of a failed check.
    **more
        Further metadata by name; numbers are rounded (`core.digits`).
    """
    return dg.AssetCheckResult(
        passed=problems == 0,
        severity=severity,
        description=f"{problems} {what}",
        metadata={"count": problems, **{name: shown(value) for name, value in more.items()}},
    )


def checked_partitions(context: dg.AssetCheckExecutionContext, reads: CheckReads, table: str) -> list[str]:
    """Return the partition that was materialized, or all of a table if the check runs on its own."""
    partition = context.run.tags.get("dagster/partition")
    return [partition] if partition else reads.partitions(table)
