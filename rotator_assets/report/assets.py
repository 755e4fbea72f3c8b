"""Group ``reports``: the study report, one HTML file with every figure and table made so far."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import dagster as dg

from rotator_assets.answer.tables import TABLES
from rotator_assets.core.keys import WHOLE
from rotator_assets.lineage.groups import described, study_asset
from rotator_assets.lineage.observed_results import all_results
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.exhibit import Exhibit
from rotator_assets.report.links import REPORT_ADDRESS
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_metadata import main_table_metadata
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS

SOFTWARE = ("dagster", "tensorflow", "keras", "scikit-learn", "alibi", "astropy", "numpy", "pandas", "duckdb", "galsim")


def study_report_of(shown: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset ``study_report``, which follows the assets whose results it shows."""
    return study_asset(
        name="study_report",
        code_version="5",
        deps=[all_results, *shown],
        kinds={"html", "matplotlib"},
        description="The answer in a few sentences, and every figure and table, in one HTML file that opens offline.",
    )(_study_report)


def _study_report(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    exhibits: dg.ResourceParam[tuple[Exhibit, ...]],
) -> dg.MaterializeResult:
    """Write the answer and the report with everything that exists now."""
    from rotator_assets.answer.results import Results
    from rotator_assets.answer.sentences import key_results, key_results_table
    from rotator_assets.report.content import ReportContent
    from rotator_assets.report.first_page import as_markdown, first_page
    from rotator_assets.report.page import ReportContext, save_report
    from rotator_assets.report.sections import report_sections
    from rotator_assets.report.source_sections import report_sources, sources_metadata, sources_section
    from rotator_assets.report.study_verdicts import study_comparison
    from rotator_assets.report.training_sections import trainings

    reads = Reads(context, store)
    results_version, tables = reads.observed["all_results"].version, reads.every_table()
    results = Results.read(tables)
    answers = key_results(results, list(DATASETS))
    galaxies = tables.query("SELECT survey, synthetic FROM labeled_galaxies")
    synthetic = bool(galaxies["synthetic"].any())
    metrics = results.model_metrics.sort_values(["dataset", "recipe"])
    every = trainings(metrics)
    trained = [training for dataset in DATASETS for training in every if training.dataset == dataset]
    surveys = [survey for survey in SURVEYS if (galaxies["survey"] == survey).any()]
    compared = study_comparison(
        metrics, tables.query("FROM recipe_comparison"), results.dataset_comparison, synthetic=synthetic
    )
    sections = report_sections(ReportContent(tables, exhibits), reads.all_settings(), surveys, trained, compared)
    sources = report_sources(tables, context.instance)
    sections.append(sources_section(sources, results_version, synthetic))
    page = first_page(tables, results, answers)
    save_report(
        ReportContext(
            title="Slow and fast rotators from images alone",
            synthetic=synthetic,
            generated_at=datetime.now(UTC),
            versions={"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}},
            first_page=page,
            sections=sections,
        ),
        store.root.report,
    )
    key_results = key_results_table(answers)
    store.write("key_results", WHOLE, key_results)
    answered = content_hash(key_results[TABLES["key_results"].column_names])
    store.publish()
    return dg.MaterializeResult(
        data_version=dg.DataVersion(f"{results_version}-{answered}"),
        metadata=described(
            **main_table_metadata(TABLES["key_results"], len(answers)),
            synthetic=synthetic,
            answer=dg.MetadataValue.md(as_markdown(page, synthetic)),
            report=dg.MetadataValue.path(str(store.root.report)),
            open_report=dg.MetadataValue.url(REPORT_ADDRESS),
            size_bytes=store.root.report.stat().st_size,
            trainings=len(metrics),
            made_from=sources_metadata(sources, results_version),
        ),
    )
