"""How an asset check tells what it found."""

import dagster as dg


def found(problems: int, what: str, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **more):
    return dg.AssetCheckResult(
        passed=problems == 0, severity=severity, description=f"{problems} {what}", metadata={"count": problems, **more}
    )
