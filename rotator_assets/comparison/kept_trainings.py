"""What is kept of each version of a training: its settings, metrics, ROC curve and out-of-fold predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rotator_assets.core.changes import ABSENT, leaves
from rotator_assets.core.recipes import kept_settings
from rotator_assets.lineage.partitions import DATASETS
from rotator_assets.store.table_store import TableStore


@dataclass(frozen=True)
class KeptPredictions:
    """Out-of-fold predictions: rows of ``predictions`` (one per galaxy) and of ``repeat_predictions``."""

    galaxies: pd.DataFrame
    repeats: pd.DataFrame


@dataclass(frozen=True)
class KeptTraining:
    """One version of a training.

    Attributes
    ----------
    name
        ``dataset/recipe``, with ``@`` and its time if it is not the latest version.
    metrics
        Its row of ``model_metrics_history``.
    curve
        Its rows of ``roc_curves``.
    predictions
        Its predictions; None where an earlier version of this project reported it, which did not keep them.
    """

    name: str
    metrics: pd.Series
    curve: pd.DataFrame
    predictions: KeptPredictions | None

    @classmethod
    def read(cls, store: TableStore, version: pd.Series) -> KeptTraining:
        """Read what is kept of a version, a row of `TrainingHistory.find`. Histories are never replaced."""
        partition = f"{version['dataset']}|{version['recipe']}.{version['training']}"
        tables = ("predictions_history", "repeat_predictions_history")
        kept = all(partition in store.partitions(table) for table in tables)
        predictions = KeptPredictions(*(store.read(table, partition) for table in tables)) if kept else None
        return cls(version["name"], version, store.read("roc_curves_history", partition), predictions)

    @property
    def dataset(self) -> str:
        """Key of the dataset."""
        return self.metrics["dataset"]

    @property
    def survey(self) -> str:
        """Key of the survey; of the dataset, if the survey no longer exists."""
        return DATASETS[self.dataset].survey if self.dataset in DATASETS else self.dataset

    @property
    def synthetic(self) -> bool:
        """True if any galaxy is synthetic."""
        return bool(self.metrics["synthetic"])

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen for it: dataset, recipe and profile, as trained, by the names of the settings."""
        recipe = kept_settings(json.loads(self.metrics["recipe_content"]), "training", "prediction")
        of_recipe = {name: value for name, value in leaves(recipe) if name != "name"}
        own = DATASETS.get(self.dataset)
        images = (
            {"survey": own.survey, "noise": own.noise, "crop_px": own.crop_px} if own else {"dataset": self.dataset}
        )
        return {**images, **of_recipe, "profile": self.metrics["profile"]}


def differing_settings(trainings: Sequence[KeptTraining]) -> dict[str, list[str]]:
    """Return the settings in which the trainings differ, with the value of each training."""
    settings = [training.settings for training in trainings]
    names = dict.fromkeys(name for one in settings for name in one)
    values = {name: [_text(one, name) for one in settings] for name in names}
    return {name: texts for name, texts in values.items() if len(set(texts)) > 1}


def _text(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, ABSENT)
    return "none" if value is None else str(value)
