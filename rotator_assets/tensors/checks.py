"""Checks of image tensors."""

import dagster as dg
import numpy as np

from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore
from rotator_assets.tensors.assets import image_tensors

Store = dg.ResourceParam[TableStore]


@dg.asset_check(asset=image_tensors, description="Tensors have only finite numbers and one image per listed galaxy.")
def images_are_finite(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count images that are not finite, and tensors that do not agree with their table."""
    bad = 0
    reads = CheckReads(image_tensors, store)
    for key in checked_partitions(context, reads, "images"):
        tensor = reads.tensor(key)
        for start in range(0, len(tensor.images), 256):
            chunk = tensor.images[start : start + 256]
            bad += int((~np.isfinite(chunk).all(axis=(1, 2, 3))).sum())
        listed = reads.query(f"SELECT galaxy_id FROM images WHERE dataset = '{key}' AND usable ORDER BY tensor_row")
        bad += int(tuple(listed["galaxy_id"]) != tensor.galaxy_ids)
    return found(bad, "images are not finite, or tensors do not agree with their table")
