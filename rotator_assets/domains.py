"""The folders that make assets and tables, lowest layer first. Add new ones here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from rotator_assets.plots.exhibit import Exhibit

if TYPE_CHECKING:
    import dagster as dg

DOMAINS = (
    "lineage",
    "catalogs",
    "galaxies",
    "tensors",
    "training",
    "evaluation",
    "comparison",
    "attribution",
    "attribution.faithfulness",
    "candidates",
    "robustness.features",
    "robustness.label_noise",
    "robustness.learning_curve",
    "robustness.transfer",
    "robustness.injection",
    "answer",
    "report",
)


@cache
def modules(name: str) -> tuple[ModuleType, ...]:
    """Return the modules of this name (``assets``, ``checks``, ``exhibits`` or ``tables``) of all domains."""
    names = [f"rotator_assets.{domain}.{name}" for domain in DOMAINS]
    return tuple(import_module(found) for found in names if find_spec(found))


@cache
def assets() -> tuple[dg.AssetsDefinition, ...]:
    """Return every asset, domain by domain; the study report follows those that no other asset follows."""
    import dagster as dg

    from rotator_assets.report.assets import study_report_of

    found = (value for module in modules("assets") for value in vars(module).values())
    shown = tuple(dict.fromkeys(value for value in found if isinstance(value, dg.AssetsDefinition)))
    followed = {key for asset in shown for key in asset.dependency_keys}
    return *shown, study_report_of([asset for asset in shown if asset.key not in followed])


def exhibits() -> tuple[Exhibit, ...]:
    """Return the figures and tables of the study report, domain by domain."""
    return tuple(exhibit for module in modules("exhibits") for exhibit in module.EXHIBITS)
