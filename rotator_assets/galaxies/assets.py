"""Group ``galaxies``: the matched catalogues, the labels, and the early types."""

from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.core.data_root import DataRoot
from rotator_assets.galaxies.agreement import agreement, lambda_r_pairs
from rotator_assets.galaxies.exclusion import left_out, unmatched, without_empty
from rotator_assets.galaxies.exhibits import EXHIBITS
from rotator_assets.galaxies.matching import (
    early_types,
    hidden_by_noise,
    idle_cuts,
    label_galaxies,
    match_galaxies,
    matching_losses,
    unlabeled,
)
from rotator_assets.galaxies.scaling import changed_by_scale, mixed_scales
from rotator_assets.galaxies.sensitivity import Choices
from rotator_assets.galaxies.sensitivity import label_sensitivity as sensitivity_of
from rotator_assets.galaxies.sources import (
    label_sources,
    shapes,
    unfilled,
    unused_ellipticities,
    unused_sources,
)
from rotator_assets.galaxies.tables import TABLES
from rotator_assets.lineage.groups import described, galaxy_asset
from rotator_assets.lineage.inputs import label_settings
from rotator_assets.lineage.notices import noticed
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS


@galaxy_asset(
    code_version="5",
    deps=[label_settings],
    description="Matched catalogues: every row of the morphology catalogue, with NULL for missing values.",
)
def galaxies(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    morphology_catalog: pd.DataFrame,
    photometry_catalog: pd.DataFrame,
    kinematics_catalog: pd.DataFrame,
) -> dg.MaterializeResult:
    """Match the catalogues of the survey and report the losses of each source."""
    survey = context.partition_key
    catalogs = (morphology_catalog, photometry_catalog, kinematics_catalog)
    morphology, photometry, kinematics = (catalog.drop(columns=["survey", "synthetic"]) for catalog in catalogs)
    reads = Reads(context, store)
    settings = reads.settings("label_settings")
    matched, of_sources = match_galaxies(
        survey,
        morphology,
        photometry,
        kinematics,
        synthetic=any(bool(catalog["synthetic"].any()) for catalog in catalogs),
        **matching_settings(settings),
    )
    of_sources = pd.concat([_files_read(survey, reads.every("input_files")), of_sources], ignore_index=True)
    losses = matching_losses(matched, photometry_catalog, kinematics_catalog, settings.exclude)
    counts = {"with_lambda_r": int(matched["lambda_r"].notna().sum())}
    notices = unused_sources(
        kinematics_catalog,
        settings.lambda_r_preference,
        settings.jam_qual_min,
        settings.lambda_r_scale,
        settings.fill_refused,
    )
    notices += [*unfilled(matched), *unmatched(matched, settings.exclude)]
    found = shapes(photometry_catalog, kinematics_catalog)
    notices += unused_ellipticities(found, matched, settings.ellipticity_preference)
    return _result(context, matched, losses, notices, counts, {"source_report": _numbered(of_sources, matched)})


@galaxy_asset(
    code_version="5",
    deps=[label_settings],
    description="Agreement between every two sources of lambda_R.",
)
def lambda_r_agreement(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    kinematics_catalog: pd.DataFrame,
    galaxies: pd.DataFrame,
) -> dg.MaterializeResult:
    """Compare the sources of lambda_R in numbers and a figure."""
    from rotator_assets.galaxies.figures import agreement_figure

    survey = context.partition_key
    settings = Reads(context, store).settings("label_settings")
    pairs = lambda_r_pairs(
        survey,
        kinematics_catalog,
        galaxies[~galaxies["galaxy_id"].isin(left_out(galaxies, settings.exclude))],
        settings.lambda_r_preference,
        settings.labels.boundary,
        settings.jam_qual_min,
        settings.lambda_r_scale,
    )
    summary = agreement(pairs)
    synthetic = bool(galaxies["synthetic"].any())
    pictures = Pictures(store.root, survey, EXHIBITS)
    pictures.add("lambda_r_agreement", agreement_figure(pairs, summary, dataset=survey, synthetic=synthetic))
    frame = summary.assign(synthetic=synthetic).reindex(columns=TABLES["lambda_r_agreement"].column_names)
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(pairs)),
        metadata=described(synthetic=synthetic, pictures=pictures),
    )


@galaxy_asset(
    code_version="5",
    deps=[label_settings],
    description="Galaxies with spin threshold, rotator type and early type.",
)
def labeled_galaxies(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore], galaxies: pd.DataFrame
) -> dg.MaterializeResult:
    """Label the matched galaxies and report which get no label."""
    chosen = Reads(context, store).settings("label_settings")
    settings = chosen.labels
    labeled, losses = label_galaxies(galaxies, exclude=chosen.exclude, **settings.model_dump())
    pictures = _pictures(store.root, context.partition_key, labeled, settings.boundary)
    notices = [*idle_cuts(galaxies, settings.model_dump()), *hidden_by_noise(labeled), *unlabeled(labeled)]
    notices += mixed_scales(labeled, SURVEYS[context.partition_key].lambda_r_scales, chosen.lambda_r_scale)
    notices += changed_by_scale(labeled, chosen.lambda_r_scale, settings.boundary)
    sources = {
        f"labels_by_{what}_source": ", ".join(f"{source} {count}" for source, count in counts.items()) or "none"
        for what, counts in label_sources(labeled).items()
    }
    return _result(context, labeled, losses, notices, {**_label_counts(labeled), **sources, **pictures.metadata()})


def matching_settings(settings: SimpleNamespace) -> dict[str, Any]:
    """Return the options of ``match_galaxies`` from the settings of a survey."""
    return {
        "preference": settings.lambda_r_preference,
        "jam_qual_min": settings.jam_qual_min,
        "lambda_r_scale": settings.lambda_r_scale,
        "fill_refused": settings.fill_refused,
        "ellipticity_preference": settings.ellipticity_preference,
    }


def _pictures(root: DataRoot, survey: str, labeled: pd.DataFrame, boundary: str) -> Pictures:
    from rotator_assets.galaxies.figures import class_histogram_figure, spin_ellipticity_figure

    synthetic = bool(labeled["synthetic"].any())
    pictures = Pictures(root, survey, EXHIBITS)
    pictures.add(
        "spin_ellipticity", spin_ellipticity_figure(labeled, dataset=survey, synthetic=synthetic, boundary=boundary)
    )
    pictures.add("classes", class_histogram_figure(labeled, dataset=survey, synthetic=synthetic))
    return pictures


def _files_read(survey: str, input_files: pd.DataFrame) -> pd.DataFrame:
    """Return the first steps of the source report: rows of each file, and the number used."""
    files = input_files.sort_values(["catalog", "what"], ignore_index=True)
    dropped = files["n_rows"] - files["n_taken"]
    return pd.DataFrame(
        {
            "survey": survey,
            "step": "file: " + files["path"],
            "rows_in": files["n_rows"],
            "rows_out": files["n_taken"],
            "rows_dropped": dropped,
            "reason": files["note"].fillna("").where(dropped > 0, ""),
        }
    )


_FIRST_STEP = {"galaxies": 1, "labeled_galaxies": 101, "early_type_galaxies": 201}
"""Number of each asset's first step in ``match_report``, which puts the steps of all three in order."""


def _numbered(losses: pd.DataFrame, frame: pd.DataFrame, first: int = 1) -> pd.DataFrame:
    """Return the losses with the numbers of the steps, and whether the galaxies are synthetic."""
    synthetic = bool(frame["synthetic"].any()) if len(frame) else False
    return losses.assign(synthetic=synthetic, step_number=range(first, first + len(losses)))


def _label_counts(frame: pd.DataFrame) -> dict[str, int]:
    return {"slow": int((frame["rotator_type"] == 0).sum()), "fast": int((frame["rotator_type"] == 1).sum())}


def _result(
    context: dg.AssetExecutionContext,
    frame: pd.DataFrame,
    losses: pd.DataFrame,
    notices: list[str],
    more: dict,
    tables: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> dg.MaterializeResult:
    table = context.asset_key.path[-1]
    synthetic = bool(frame["synthetic"].any()) if len(frame) else False
    losses = _numbered(losses, frame, _FIRST_STEP[table])
    rows = [f"| {r.step} | {r.rows_in} | {r.rows_out} | {r.rows_dropped} | {r.reason} |" for r in losses.itertuples()]
    head = ["| step | rows in | rows out | dropped | reason |", "|---|---|---|---|---|"]
    notice_table, metadata = noticed(context, context.partition_key, notices, synthetic)
    return dg.MaterializeResult(
        value={
            table: frame.reindex(columns=TABLES[table].column_names),
            "match_report": losses,
            **tables,
            **notice_table,
        },
        data_version=dg.DataVersion(content_hash(without_empty(frame))),
        metadata=described(
            synthetic=synthetic,
            match_report=dg.MetadataValue.md("\n".join(head + rows)),
            **metadata,
            **more,
        ),
    )


@galaxy_asset(
    code_version="2",
    deps=[label_settings],
    description="Changes of the labels with other sources, factors, boundaries and corrections than the settings.",
)
def label_sensitivity(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    morphology_catalog: pd.DataFrame,
    photometry_catalog: pd.DataFrame,
    kinematics_catalog: pd.DataFrame,
    measured_kinematics: pd.DataFrame,
) -> dg.MaterializeResult:
    """Label the galaxies again under each other choice and count the changes."""
    catalogs = (morphology_catalog, photometry_catalog, kinematics_catalog)
    settings = Reads(context, store).settings("label_settings")
    labels = {**settings.labels.model_dump(), "exclude": settings.exclude}
    choices = Choices(context.partition_key, *catalogs, matching_settings(settings), labels)
    synthetic = any(bool(catalog["synthetic"].any()) for catalog in catalogs)
    found = sensitivity_of(choices, measured_kinematics).assign(synthetic=synthetic)
    frame = found.reindex(columns=TABLES["label_sensitivity"].column_names)
    lines = [f"| {r.choice} | {r.n_early} | {r.n_early_slow} | {r.n_early_changed} |" for r in frame.itertuples()]
    head = ["| choice | labelled early types | slow | other label |", "|---|---|---|---|"]
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(synthetic=synthetic, labels=dg.MetadataValue.md("\n".join(head + lines))),
    )


@galaxy_asset(code_version="5", description="Early types with a label: the study's sample.")
def early_type_galaxies(context: dg.AssetExecutionContext, labeled_galaxies: pd.DataFrame) -> dg.MaterializeResult:
    """Select the labelled early types."""
    early, losses = early_types(labeled_galaxies)
    return _result(context, early, losses, [], _label_counts(early))
