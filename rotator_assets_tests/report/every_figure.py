"""Every figure of the project with made-up arguments."""

from functools import partial

import numpy as np
import pandas as pd

from rotator_assets.answer.figures import forest_figure
from rotator_assets.attribution import figures as attribution
from rotator_assets.attribution import profile_figures as attribution_numbers
from rotator_assets.attribution.faithfulness import figures as faithfulness
from rotator_assets.candidates import figures as candidates
from rotator_assets.candidates.sheet import SHEET_COLUMNS, SHEET_ROWS
from rotator_assets.comparison import figures as comparison
from rotator_assets.evaluation import explained_figures
from rotator_assets.evaluation import figures as roc
from rotator_assets.evaluation.reliability import calibration_curves, population_metrics, referee_metrics
from rotator_assets.evaluation.reliability_figures import precision_recall_figure, reliability_figure
from rotator_assets.evaluation.scores import precision_recall_frame
from rotator_assets.evaluation.spin_accuracy import LABELS, lambda_r_accuracy
from rotator_assets.evaluation.spin_figures import lambda_r_figure
from rotator_assets.galaxies import figures as spin
from rotator_assets.galaxies.agreement import agreement
from rotator_assets.plots import galleries as images
from rotator_assets.plots.roc_axes import Curve
from rotator_assets.robustness.features import figures as features
from rotator_assets.robustness.injection import figures as injection
from rotator_assets.robustness.label_noise.figures import label_noise_figure
from rotator_assets.robustness.label_noise.redrawn_labels import label_noise_variants
from rotator_assets.robustness.learning_curve import figures as learning
from rotator_assets.robustness.learning_curve.power_law import fit_learning_curve
from rotator_assets.robustness.transfer.figures import transfer_figure
from rotator_assets.robustness.transfer.shift import VARIABLES
from rotator_assets.tensors.figures import examples_figure
from rotator_assets.training.figures import network_figure
from rotator_assets_tests.report import made_up, made_up_tables

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}
DATASET = {"dataset": "manga-observed-64"}


def of_galaxies(frame: pd.DataFrame) -> dict[str, partial]:
    """Return the figure functions that draw galaxies, with arguments made from these, except ``synthetic``."""
    known = frame[frame["rotator_type"].notna()].reset_index(drop=True)
    kind = known["rotator_type"].astype(int)
    both = kind.nunique() == 2
    curve = made_up.curve(kind, known["probability_fast"]) if both else made_up.curve([0, 1], [0, 1]).iloc[:0]
    auc = (0.7, 0.6, 0.8) if both else (np.nan, np.nan, np.nan)
    sizes = {"n_galaxies": len(known), "n_slow": int((kind == 0).sum())}
    pictures = made_up.images(max(len(known), 1))[: len(known)]
    half_light = pd.DataFrame({"r_eff_pixels": np.where(np.arange(len(known)) % 2, 6.0, np.nan)})
    numbers = pd.DataFrame(
        {"completeness_error": 0.01, "fraction_within_half_light": 0.5, "rotator_type": known["rotator_type"]}
    )
    report = pd.DataFrame(
        [{"step": "kinematics", "rows_in": 9, "rows_out": 5, "rows_dropped": 4, "reason": "no lambda_r: $1 or $2"}]
    )
    metrics = pd.DataFrame([{"recipe": "thesis", "auc": auc[0], "auc_low": auc[1], "auc_high": auc[2], **sizes}])
    return {
        "spin": partial(spin.spin_ellipticity_figure, frame, **DATASET),
        "classes": partial(spin.class_histogram_figure, frame, **DATASET),
        "sample": partial(spin.class_histogram_figure, known, **TITLE),
        "outcome": partial(spin.outcome_figure, known, **TITLE),
        "match": partial(spin.match_figure, report if len(frame) else report.iloc[:0], **DATASET),
        "roc": partial(
            roc.roc_figure,
            _curve("network", curve, auc, sizes),
            optimal=roc.OperatingPoint(0.3, 0.6, 0.5),
            fold_curves=[curve] * 5,
            baselines=[_curve(f"a baseline with a long name {k}", curve, auc, sizes) for k in range(4)],
            confusion=[[1, 2], [3, 4]],
            **TITLE,
        ),
        "scores": partial(roc.score_histogram_figure, known, thresholds={"threshold": 0.5}, **TITLE),
        "history": partial(
            roc.history_figure,
            made_up.history(3 if len(frame) else 0) if len(frame) else made_up.history().iloc[:0],
            **TITLE,
        ),
        "comparison": partial(comparison.comparison_figure, curve.assign(recipe="thesis"), metrics, **DATASET),
        "datasets": partial(
            comparison.dataset_figure,
            [_curve(name, curve, auc, sizes) for name in ("manga-observed-128", "manga-observed-64")],
            title="Crops of the same images compared",
            recipe="thesis",
            detail="first − second (1433 galaxies in both): +0.012 [-0.010, +0.034], p (Holm) 0.28",
        ),
        "retraining": partial(
            roc.retraining_figure,
            _curve("2025-03-04 05:06, now", curve, auc, sizes),
            [_curve(f"2025-03-0{day} 05:06\nnormalization: max_all -> log", curve, auc, sizes) for day in range(1, 8)],
            **TITLE,
        ),
        "examples": partial(
            examples_figure, pictures, known.assign(t_type=known["lambda_r"], image_unit="nanomaggies"), **DATASET
        ),
        "gallery": partial(images.gallery_figure, pictures, known, **TITLE),
        "attribution": partial(
            attribution.attribution_figure, pictures, pictures - 0.1, known, half_light=half_light, **TITLE
        ),
        "mean": partial(
            attribution.mean_attribution_figure,
            {value: np.abs(pictures[kind == value]).mean(axis=0) for value in kind.unique()},
            counts=kind.value_counts().to_dict(),
            r_eff_pixels=6.0,
            **TITLE,
        ),
        "profile": partial(attribution.attribution_profile_figure, numbers, **TITLE),
        "aligned": partial(
            attribution_numbers.aligned_attribution_figure,
            made_up.aligned_means(() if len(known) else made_up.GROUPS),
            axis_ratio=0.6,
            **TITLE,
        ),
        "radii": partial(
            attribution_numbers.attribution_radial_figure,
            made_up.attribution_profiles().iloc[: None if len(known) else 0],
            **TITLE,
        ),
        "shares": partial(
            attribution_numbers.attribution_fraction_figure,
            made_up.attribution_summary().iloc[: None if len(known) else 0],
            **TITLE,
        ),
        "directions": partial(
            attribution_numbers.attribution_direction_figure, made_up.attribution_shapes(len(known)), **TITLE
        ),
    }


def _curve(name: str, points: pd.DataFrame, auc: tuple[float, float, float], sizes: dict) -> Curve:
    return Curve(name, points, *auc, **sizes)


def of_tables() -> dict[str, partial]:
    """Return the figure functions that draw tables of other numbers than one row per galaxy."""
    sample = _scored()
    metrics = referee_metrics(sample, sample, n=20)
    curve = precision_recall_frame(sample["rotator_type"], sample["probability_fast"])
    variants = label_noise_variants(sample, sample[["galaxy_id", "lambda_r"]].assign(lambda_r_source="dynpop"), n=20)
    accuracy = lambda_r_accuracy(sample, sample.iloc[:0].assign(lambda_r_source=""), n=20)
    pairs = made_up_tables.lambda_r_pairs(sample)
    auc = np.array([0.62, 0.68, 0.71, 0.73])
    points = pd.DataFrame({"n_train": [60, 120, 240, 480], "auc": auc, "auc_low": auc - 0.02, "auc_high": auc + 0.02})
    fit = fit_learning_curve(points["n_train"], points["auc"], np.full(4, 0.01))
    long_need = "every-galaxy needs trainings on at least three numbers of galaxies; two have been trained"
    curves = [learning.Curve("thesis", points, fit, ""), learning.Curve("every-galaxy", points, None, long_need)]
    shown = made_up_tables.METHODS_EXAMPLES
    maps = {method: made_up.images(len(shown), seed)[..., 0] for seed, method in enumerate(faithfulness.METHOD_NAMES)}
    return {
        "network": partial(network_figure, made_up_tables.NETWORK, **TITLE),
        "reliability": partial(
            reliability_figure, calibration_curves(sample), metrics, population_metrics(sample, n=20), **TITLE
        ),
        "precision and recall": partial(precision_recall_figure, curve, metrics, **TITLE),
        "lambda_R": partial(lambda_r_figure, sample, accuracy[accuracy["source"] == LABELS], **TITLE),
        "sources": partial(spin.agreement_figure, pairs, agreement(pairs), **DATASET),
        "forest": partial(
            forest_figure, made_up_tables.forest(), **DATASET, detail="840 galaxies", study={"thesis": (0.7, 0.8)}
        ),
        "trainings": partial(comparison.trainings_figure, made_up_tables.roc_curves()),
        "fusion": partial(roc.fusion_figure, made_up_tables.FUSION_PARTS, **TITLE),
        "many recipes": partial(comparison.comparison_figure, *made_up_tables.many_recipes(), **DATASET),
        "follow-up": partial(candidates.follow_up_figure, made_up_tables.follow_up(), "labels: by pipe3d", **TITLE),
        "sheet": partial(candidates.contact_sheet, made_up_tables.sheet(SHEET_COLUMNS * SHEET_ROWS), **TITLE),
        "feature sets": partial(features.feature_sets_figure, made_up_tables.BASELINES, made_up_tables.TESTS, **TITLE),
        "bins": partial(features.bins_figure, made_up_tables.BINS, made_up_tables.TESTS, **TITLE),
        "label noise": partial(label_noise_figure, variants, **TITLE),
        "learning curve": partial(learning.learning_curve_figure, curves, **DATASET),
        "transfer": partial(
            transfer_figure,
            made_up_tables.TRANSFER,
            made_up_tables.properties(0),
            {"tng100-noisy-64": made_up_tables.properties(1)},
            VARIABLES,
            **DATASET,
        ),
        "methods": partial(faithfulness.methods_figure, made_up.images(len(shown)), maps, shown, **TITLE),
        "agreement": partial(faithfulness.agreement_figure, made_up_tables.method_agreement(), **TITLE),
        "cascade": partial(faithfulness.cascade_figure, made_up_tables.cascade(), **TITLE),
        "deletion": partial(faithfulness.deletion_figure, *made_up_tables.deletion(), **TITLE),
        "convergence": partial(faithfulness.convergence_figure, made_up_tables.CONVERGENCE, **TITLE),
    }


def of_synthetic_galaxies() -> dict[str, partial]:
    """Return the figure functions that always draw synthetic galaxies, with all their arguments."""
    return {
        "injection": partial(injection.injection_figure, made_up_tables.PLANTED),
        "mark": partial(injection.mark_figure, **made_up_tables.corner_mark()),
    }


def every_figure(real: dict[str, partial]) -> dict[str, partial]:
    """Return every figure function with all its arguments; those of galaxies and tables are stamped as synthetic."""
    explained = {name: partial(draw) for name, draw in explained_figures.FIGURES.items()}
    synthetic = {name: partial(draw, synthetic=True) for name, draw in real.items()}
    return {**synthetic, **of_synthetic_galaxies(), **explained}


def _scored() -> pd.DataFrame:
    """Galaxies with every prediction."""
    frame = made_up.galaxies()
    frame = frame[frame["rotator_type"].notna()].reset_index(drop=True)
    predicted = np.clip(0.1 + 0.8 * frame["lambda_r"] + 0.1 * np.sin(np.arange(len(frame))), 0, 1)
    return frame.assign(
        probability_fast_calibrated=0.3 + 0.5 * frame["probability_fast"],
        object_id=frame["galaxy_id"],
        rotator_type=frame["rotator_type"].astype(int),
        is_early_type=frame["is_early_type"].fillna(False).astype(bool),
        repeat=0,
        fold=0,
        tested=frame["is_early_type"].fillna(False).astype(bool),
        lambda_r_error=np.nan,
        lambda_r_predicted=predicted,
        lambda_r_low=predicted - 0.1,
        lambda_r_high=predicted + 0.1,
    )
