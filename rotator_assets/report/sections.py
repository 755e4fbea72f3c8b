"""Sections of the study report: what each shows of the tables and pictures that there are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rotator_assets.core.changes import leaves
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import replacing
from rotator_assets.core.recipes import FAMILIES
from rotator_assets.core.study import ACROSS_DATASETS, STUDY_FIGURES
from rotator_assets.galaxies.sources import told_label_sources
from rotator_assets.lineage.partitions import DATASETS
from rotator_assets.lineage.settings_file import Settings
from rotator_assets.report.label_text import label_definition
from rotator_assets.store.table_store import TableStore

if TYPE_CHECKING:
    from rotator_assets.report.page import ReportFigure, ReportSection

Shown = dict[tuple[str, str], int]
"""Pictures (folder under ``results/figures``, name) that a figure of the study shows, with its number."""
SURVEY_FIGURES = {
    "spin_ellipticity": "Spin parameter and ellipticity, with the threshold.",
    "classes": "Slow and fast rotators among early and late types.",
    "lambda_r_agreement": "Sources of lambda_R against each other, galaxy by galaxy.",
    "matching": "What matching and labelling kept and lost.",
}
DATASET_FIGURES = {
    "recipes": "All recipes compared.",
    **{name: f"Recipes compared that differ from thesis in one setting: {name}." for name in FAMILIES.values()},
}
ATTRIBUTION_FIGURES = {
    "attributions": "Galaxies above their attribution maps, with the half-light ellipse.",
    "aligned_attributions": "Attribution maps of galaxies turned to the major axis, scaled to the half-light radius "
    "and averaged.",
    "attribution_shares": "Share of the attribution within ellipses beside that of the light.",
    "attribution_radii": "Attribution and light by elliptical radius.",
    "attribution_directions": "Elongation of the attribution against the galaxy's own, and the balance of its signs.",
    "mean_attributions": "Mean absolute attribution of slow and fast rotators as they lie, and its growth with radius.",
    "attribution_numbers": "Completeness of the attributions, and their share within the half-light radius.",
}
BRIEF_ATTRIBUTION_FIGURES = ("attributions", "aligned_attributions")
ATTRIBUTION_GROUPS = ("slow", "fast", "slow minus fast")
BRIEF_FIGURES = {
    "roc": "ROC curve of the out-of-fold predictions, plain baselines, and the confusion.",
    "history_roc": "The ROC curve over those of the trainings before it.",
}
FULL_FIGURES = {
    "roc": BRIEF_FIGURES["roc"],
    "history_roc": BRIEF_FIGURES["history_roc"],
    "sample": "Slow and fast rotators of the sample trained on.",
    "gallery": "Examples of the four outcomes, evenly spread over their scores.",
    "outcomes": "Spin parameter and ellipticity of the galaxies called right and wrong.",
    "scores": "Predicted probabilities of slow and fast rotators.",
    "history": "Loss and validation AUC by epoch and fold.",
}
"""Pictures of the report by name, with their captions; ``FULL_FIGURES`` for the study's own recipes."""
FULL_RECIPES = ("thesis", "all-types")


def study_section(root: DataRoot, tables: TableStore) -> tuple[Shown, ReportSection]:
    """The study's figures in its order, also as files of their own; and which pictures they are, by their numbers."""
    from rotator_assets.report.page import ReportFigure, ReportSection

    synthetic = _synthetic_folders(tables)
    shown, figures = {}, []
    for figure in STUDY_FIGURES:
        folder = figure.folder(root.figures)
        _copy_study_figure(root, figure.number, folder and root.figures / folder / f"{figure.picture}.png")
        if folder is None:
            figures.append(ReportFigure(f"needs {figure.needs}", None, figure.number))
            continue
        path = root.figures / folder / f"{figure.picture}.png"
        shown[folder, figure.picture] = figure.number
        figures.append(ReportFigure(figure.shown(folder), path, figure.number, synthetic.get(folder.partition("/")[0])))
    intro = (
        "Numbers are those of the study. All other pictures of this report are numbered S1, S2 and so on. Files for "
        "print, PNG and PDF: results/figures/study."
    )
    return shown, ReportSection(title="The figures of the study", anchor="figures", intro=intro, figures=figures)


def _synthetic_folders(tables: TableStore) -> dict[str, bool]:
    """Whether what a folder of pictures shows is synthetic, by its name: a survey or a dataset."""
    rows = tables.query(
        """SELECT survey AS name, bool_or(synthetic) AS synthetic FROM labeled_galaxies GROUP BY ALL
        UNION ALL SELECT dataset, bool_or(synthetic) FROM model_metrics GROUP BY ALL"""
    )
    across = bool(tables.query("SELECT synthetic FROM dataset_comparison")["synthetic"].any())
    return {**dict(zip(rows["name"], rows["synthetic"].astype(bool), strict=True)), ACROSS_DATASETS: across}


def _copy_study_figure(root: DataRoot, number: int, source: Path | None) -> None:
    """The figure's PNG and PDF under its number; none where there is no picture."""
    for ending in (".png", ".pdf"):
        target = root.figures / "study" / f"figure_{number:02d}{ending}"
        if source is None or not source.with_suffix(ending).is_file():
            target.unlink(missing_ok=True)
            continue
        with replacing(target) as temporary:
            shutil.copyfile(source.with_suffix(ending), temporary)


def across_section(root: DataRoot, compared: pd.DataFrame, shown: Shown) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    synthetic = bool(compared["synthetic"].any())
    files = sorted((root.figures / ACROSS_DATASETS).glob("[!.]*.png"))
    pictures = {path.stem: "The thesis recipe on two datasets." for path in files}
    return ReportSection(
        title="Crops, noise and surveys",
        anchor="across-datasets",
        intro=(
            "Each recipe on two datasets. Datasets of one survey show the same galaxies, and are compared on those in "
            "both (DeLong within networks, paired); surveys are independent samples. p-values are corrected for the "
            "number of comparisons of a kind (Holm)." + _also(ACROSS_DATASETS, pictures, shown)
        ),
        figures=figures_of(root, ACROSS_DATASETS, pictures, synthetic, shown),
        tables=[
            ReportTable(
                "Difference of the AUC: dataset minus reference dataset",
                compared.drop(columns="synthetic"),
                "DuckDB: FROM dataset_comparison",
                synthetic,
            )
        ],
    )


def results_section(tables: TableStore, metrics: pd.DataFrame, settings: Settings) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    shown = metrics[
        [
            "dataset",
            "recipe",
            "n_galaxies",
            "n_slow",
            "auc",
            "auc_low",
            "auc_high",
            "auc_pooled",
            "network_scatter",
            "fold_auc_min",
            "fold_auc_max",
            "optimal_threshold",
            "folds",
            "parameters",
            "epochs",
            "seconds",
            "device",
        ]
    ]
    return ReportSection(
        title="Results in one table",
        anchor="results",
        intro=(
            f"{label_definition(tables)} Every number is from out-of-fold predictions: each galaxy is judged by a "
            "network that saw neither it nor a repeat observation of it, in training, normalization, early stopping or "
            "the choice of the threshold. The AUC compares galaxies judged by one network; auc_pooled compares all, by "
            "calibrated probability. Intervals are 95 % (DeLong within networks). Beside them, network_scatter tells "
            "how much networks differ as a whole."
        ),
        tables=[
            ReportTable("AUC of every training", shown, "DuckDB: FROM model_metrics"),
            ReportTable(
                "Trainings, the latest and those before them",
                tables.query(
                    """SELECT dataset, recipe, trained_at, n_galaxies, auc, auc_low, auc_high, recipe_version, run_id
                    FROM model_metrics_history ORDER BY dataset, recipe, trained_at DESC"""
                ),
                "DuckDB: FROM model_metrics_history; the curves: FROM roc_curves_history",
            ),
            ReportTable("Seeds", _seeds(tables, settings), "DuckDB: images (mock_seed), model_metrics_history"),
            ReportTable("Files read", tables.query("FROM input_files"), "DuckDB: FROM input_files"),
            ReportTable("Recipes as trained", _recipes(tables), "DuckDB: model_metrics_history (recipe_content)"),
        ],
    )


def _recipes(tables: TableStore) -> pd.DataFrame:
    """Settings by which the trainings there are were made; datasets that share those of a recipe share a row."""
    trained = tables.query(
        """SELECT recipe, recipe_content, string_agg(DISTINCT dataset, ', ' ORDER BY dataset) AS datasets
        FROM model_metrics_history SEMI JOIN model_metrics USING (dataset, recipe, recipe_version)
        GROUP BY ALL ORDER BY recipe, datasets"""
    )
    contents = [json.loads(content) for content in trained["recipe_content"]]
    settings = pd.DataFrame([{**dict(leaves(content)), "name": content["name"]} for content in contents])
    return pd.concat([trained[["datasets"]], settings], axis=1)


def _seeds(tables: TableStore, settings: Settings) -> pd.DataFrame:
    """What draws random numbers, and its seed: trainings as they were made, mock observations as they are set."""
    trained = tables.query(
        """SELECT CAST(json_extract(recipe_content, '$.seed') AS BIGINT) AS seed, dataset, recipe
        FROM model_metrics_history QUALIFY row_number() OVER (PARTITION BY dataset, recipe ORDER BY trained_at DESC) = 1
        ORDER BY dataset, recipe"""
    )
    rows = [
        {"what": f"folds, weights, augmentation: {dataset}", "seed": seed, "of": ", ".join(group["recipe"])}
        for (dataset, seed), group in trained.groupby(["dataset", "seed"])
    ]
    mocked = tables.query(
        "SELECT dataset, count(*) AS n FROM images WHERE mock_seed IS NOT NULL GROUP BY dataset ORDER BY dataset"
    )
    rows += [
        {
            "what": f"mock observation: {row.dataset}",
            "seed": settings.survey(DATASETS[row.dataset].survey).mock.seed,
            "of": f"{row.n} galaxies, each a seed of its own made from this one",
        }
        for row in mocked.itertuples()
    ]
    return pd.DataFrame(rows, columns=["what", "seed", "of"])


def survey_section(root: DataRoot, tables: TableStore, survey: str, shown: Shown) -> ReportSection:
    from rotator_assets.galaxies.figures import match_figure
    from rotator_assets.plots.style import save_figure
    from rotator_assets.report.page import ReportSection, ReportTable

    losses = tables.query(f"FROM match_report WHERE survey = '{survey}' ORDER BY step_number")
    labeled = tables.query(f"FROM labeled_galaxies WHERE survey = '{survey}'")
    synthetic = bool(losses["synthetic"].any())
    figure = match_figure(losses, dataset=survey, synthetic=synthetic)
    save_figure(figure, root.figures / survey / "matching.png")
    return ReportSection(
        title=f"Galaxies of {survey}",
        anchor=f"survey-{survey}",
        intro=told_label_sources(labeled) + _also(survey, SURVEY_FIGURES, shown),
        figures=figures_of(root, survey, SURVEY_FIGURES, synthetic, shown),
        tables=[
            ReportTable(
                "From the morphology catalogue to the labelled early types: galaxies lost, each at its first loss",
                losses.drop(columns=["survey", "step_number", "synthetic"]),
                f"DuckDB: FROM match_report WHERE survey = '{survey}'",
                synthetic,
            ),
            ReportTable(
                "Notices: what was supplied and is not used as one may expect",
                tables.query(f"SELECT DISTINCT notice FROM notices WHERE survey = '{survey}' ORDER BY ALL"),
                f"DuckDB: FROM notices WHERE survey = '{survey}'",
                synthetic,
            ),
            ReportTable(
                "Rows of each file and source of lambda_R",
                tables.query(f"FROM source_report WHERE survey = '{survey}' ORDER BY step_number").drop(
                    columns=["survey", "step_number", "synthetic"]
                ),
                f"DuckDB: FROM source_report WHERE survey = '{survey}'",
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


def dataset_section(root: DataRoot, tables: TableStore, dataset: str, synthetic: bool, shown: Shown) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    reasons = tables.query(
        f"""SELECT coalesce(regexp_replace(reason, '^[^:]*: ', ''), 'usable') AS image, count(*) AS galaxies
        FROM images WHERE dataset = '{dataset}' GROUP BY ALL ORDER BY galaxies DESC"""
    )
    compared = tables.query(f"FROM recipe_comparison WHERE dataset = '{dataset}' ORDER BY auc DESC")
    return ReportSection(
        title=dataset,
        anchor=dataset,
        intro=_also(dataset, DATASET_FIGURES, shown),
        figures=figures_of(root, dataset, DATASET_FIGURES, synthetic, shown),
        tables=[
            ReportTable(
                "Recipes, best first; differences to thesis on the galaxies of both, by the recipe's own labels "
                "(DeLong within networks, paired; Holm)",
                compared.drop(columns=["dataset", "synthetic"]),
                f"DuckDB: FROM recipe_comparison WHERE dataset = '{dataset}'",
                synthetic,
            ),
            ReportTable("Images", reasons, f"DuckDB: FROM images WHERE dataset = '{dataset}'", synthetic),
        ],
    )


def training_section(root: DataRoot, baselines: pd.DataFrame, row, shown: Shown) -> ReportSection:
    from rotator_assets.report.page import ReportSection, ReportTable

    folder = f"{row.dataset}/{row.recipe}"
    wanted = FULL_FIGURES if row.recipe in FULL_RECIPES else BRIEF_FIGURES

    where = f"WHERE dataset = '{row.dataset}' AND recipe = '{row.recipe}'"
    own = baselines[(baselines["dataset"] == row.dataset) & (baselines["recipe"] == row.recipe)]
    intro = (
        f"{row.n_galaxies} galaxies, {row.n_slow} of them slow. AUC {row.auc:.3f} [{row.auc_low:.3f}, "
        f"{row.auc_high:.3f}]; single networks {row.fold_auc_min:.2f} to {row.fold_auc_max:.2f}. Trained in "
        f"{row.seconds:.0f} s on {row.device}, {row.folds} folds, at most {row.epochs} epochs."
        + _also(folder, wanted, shown)
    )
    return ReportSection(
        title=f"{row.dataset}: {row.recipe}",
        anchor=f"{row.dataset}-{row.recipe}",
        intro=intro,
        figures=figures_of(root, folder, wanted, row.synthetic, shown),
        tables=[
            ReportTable(
                "Plain classifiers on the same galaxies and folds, and the network's gain over each",
                own.drop(columns=["dataset", "recipe", "synthetic"]),
                f"DuckDB: FROM baseline_metrics {where}",
                row.synthetic,
            )
        ],
        level=3,
    )


def attribution_section(root: DataRoot, tables: TableStore, row, shown: Shown) -> ReportSection | None:
    """What one training looks at: its gallery of maps, and what they come to in numbers; None where nothing is."""
    from rotator_assets.report.page import ReportSection, ReportTable

    folder = f"{row.dataset}/{row.recipe}"
    wanted = ATTRIBUTION_FIGURES
    if row.recipe not in FULL_RECIPES:
        wanted = {name: wanted[name] for name in BRIEF_ATTRIBUTION_FIGURES}
    where = f"WHERE dataset = '{row.dataset}' AND recipe = '{row.recipe}'"
    means = tables.query(f"FROM attribution_summary {where} AND galaxies IN {ATTRIBUTION_GROUPS}")
    if means.empty:
        return None
    reasons = tables.query(
        f"""SELECT coalesce(reason, 'every number is known') AS numbers, count(*) AS galaxies FROM attributions {where}
        GROUP BY ALL ORDER BY galaxies DESC"""
    )
    return ReportSection(
        title=f"{row.dataset}: {row.recipe}: where the network looks",
        anchor=f"{row.dataset}-{row.recipe}-attributions",
        intro=(
            "Attributions add up to the difference of the logit between a galaxy's image and the recipe's baseline; "
            "positive ones speak for a fast rotator. R_e is the half-light semi-major axis. Shares are of the absolute "
            "attribution. Each map is a FITS file with its image beside it: "
            f"results/attributions/{folder}/fits." + _also(folder, wanted, shown)
        ),
        figures=figures_of(root, folder, wanted, row.synthetic, shown),
        tables=[
            ReportTable(
                "Attributions in numbers: means over galaxies, 95 % intervals (bootstrap over physical galaxies)",
                _side_by_side(means),
                f"DuckDB: FROM attribution_summary {where}",
                row.synthetic,
            ),
            ReportTable("What could be measured", reasons, f"DuckDB: FROM attributions {where}", row.synthetic),
        ],
        level=3,
    )


def _side_by_side(means: pd.DataFrame) -> pd.DataFrame:
    """Means with their intervals, a row a measure and a column a group of galaxies."""
    texts = [
        f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]" if pd.notna(row.mean) else None
        for row in means.itertuples(index=False)
    ]
    table = means.assign(text=texts).pivot(index="measure", columns="galaxies", values="text")
    order = [group for group in ATTRIBUTION_GROUPS if group in table]
    return table.loc[means["measure"].drop_duplicates(), order].reset_index().rename_axis(columns=None)


def figures_of(
    root: DataRoot, folder: str, wanted: dict[str, str], synthetic: bool, shown: Shown
) -> list[ReportFigure]:
    """The pictures that there are and that no figure of the study shows already, with their captions."""
    from rotator_assets.report.page import ReportFigure

    return [
        ReportFigure(f"{folder.replace('/', ', ')}: {caption[0].lower()}{caption[1:]}", path, None, synthetic)
        for name, caption in wanted.items()
        if (path := root.figures / folder / f"{name}.png").is_file() and (folder, name) not in shown
    ]


def _also(folder: str, wanted: dict[str, str], shown: Shown) -> str:
    """Where the pictures are that a figure of the study shows already."""
    numbers = [str(shown[folder, name]) for name in wanted if (folder, name) in shown]
    return f" See figure{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}." if numbers else ""
