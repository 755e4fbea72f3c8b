"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.core.study import ALL_OBSERVED, EARLY_NOISY, EARLY_OBSERVED, StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit


def _of_samples(caption: str, all_observed: int, early_observed: int, early_noisy: int) -> tuple[StudyFigure, ...]:
    """Return the study's figures of one kind, by their numbers."""
    return (
        StudyFigure.of_sample(all_observed, caption, ALL_OBSERVED),
        StudyFigure.of_sample(early_observed, caption, EARLY_OBSERVED),
        StudyFigure.of_sample(early_noisy, caption, EARLY_NOISY),
    )


_METRICS = """SELECT dataset, recipe, n_galaxies, n_slow, auc, auc_low, auc_high, auc_pooled, network_scatter,
fold_auc_min, fold_auc_max, optimal_threshold, folds, parameters, epochs, seconds, device"""
_HISTORY = "SELECT dataset, recipe, trained_at, n_galaxies, auc, auc_low, auc_high, recipe_version, run_id"

EXHIBITS: tuple[Exhibit, ...] = (
    TableExhibit(
        "model_metrics", "study", "AUC of every training", select=_METRICS, clauses="ORDER BY dataset, recipe"
    ),
    TableExhibit(
        "model_metrics_history",
        "study",
        "All trainings, latest first",
        select=_HISTORY,
        clauses="ORDER BY dataset, recipe, trained_at DESC",
        note="DuckDB: FROM model_metrics_history; the curves: FROM roc_curves_history",
    ),
    FigureExhibit(
        "roc",
        "training",
        "ROC curve of the out-of-fold predictions, those of the baselines, and the confusion matrix.",
        study=_of_samples("ROC curve with the optimal point: {}.", 9, 13, 19),
    ),
    FigureExhibit("history_roc", "training", "ROC curve of this training and of earlier ones."),
    FigureExhibit(
        "sample",
        "training",
        "Slow and fast rotators of the training sample.",
        study=_of_samples("Slow and fast rotators of the training sample: {}.", 8, 12, 17),
        study_recipes_only=True,
    ),
    FigureExhibit(
        "gallery",
        "training",
        "Examples of the four outcomes, evenly spread over their scores.",
        study=_of_samples("Galleries of the four outcomes: {}.", 10, 14, 20),
        study_recipes_only=True,
    ),
    FigureExhibit(
        "outcomes",
        "training",
        "Spin parameter and ellipticity of correctly and incorrectly classified galaxies.",
        study=_of_samples("Spin parameter and ellipticity by outcome: {}.", 11, 15, 21),
        study_recipes_only=True,
    ),
    FigureExhibit("scores", "training", "Predicted probabilities of slow and fast rotators.", study_recipes_only=True),
    FigureExhibit("history", "training", "Loss and validation AUC by epoch and fold.", study_recipes_only=True),
    TableExhibit(
        "baseline_metrics",
        "training",
        "Baselines on the same galaxies and folds, and the network's gain over each",
        clauses="ORDER BY auc DESC",
    ),
    TableExhibit(
        "fusion_parts",
        "study",
        "What each part of a fusion adds: AUC of each part, and its difference from the part without the last columns "
        "or, for columns alone, with the network (DeLong within networks, paired; Holm)",
        hidden=(),
    ),
    FigureExhibit(
        "fusion_parts",
        "training",
        "The network, catalogue columns and the structure of the image, alone and together.",
    ),
    FigureExhibit(
        "lambda_r",
        "training",
        "Predicted against measured lambda_R of the galaxies with a label, out of fold; and the fraction of measured "
        "values within the predicted 68 % interval, in bins of the prediction.",
    ),
    TableExhibit(
        "lambda_r_accuracy",
        "training",
        "Predicted lambda_R against that of each source, by population; classes at the boundary between slow and fast",
    ),
    FigureExhibit(
        "reliability",
        "training",
        "Fraction of fast rotators against predicted probability; other populations than the tested one after "
        "calibration.",
        topic="robustness",
        order=2,
    ),
    FigureExhibit(
        "precision_recall",
        "training",
        "Precision and recall of slow rotators, with their fraction of the sample.",
        topic="robustness",
        order=2,
    ),
    TableExhibit("referee_metrics", "training", "Performance measures with uncertainties", topic="robustness", order=2),
    TableExhibit(
        "population_metrics",
        "training",
        "Discrimination and calibration by population; types not tested are calibrated by those of other folds",
        topic="robustness",
        order=2,
    ),
    TableExhibit(
        "convergence",
        "training",
        "Epochs until convergence, and the overfitting of each network",
        topic="robustness",
        order=2,
    ),
)
