"""Checks of image tensors."""

import dagster as dg
import numpy as np

from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.shard_records import Contents, pixels_hash
from rotator_assets.store.table_store import TableStore
from rotator_assets.tensors.assets import image_tensors

Store = dg.ResourceParam[TableStore]


@dg.asset_check(
    asset=image_tensors,
    description="Tensors have only finite numbers and one image per listed galaxy, and the pixels that were written.",
)
def images_are_finite(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count images that are not finite, and tensors that do not agree with their table or their version."""
    bad = 0
    reads = CheckReads(image_tensors, store)
    for key in checked_partitions(context, reads, "images"):
        tensor = reads.tensor(key)
        contents = Contents()
        for galaxy_id, image in zip(tensor.galaxy_ids, tensor.images, strict=True):
            bad += not np.isfinite(image).all()
            contents.add(galaxy_id, pixels_hash(image))
        bad += tensor.is_hashed and contents.hash() != tensor.version
        listed = reads.query(f"SELECT galaxy_id FROM images WHERE dataset = '{key}' AND usable ORDER BY tensor_row")
        bad += int(tuple(listed["galaxy_id"]) != tensor.galaxy_ids)
    return found(bad, "images are not finite, or tensors do not agree with their table or with what was written")
