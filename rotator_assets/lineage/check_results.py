"""Results of asset checks."""

from typing import Any

import dagster as dg


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
        Further metadata by name.
    """
    return dg.AssetCheckResult(
        passed=problems == 0, severity=severity, description=f"{problems} {what}", metadata={"count": problems, **more}
    )
