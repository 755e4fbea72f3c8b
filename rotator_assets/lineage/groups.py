"""What the assets of the group ``questions`` have in common."""

from rotator_assets.lineage.inputs import FOLLOW_CHANGES, OWNERS, of_recipe
from rotator_assets.lineage.partitions import training_partitions

QUESTION = {
    "group_name": "questions",
    "owners": OWNERS,
    "io_manager_key": "tables",
    "automation_condition": FOLLOW_CHANGES,
}
QUESTION_OF_TRAINING = {
    **QUESTION,
    "partitions_def": training_partitions,
    "deps": of_recipe("training", "prediction"),
}
