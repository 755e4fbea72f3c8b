"""What the assets of the group ``questions`` have in common."""

import dagster as dg

from rotator_assets.assets.inputs import FOLLOW_CHANGES, OWNERS, training_recipe
from rotator_assets.partitions import recipe_to_training, training_partitions

QUESTION = {
    "group_name": "questions",
    "owners": OWNERS,
    "io_manager_key": "tables",
    "automation_condition": FOLLOW_CHANGES,
}
QUESTION_OF_TRAINING = {
    **QUESTION,
    "partitions_def": training_partitions,
    # Named, so that an edited recipe marks all that was made with it at once.
    "deps": [dg.AssetDep(training_recipe, partition_mapping=recipe_to_training)],
}
