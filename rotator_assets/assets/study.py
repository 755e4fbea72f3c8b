"""The study report: one HTML file that holds every figure and table made so far."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from rotator_assets.assets.comparison import recipe_comparison
from rotator_assets.assets.galaxies import early_type_galaxies, labeled_galaxies, lambda_r_agreement
from rotator_assets.assets.inputs import OWNERS
from rotator_assets.assets.reports import attribution_maps, roc_report
from rotator_assets.data_root import DataRoot
from rotator_assets.partitions import DATASETS
from rotator_assets.recipes import load_recipes
from rotator_assets.storage.tables import TableStore
from rotator_assets.surveys import SURVEYS

if TYPE_CHECKING:
    from rotator_assets.figures.report import ReportFigure, ReportSection

SOFTWARE = ("dagster", "tensorflow", "keras", "scikit-learn", "alibi", "astropy", "numpy", "pandas", "duckdb", "galsim")

SURVEY_FIGURES = (
    ("spin_ellipticity", "3, 18", "Spin parameter and ellipticity, with the threshold."),
    ("classes", "8, 12, 17", "Slow and fast rotators among early and late types."),
    ("lambda_r_agreement", None, "Sources of lambda_R against each other, galaxy by galaxy."),
    ("matching", None, "What matching and labelling kept and lost."),
)
TRAINING_FIGURES = (
    ("roc", "9, 13, 19", "ROC curve of the out-of-fold predictions, plain baselines, and the confusion."),
    ("gallery", "10, 14, 20", "Examples of the four outcomes, evenly spread over their scores."),
    ("outcomes", "11, 15, 21", "Spin parameter and ellipticity of the galaxies called right and wrong."),
    ("attributions", "16, 22, 27, 30, 31", "Galaxies above their integrated-gradient maps."),
    ("mean_attributions", None, "Mean absolute attribution of slow and fast rotators, and its growth with radius."),
    ("attribution_numbers", None, "Completeness of the attributions, and their share within the half-light radius."),
    ("scores", None, "Predicted probabilities of slow and fast rotators."),
    ("history", None, "Loss and validation AUC by epoch and fold."),
)
"""Name of the picture, figures of the study that it answers to, and what it shows."""


@dg.asset(
    group_name="reports",
    owners=OWNERS,
    code_version="1",
    deps=[labeled_galaxies, early_type_galaxies, lambda_r_agreement, roc_report, attribution_maps, recipe_comparison],
    kinds={"html", "matplotlib"},
    description="Every figure and table in one HTML file that opens offline.",
)
def study_report(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    from rotator_assets.figures.report import ReportContext, save_report
    from rotator_assets.figures.study import study_comparison

    tables = TableStore(root)
    metrics = tables.query("FROM model_metrics ORDER BY dataset, recipe")
    galaxies = tables.query("FROM labeled_galaxies")
    synthetic = bool(galaxies["synthetic"].any())
    sections = [_about(tables, metrics)]
    sections += [_survey_section(root, tables, survey) for survey in SURVEYS if (galaxies["survey"] == survey).any()]
    for dataset in DATASETS:
        trained = metrics[metrics["dataset"] == dataset]
        if trained.empty:
            continue
        sections.append(_dataset_section(root, tables, dataset, bool(trained["synthetic"].any())))
        sections += [_training_section(root, tables, row) for row in trained.itertuples()]
    save_report(
        ReportContext(
            title="Slow and fast rotators by their images alone",
            synthetic=synthetic,
            profile_note=_profile_note(metrics),
            generated_at=datetime.now(UTC),
            versions={"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}},
            sections=sections,
            study_table=study_comparison(metrics, synthetic=synthetic),
        ),
        root.report,
    )
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.path(str(root.report)),
            "size_bytes": root.report.stat().st_size,
            "trainings": len(metrics),
            "synthetic": synthetic,
        }
    )


def _about(tables: TableStore, metrics: pd.DataFrame) -> "ReportSection":
    from rotator_assets.figures.report import ReportSection, ReportTable

    recipes = pd.DataFrame([recipe.model_dump(mode="json") for recipe in load_recipes().values()])
    recipes["augmentation"] = recipes["augmentation"].map(lambda a: ", ".join(f"{k} {v}" for k, v in a.items()))
    shown = metrics[
        [
            "dataset",
            "recipe",
            "n_galaxies",
            "n_slow",
            "auc",
            "auc_low",
            "auc_high",
            "fold_auc_min",
            "fold_auc_max",
            "optimal_threshold",
            "folds",
            "epochs",
            "seconds",
            "device",
        ]
    ]
    return ReportSection(
        title="Results in one table",
        anchor="results",
        intro=(
            "A galaxy is slow where lambda_R < 0.31 sqrt(epsilon). Every number is from out-of-fold predictions: each "
            "galaxy is judged by a network that saw neither it nor a repeat observation of it, in training, "
            "normalization, early stopping or the choice of the threshold. Intervals are 95 % (DeLong)."
        ),
        tables=[
            ReportTable("AUC of every training", shown, "DuckDB: FROM model_metrics"),
            ReportTable("Files read", tables.query("FROM input_files"), "DuckDB: FROM input_files"),
            ReportTable(
                "Recipes as they stand in recipes.yaml", recipes, "the recipe as trained: model.json of the model"
            ),
        ],
    )


def _survey_section(root: DataRoot, tables: TableStore, survey: str) -> "ReportSection":
    from rotator_assets.figures.report import ReportSection, ReportTable
    from rotator_assets.figures.spin import match_figure
    from rotator_assets.figures.style import save_figure

    losses = tables.query(f"FROM match_report WHERE survey = '{survey}' ORDER BY step_number")
    synthetic = bool(losses["synthetic"].any())
    folder = root.figures / survey
    save_figure(match_figure(losses, dataset=survey, synthetic=synthetic), folder / "matching.png")
    return ReportSection(
        title=f"Galaxies of {survey}",
        anchor=f"survey-{survey}",
        figures=_figures(folder, SURVEY_FIGURES, synthetic),
        tables=[
            ReportTable(
                "Matching and labelling, step by step",
                losses.drop(columns=["survey", "step_number", "synthetic"]),
                f"DuckDB: FROM match_report WHERE survey = '{survey}'",
                synthetic,
            ),
            ReportTable(
                "Sources of lambda_R, two by two: galaxies in both, agreement, labels that change",
                tables.query(f"FROM lambda_r_agreement WHERE survey = '{survey}'").drop(
                    columns=["survey", "synthetic"]
                ),
                f"DuckDB: FROM lambda_r_agreement WHERE survey = '{survey}'",
                synthetic,
            ),
        ],
    )


def _dataset_section(root: DataRoot, tables: TableStore, dataset: str, synthetic: bool) -> "ReportSection":
    from rotator_assets.figures.report import ReportSection, ReportTable

    reasons = tables.query(
        f"""SELECT coalesce(regexp_replace(reason, '^[^:]*: ', ''), 'usable') AS image, count(*) AS galaxies
        FROM images WHERE dataset = '{dataset}' GROUP BY ALL ORDER BY galaxies DESC"""
    )
    compared = tables.query(f"FROM recipe_comparison WHERE dataset = '{dataset}' ORDER BY auc DESC")
    return ReportSection(
        title=dataset,
        anchor=dataset,
        figures=_figures(root.figures / dataset, (("recipes", "23 to 26, 28, 29", "Recipes compared."),), synthetic),
        tables=[
            ReportTable(
                "Recipes, best first; differences to thesis on the same galaxies (DeLong, paired)",
                compared.drop(columns=["dataset", "synthetic"]),
                f"DuckDB: FROM recipe_comparison WHERE dataset = '{dataset}'",
                synthetic,
            ),
            ReportTable("Images", reasons, f"DuckDB: FROM images WHERE dataset = '{dataset}'", synthetic),
        ],
    )


def _training_section(root: DataRoot, tables: TableStore, row) -> "ReportSection":
    from rotator_assets.figures.report import ReportSection, ReportTable

    where = f"WHERE dataset = '{row.dataset}' AND recipe = '{row.recipe}'"
    baselines = tables.query(f"FROM baseline_metrics {where} ORDER BY auc DESC")
    intro = (
        f"{row.n_galaxies} galaxies, {row.n_slow} of them slow. AUC {row.auc:.3f} [{row.auc_low:.3f}, "
        f"{row.auc_high:.3f}]; single folds {row.fold_auc_min:.2f} to {row.fold_auc_max:.2f}. Trained in "
        f"{row.seconds:.0f} s on {row.device}, {row.folds} folds, at most {row.epochs} epochs."
    )
    return ReportSection(
        title=f"{row.dataset}: {row.recipe}",
        anchor=f"{row.dataset}-{row.recipe}",
        intro=intro,
        figures=_figures(root.figures / row.dataset / row.recipe, TRAINING_FIGURES, row.synthetic),
        tables=[
            ReportTable(
                "Plain classifiers on the same galaxies and folds, and the network's gain over each",
                baselines.drop(columns=["dataset", "recipe", "synthetic"]),
                f"DuckDB: FROM baseline_metrics {where}",
                row.synthetic,
            )
        ],
        level=3,
    )


def _figures(folder: Path, wanted: tuple, synthetic: bool) -> "list[ReportFigure]":
    """The pictures that there are, with their captions."""
    from rotator_assets.figures.report import ReportFigure

    return [
        ReportFigure(caption, folder / f"{name}.png", study, synthetic)
        for name, study, caption in wanted
        if (folder / f"{name}.png").is_file()
    ]


def _profile_note(metrics: pd.DataFrame) -> str:
    quick = metrics[metrics["profile"] == "quick"]
    if quick.empty:
        return ""
    return (
        f"{len(quick)} of {len(metrics)} trainings ran in the quick profile: fewer folds, epochs and attribution steps "
        "than their recipes say (set `profile: full` in settings.yaml for the whole of them)."
    )
