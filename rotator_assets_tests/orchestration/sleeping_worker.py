"""A worker process whose trainings sleep, and print on standard error when they start and stop.

Trainings of the recipe ``log`` ignore interrupts.
"""

import os
import sys
import time

import dagster as dg

from rotator_assets import running
from rotator_assets.engine import worker
from rotator_assets.lineage.partitions import training_partitions
from rotator_assets.orchestration.plans import TRAINING_ASSETS

STUBBORN_SECONDS = 5.0
"""Time that a training which ignores interrupts has left."""
STDERR = os.dup(sys.stderr.fileno())
"""Of this process: what a step prints goes through another one, which Dagster ends, perhaps before the last line."""


def _say(text: str) -> None:
    os.write(STDERR, f"{text}\n".encode())  # whole lines: other workers write to the same pipe


@dg.multi_asset(specs=[dg.AssetSpec(name, partitions_def=training_partitions) for name in TRAINING_ASSETS])
def sleeping_training(context: dg.AssetExecutionContext):
    recipe = context.partition_key.keys_by_dimension["recipe"]
    started = False
    while True:
        try:
            if not started:
                started = True
                _say(f"{recipe} sleeps")  # an interrupt may come before this returns
            time.sleep(600)
        except BaseException:
            _say(f"{recipe} is interrupted")
            if recipe != "log":
                raise


if __name__ == "__main__":
    running.definitions = lambda root: dg.Definitions(assets=[sleeping_training])
    worker.STOP_SECONDS = STUBBORN_SECONDS
    worker.main("rotator_assets.worker:load_libraries")
