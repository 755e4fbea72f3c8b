"""Which assets each step of a plan materializes: those that carry its name in the tag ``rotators/step``."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from rotator_assets.domains import assets
from rotator_assets.lineage.groups import STEP_TAG


def assets_by_step(assets: Sequence[dg.AssetsDefinition]) -> dict[str, tuple[str, ...]]:
    """Asset names by step, each after those it depends on, and otherwise in the order given."""
    by_key = {asset.key: asset for asset in assets}
    upstream = {key: set(asset.dependency_keys) for key, asset in by_key.items()}
    ordered: dict[dg.AssetKey, None] = {}

    def add(key: dg.AssetKey) -> None:
        if key not in ordered:
            for other in filter(upstream[key].__contains__, by_key):
                add(other)
            ordered[key] = None

    for key in by_key:
        add(key)
    steps: dict[str, tuple[str, ...]] = {}
    for key in ordered:
        step = by_key[key].tags_by_key[key][STEP_TAG]
        steps[step] = (*steps.get(step, ()), key.to_user_string())
    return steps


STEP_ASSETS = assets_by_step(sorted(assets(), key=lambda asset: "keras" in asset.get_asset_spec().kinds))
"""Slow assets, which run networks, come last."""
