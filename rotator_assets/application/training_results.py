"""A model from the results of a data root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

import pandas as pd

from rotator_assets.application.card import FORMAT, UNITS, Card, ImagesCard, ResultCard, TrainingCard
from rotator_assets.application.packages import Package
from rotator_assets.candidates.follow_up import origin_of_labels
from rotator_assets.candidates.interpretation_file import Interpretation, interpretation_path
from rotator_assets.core.errors import InputError
from rotator_assets.core.settings import SurveySettings
from rotator_assets.galaxies.recipe_labels import with_recipe_labels
from rotator_assets.store.models import TrainedModels, open_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS

NEEDED = (
    *("morphology_catalog", "photometry_catalog", "kinematics_catalog", "galaxies", "labeled_galaxies"),
    *("image_tensors", "labeled_images", "imaged_galaxies"),
    *("rotator_classifier", "predictions", "roc_report", "candidates"),
)
"""Assets whose results a model consists of."""


def trained_package(store: TableStore, settings: SurveySettings, dataset: str, recipe: str) -> Package:
    """Return the model of a dataset and recipe.

    Parameters
    ----------
    store
        The tables of the data root.
    settings
        Settings of the survey.
    dataset, recipe
        Their names.

    Raises
    ------
    InputError
        If they have not been trained, or the candidates were made by an earlier version or of other networks.
    """
    folder = store.root.models / dataset / recipe
    try:
        models = open_models(folder)
        interpretation = Interpretation.read(interpretation_path(folder))
        tables = {name: store.read(name, f"{dataset}|{recipe}") for name in ("model_metrics", "candidate_metrics")}
    except FileNotFoundError:
        raise InputError(
            f"{store.root.path}: has no candidates of {dataset} and {recipe}; "
            f"run `rotators run --dataset {dataset} --recipe {recipe}` first"
        ) from None
    if interpretation.training != models.folder.name:
        raise InputError(f"candidates of {dataset} and {recipe} are of earlier networks; run `rotators run --stale`")
    return Package(models.folder, _card(store, settings, models, interpretation, tables, dataset), interpretation)


def _card(
    store: TableStore,
    settings: SurveySettings,
    models: TrainedModels,
    interpretation: Interpretation,
    tables: dict[str, pd.DataFrame],
    dataset: str,
) -> Card:
    kind, survey = DATASETS[dataset], SURVEYS[DATASETS[dataset].survey]
    if kind.noise == "noisy" and settings.mock.sky == "stamps":
        raise InputError(
            f"{dataset}: its mock observations have sky stamps, which no model contains; use mock.sky: gaussian"
        )
    images = store.read("images", dataset)
    units = images.loc[images["usable"], "image_unit"]
    galaxies = with_recipe_labels(store.read("imaged_galaxies", dataset), models.recipe)
    labelled = galaxies[galaxies["rotator_type"].notna() & galaxies["excluded_from"].isna()]
    if models.recipe.population == "early":
        labelled = labelled[labelled["is_early_type"]]
    labels = origin_of_labels(labelled, survey.lambda_r_scales)
    return Card(
        format=FORMAT,
        title=f"Slow rotators by recipe {models.recipe.name} trained on {dataset}",
        synthetic=models.synthetic,
        recipe=json.loads(interpretation.recipe),
        images=ImagesCard(
            survey=kind.survey,
            noise=kind.noise,
            crop_px=kind.crop_px,
            bands=models.recipe.bands,
            units={unit: n for unit in UNITS if (n := int((units == unit).sum()))},
            arcsec_per_pixel=survey.arcsec_per_pixel,
            settings=settings.images,
            mock=settings.mock,
        ),
        t_type_max=settings.labels.t_type_max,
        p_late_max=settings.labels.p_late_max,
        training=_training(models, interpretation, tables["model_metrics"].iloc[0], dataset, labels),
        results=tuple(_results(tables["candidate_metrics"])),
        versions={name: version(name) for name in ("rotator-assets", "keras", "tensorflow", "numpy")},
        files={},
    )


def _training(
    models: TrainedModels,
    interpretation: Interpretation,
    metrics: pd.Series,
    dataset: str,
    labels: str,
) -> TrainingCard:
    return TrainingCard(
        name=models.recipe.name,
        dataset=dataset,
        population=models.recipe.population,
        n_galaxies=int(metrics["n_galaxies"]),
        n_slow=int(metrics["n_slow"]),
        n_images=interpretation.seen.n_seen,
        n_networks=len(interpretation.folds) * models.recipe.members,
        parameters=models.parameters,
        threshold=float(metrics["optimal_threshold"]),
        labels=labels,
        profile=models.profile,
        device=models.device,
        seconds=models.seconds,
        trained_at=f"{datetime.fromtimestamp(models.folder.stat().st_mtime, UTC):%Y-%m-%d}",
    )


def _results(metrics: pd.DataFrame) -> Iterator[ResultCard]:
    """Yield the results of each population, with None where a value is missing."""
    for row in metrics.to_dict("records"):
        known = {name: None if pd.isna(row[name]) else row[name] for name in ResultCard.model_fields}
        yield ResultCard.model_validate(known)
