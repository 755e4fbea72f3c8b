"""Group ``questions``: intervals and calibration, label noise, and what more galaxies would give."""

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.assets.learning import rotator_classifier
from rotator_assets.assets.pictures import Pictures
from rotator_assets.assets.questions import QUESTION, QUESTION_OF_TRAINING
from rotator_assets.assets.reading import Reads
from rotator_assets.assets.reports import roc_report
from rotator_assets.assets.results import fractions, learning_curve_sources, survey_kinematics
from rotator_assets.data_root import DataRoot
from rotator_assets.keys import split_training_key
from rotator_assets.learning.labels import with_galaxies
from rotator_assets.partitions import DATASETS, dataset_partitions, dataset_to_training
from rotator_assets.recipes import Recipe
from rotator_assets.storage.models import TrainedModels
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash
from rotator_assets.surveys.sources import usable_lambda_r

_KINDS = {"duckdb", "matplotlib"}
_SEED = 2020
_MORE = (10, 100)
"""Times as many galaxies as there are, to which the learning curve is extrapolated."""


@dg.asset(
    **{**QUESTION_OF_TRAINING, "deps": [*QUESTION_OF_TRAINING["deps"], rotator_classifier]},
    code_version="3",
    kinds=_KINDS,
    description="Every number with its uncertainty; precision and recall; calibration; epochs to converge.",
)
def intervals_report(
    context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot], predictions: pd.DataFrame
) -> dg.MaterializeResult:
    from rotator_assets.figures.referee import precision_recall_figure, reliability_figure
    from rotator_assets.learning.convergence import convergence
    from rotator_assets.learning.referee import calibration_curves, on_one_scale, referee_metrics
    from rotator_assets.learning.scores import precision_recall_frame

    dataset, recipe = split_training_key(context.partition_key)
    key = {"dataset": dataset, "recipe": recipe, "synthetic": bool(predictions["synthetic"].any())}
    reads = Reads(context, root)
    repeats, courses = reads.table("repeat_predictions"), convergence(reads.table("training_history"))
    metrics = {**key, **referee_metrics(predictions, repeats, seed=_SEED)}
    curves = calibration_curves(predictions)
    curve = precision_recall_frame(predictions["rotator_type"], on_one_scale(predictions))
    pictures = Pictures(root, f"{dataset}/{recipe}")
    pictures.add("reliability", reliability_figure(curves, metrics, **key))
    pictures.add("precision_recall", precision_recall_figure(curve, metrics, **key))
    frame = pd.DataFrame([metrics])
    told = ("auc", "auc_error", "auc_bootstrap_error", "pr_auc_slow", "prevalence", "balanced_accuracy", "brier", "ece")
    return dg.MaterializeResult(
        value={
            "referee_metrics": frame,
            "calibration_curves": curves.assign(**key),
            "convergence": courses.assign(**key),
        },
        data_version=dg.DataVersion("-".join(map(content_hash, (frame, curves, courses)))),
        metadata={
            **{name: metrics[name] for name in told},
            "median_converged_epoch": float(courses["converged_epoch"].median()),
            "networks_still_improving": int(courses["still_improving"].sum()),
            "synthetic": key["synthetic"],
            **pictures.metadata(),
        },
    )


@dg.asset(
    **{
        **QUESTION_OF_TRAINING,
        "deps": [
            *QUESTION_OF_TRAINING["deps"],
            dg.AssetDep(survey_kinematics, partition_mapping=dataset_to_training),
        ],
    },
    code_version="3",
    kinds=_KINDS,
    ins={"labeled_images": dg.AssetIn(partition_mapping=dataset_to_training)},
    description="The same scores against other labels: errors, boundary and source of lambda_R; cuts about it.",
)
def label_noise_report(
    context: dg.AssetExecutionContext,
    root: dg.ResourceParam[DataRoot],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    from rotator_assets.figures.referee import label_noise_figure
    from rotator_assets.learning.label_noise import ASSUMED_ERROR, label_noise_variants

    dataset, recipe = split_training_key(context.partition_key)
    survey = DATASETS[dataset].survey
    key = {"dataset": dataset, "recipe": recipe, "synthetic": bool(predictions["synthetic"].any())}
    reads = Reads(context, root)
    sample = with_galaxies(reads.table("repeat_predictions"), labeled_images, rotator_classifier.recipe)
    variants = label_noise_variants(sample, _sources(reads, survey), seed=_SEED)
    frame = variants.assign(**key, assumed_error=ASSUMED_ERROR)
    pictures = Pictures(root, f"{dataset}/{recipe}")
    pictures.add("label_noise", label_noise_figure(variants, **key))
    drawn = variants[variants["ceiling"].notna()]
    return dg.MaterializeResult(
        value={"label_noise": frame},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": len(frame),
            **{name: float(drawn[name].iloc[0]) for name in ("ceiling", "ceiling_ranked") if len(drawn)},
            "assumed_error": ASSUMED_ERROR,
            "synthetic": key["synthetic"],
            **pictures.metadata(),
        },
    )


@dg.asset(
    **QUESTION,
    code_version="1",
    kinds=_KINDS,
    partitions_def=dataset_partitions,
    deps=[learning_curve_sources, dg.AssetDep(roc_report, partition_mapping=dataset_to_training)],
    description="AUC against the number of training galaxies, fitted and extrapolated with its uncertainty.",
)
def learning_curve(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    from rotator_assets.figures.referee import learning_curve_figure
    from rotator_assets.learning.learning_curve import FEWEST_POINTS, fit_learning_curve

    dataset = context.partition_key
    reads = Reads(context, root)
    recipes = reads.recipes()
    names = fractions(recipes)
    points = _curve_points(reads.every("model_metrics"), recipes)
    missing = [name for name in names if name not in set(points["recipe"])]
    fit, needs = None, ""
    if points["n_train"].nunique() >= FEWEST_POINTS:
        fit = fit_learning_curve(points["n_train"], points["auc"], points["auc_error"], seed=_SEED)
    else:
        needs = f"needs trainings with {FEWEST_POINTS} different numbers of galaxies"
        needs += f"; not trained: {', '.join(missing)}" if missing else "; recipes that differ in training_fraction"
    synthetic = bool(points["synthetic"].any())
    pictures = Pictures(root, dataset)
    pictures.add(
        "learning_curve", learning_curve_figure(points, fit, dataset=dataset, needs=needs, synthetic=synthetic)
    )
    summary = {**_fit_row(fit), "dataset": dataset, "n_points": len(points), "note": needs, "synthetic": synthetic}
    frame = pd.DataFrame([summary]).reindex(columns=TABLES["learning_curve_fit"].column_names)
    return dg.MaterializeResult(
        value={"learning_curve": points, "learning_curve_fit": frame},
        data_version=dg.DataVersion(content_hash(points)),
        metadata={
            "dagster/row_count": len(points),
            "needs": needs or "nothing",
            "synthetic": synthetic,
            **pictures.metadata(),
        },
    )


def _sources(reads: Reads, survey: str) -> pd.DataFrame:
    """Every valid lambda_R where a survey has several sources of it; no rows where it has one."""
    chosen = reads.all_settings().survey(survey)
    found = usable_lambda_r(reads.table("kinematics_catalog", survey), chosen.jam_qual_min, chosen.lambda_r_scale)
    found = found.drop_duplicates(["galaxy_id", "lambda_r_source"])
    return found if found["lambda_r_source"].nunique() > 1 else found.iloc[:0]


def _curve_points(metrics: pd.DataFrame, recipes: dict[str, Recipe]) -> pd.DataFrame:
    """Rows of ``learning_curve``: a training each, fewest galaxies first."""
    from scipy.special import logit
    from scipy.stats import norm

    fraction = metrics["recipe"].map(lambda name: recipes[name].training_fraction).astype(float)
    validation = metrics["recipe"].map(lambda name: recipes[name].validation_fraction).astype(float)
    # The interval is symmetric in logit(AUC); its half width there is that of AUC over AUC (1 - AUC).
    width = logit(metrics["auc_high"].astype(float)) - logit(metrics["auc_low"].astype(float))
    auc = metrics["auc"].astype(float)
    points = metrics.assign(
        training_fraction=fraction,
        n_train=metrics["n_galaxies"] * (1 - 1 / metrics["folds"]) * (1 - validation) * fraction,
        auc_error=width / (2 * norm.ppf(0.975)) * auc * (1 - auc),
    )
    points = points.reindex(columns=TABLES["learning_curve"].column_names)
    return points.sort_values("n_train").reset_index(drop=True)


def _fit_row(fit) -> dict:
    """Columns of ``learning_curve_fit`` that the fit gives; none without one."""
    if fit is None:
        return {}
    low, high = np.quantile(fit.draws[:, 0], [0.025, 0.975])
    error = float(np.sqrt(fit.covariance[0, 0]))
    row = {
        "n_largest": fit.n_largest,
        "a": fit.a,
        "a_low": min(low, fit.a),
        "a_high": max(high, fit.a),
        "a_error": error if np.isfinite(error) else np.nan,
        "b": fit.b,
        "c": fit.c,
        "chi_squared": fit.chi_squared,
        "constrained": fit.constrained,
    }
    for times in _MORE:
        more = times * fit.n_largest
        low, high = fit.interval(more)
        row |= {
            f"auc_{times}x": float(fit.at(more)),
            f"auc_{times}x_low": float(low),
            f"auc_{times}x_high": float(high),
        }
    return row
