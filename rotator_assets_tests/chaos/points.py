"""The named points at which a process is killed: before and after writes, renames and publications, by kind of file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rotator_assets_tests.chaos.stages import Place
from rotator_assets_tests.chaos.switch import Moment


@dataclass(frozen=True)
class Point:
    """A moment of a stage."""

    stage: str
    moment: Moment

    def variables(self, place: Place) -> dict[str, str]:
        """Return the variable that makes a process kill itself at the moment."""
        return replace(self.moment, mark=str(place.now / "killed")).variable()


_WORDS = {
    "create": "before it is written",
    "sync": "written, before it is on the disk",
    "rename": "before the rename",
    "renamed": "after the rename",
    "remove": "before it is removed",
    "commit": "before the commit",
    "committed": "after the commit",
}
_PLANNED = (
    # what is killed, stage, pattern of the path, events, number of the occurrence
    ("settings of Dagster", "catalogues", "*/dagster/*dagster.yaml*", "create", 1),
    ("list of inputs", "catalogues", "*/inputs/*image_files.manga*", "renamed", 1),
    ("event log", "catalogues", "*/history/runs/index.db", "commit committed", 40),
    ("list of runs", "catalogues", "*/history/runs.db", "committed", 4),
    ("columns of a table", "catalogues", "*/tables/galaxies/*_schema-*.parquet*", "renamed", 1),
    ("rotators.duckdb", "catalogues", "*rotators.duckdb*", "rename renamed", 1),
    ("stamp of rotators.duckdb", "catalogues", "*/tables/.published", "rename", 1),
    ("measurement of a galaxy", "catalogues", "*/measured/manga/*", "create renamed", 2),
    ("table", "catalogues", "*/tables/galaxies/*manga.*.parquet*", "sync rename renamed", 1),
    ("new version of a table", "catalogues again", "*/tables/labeled_galaxies/*manga.*.parquet*", "rename renamed", 1),
    ("images of a tensor", "images", "*/tensors/*/unfinished-*.npy", "create sync", 1),
    ("records of images", "images", "*/tensors/*/images-*.jsonl", "renamed", 1),
    ("images of a tensor", "images", "*/tensors/*/images-*.npy", "renamed", 1),
    ("manifest of a tensor", "images", "*/tensors/*/*manifest.json*", "rename renamed", 1),
    ("checkpoint", "training", "*/.checkpoints-*/*fold-1.npz*", "create rename renamed", 1),
    ("network", "training", "*/training-*/*fold-0.keras*", "sync", 1),
    ("manifest of the networks", "training", "*/models/*/*model.json*", "create renamed", 1),
    ("checkpoints of a finished training", "training", "*/.checkpoints-*[0-9a-f]", "remove", 1),
    ("history of predictions", "explanation", "*/predictions_history/manga*.parquet", "renamed", 1),
    ("maps", "explanation", "*/attributions/*/maps.npy", "renamed", 1),
    ("interpretation", "explanation", "*/models/*/*interpretation.npz*", "rename renamed", 1),
    ("figure", "catalogues", "*/figures/manga/*.png", "rename", 1),
    ("history of metrics", "explanation", "*/model_metrics_history/manga*.parquet", "renamed", 1),
    ("report", "report", "*/results/*study_report.html*", "sync renamed", 1),
    ("exported tables", "export", "*all.duckdb*", "sync renamed", 1),
    ("exported model", "model", "*/outside/.model.*/MODEL_CARD.md", "create", 1),
    ("exported model", "model", "*/outside/model", "renamed", 1),
    ("batch of predictions", "prediction", "*/.predictions.csv.parts/*.parquet", "renamed", 1),
    ("predictions", "prediction", "*/outside/*predictions.csv", "rename renamed", 1),
    ("parts of the predictions", "prediction", "*/.predictions.csv.parts", "remove", 1),
    ("status", "status", "*/dagster/*status.json*", "rename", 1),
    ("network of one of two workers", "two trainings", "*/training-*/*fold-1.keras*", "renamed", 1),
)
POINTS = {
    f"{what}, {_WORDS[event]}": Point(stage, Moment(event, path, nth))
    for what, stage, path, events, nth in _PLANNED
    for event in events.split()
}
"""The points by name."""
