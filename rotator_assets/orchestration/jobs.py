"""Jobs, named after what they do."""

import subprocess
import sys

import dagster as dg

from rotator_assets.lineage.groups import STEP_TAG
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.assets import TRAINING_POOL

_ROTATORS = "from rotator_assets.cli import main; main()"

train = dg.define_asset_job(
    "train",
    selection=dg.AssetSelection.tag(STEP_TAG, "training"),
    description="Trains networks, one dataset and recipe per run, with their reports. Comparisons and report follow.",
)
compare_recipes = dg.define_asset_job(
    "compare_recipes",
    selection=dg.AssetSelection.tag(STEP_TAG, "comparison"),
    description="Compares the recipes of a dataset.",
)
refresh_report = dg.define_asset_job(
    "refresh_report",
    selection=dg.AssetSelection.tag(STEP_TAG, "study_report"),
    description="Rebuilds the comparison of datasets and the study report from the current results.",
)


@dg.op(
    pool=TRAINING_POOL,
    description="Runs `rotators run --stale` on this data root, one at a time; each of its steps is a run.",
)
def make_what_is_stale(context: dg.OpExecutionContext, store: dg.ResourceParam[TableStore]) -> None:
    """Run `rotators run --stale` and log its output."""
    command = [sys.executable, "-c", _ROTATORS, "run", "--stale", "--data", str(store.root.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = ""
    try:
        for line in process.stdout or ():
            last = line.strip() or last
            context.log.info(line.rstrip())
    finally:
        process.terminate()  # in case this run was stopped
        status = process.wait()
    if status:
        raise dg.Failure(last or f"`rotators run --stale` ended with status {status}", allow_retries=False)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Rebuilds everything that is stale: catalogues, images, trainings, comparisons and report. Builds "
    "nothing for the first time.",
)
def retrain_stale() -> None:
    """Rebuild everything that is stale."""
    make_what_is_stale()


JOBS = [
    train,
    retrain_stale,
    refresh_report,
    compare_recipes,
    dg.define_asset_job(
        "label_survey",
        selection=dg.AssetSelection.tag(STEP_TAG, "catalogues"),
        description="Builds the labelled early types of a survey from its catalogue files.",
    ),
    dg.define_asset_job(
        "build_images",
        selection=dg.AssetSelection.tag(STEP_TAG, "images"),
        description="Builds the image tensor of a dataset and the list of labelled galaxies in it.",
    ),
    dg.define_asset_job(
        "check_robustness",
        selection=dg.AssetSelection.tag(STEP_TAG, "ellipticity")
        | dg.AssetSelection.tag(STEP_TAG, "robustness_of_training"),
        description="Robustness checks of a training: baselines, intervals, calibration, label noise, attributions.",
    ),
]
