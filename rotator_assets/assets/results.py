"""Observed results: what an asset reads of other assets where Dagster cannot follow them.

Dagster ignores what a partition is made from where that is a hundred partitions or more, and no partition mapping leads
from a survey, or from one dataset to another, to the trainings. For each such reading there is an external asset here,
whose data version is a hash of what is read. Whoever reads depends on it, and goes stale when the content changes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from rotator_assets.assets.inputs import OWNERS, Input, version_of_content
from rotator_assets.data_root import DataRoot
from rotator_assets.partitions import dataset_partitions
from rotator_assets.storage.fingerprints import picture_fingerprints, table_fingerprints
from rotator_assets.storage.schema import TABLES

GROUP = "observed_results"
Content = dict[str, dict[str, str]]
"""Fingerprints of tables and pictures, by the partition that they show and their name."""


class Snapshot:
    """Fingerprints of the results in a data root at one moment, each table's looked up once."""

    def __init__(self, root: DataRoot) -> None:
        self._root = root
        self._tables: dict[str, dict[str, str]] = {}

    def tables(self, names: Iterable[str], covers: Callable[[str], bool] = lambda _: True) -> Content:
        """Of the partitions of these tables that are covered."""
        found: Content = {}
        for table in names:
            if table not in self._tables:
                self._tables[table] = table_fingerprints(self._root, table)
            for partition, fingerprint in self._tables[table].items():
                subject, _, part = partition.partition(".")  # shared tables and history have several parts of a subject
                if covers(subject):
                    found.setdefault(subject, {})[f"{table}.{part}" if part else table] = fingerprint
        return found

    def pictures(self) -> Content:
        """Of every picture under ``results/figures``."""
        return picture_fingerprints(self._root)


@dataclass(frozen=True)
class ObservedResult:
    """An external asset that stands for a part of the results.

    ``content`` gives that part for one of its partitions, None where it has no partitions.
    """

    spec: dg.AssetSpec
    content: Callable[[Snapshot, str | None], Content]

    @property
    def name(self) -> str:
        return self.spec.key.to_user_string()

    def now(self, snapshot: Snapshot, partition: str | None) -> Input:
        """What one partition is now."""
        content = self.content(snapshot, partition)
        return Input(self.name, partition, content, version_of_content(content))


def _spec(name: str, description: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetSpec:
    return dg.AssetSpec(
        name, group_name=GROUP, owners=OWNERS, kinds={"parquet"}, partitions_def=partitions, description=description
    )


SCORES = ("predictions", "model_metrics", "roc_curves")
DRAWN_BY_THE_REPORT = ("study", "matching.png")
"""Folder and name of the pictures that the report makes itself."""


def _everything(snapshot: Snapshot) -> Content:
    found = snapshot.tables(TABLES)
    folder, name = DRAWN_BY_THE_REPORT
    for subject, pictures in snapshot.pictures().items():
        if subject != folder:
            shown = {picture: fingerprint for picture, fingerprint in pictures.items() if picture != name}
            found.setdefault(subject, {}).update(shown)
    return found


def _of_dataset(subject: str) -> str:
    return subject.partition("|")[0]


all_results = _spec(
    "all_results", "Every table, and every picture under `results/figures`: what the study report is made from."
)
all_scores = _spec(
    "all_scores", "Predictions, metrics and ROC curves of every training: what datasets are compared by."
)
dataset_scores = _spec(
    "dataset_scores",
    "Predictions, metrics and ROC curves of every training of a dataset: what its recipes are compared by.",
    dataset_partitions,
)

RESULTS = (
    ObservedResult(all_results, lambda now, _: _everything(now)),
    ObservedResult(all_scores, lambda now, _: now.tables(SCORES)),
    ObservedResult(dataset_scores, lambda now, dataset: now.tables(SCORES, lambda of: _of_dataset(of) == dataset)),
)


def read_results(root: DataRoot) -> Iterator[Input]:
    """Every observed result as it is now."""
    snapshot = Snapshot(root)
    for result in RESULTS:
        partitions = result.spec.partitions_def
        for partition in partitions.get_partition_keys() if partitions else [None]:
            yield result.now(snapshot, partition)
