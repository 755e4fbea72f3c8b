"""Group ``catalogs``: the published tables of a survey in common columns."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.catalogs.measuring import Job, measure_all
from rotator_assets.catalogs.row_matching import FEW, matches
from rotator_assets.catalogs.tables import TABLES
from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.lineage.groups import catalog_asset, described
from rotator_assets.lineage.inputs import catalog_files, kinematic_files, kinematics_settings
from rotator_assets.lineage.notices import noticed
from rotator_assets.lineage.reads import Reads
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import Catalog, missing
from rotator_assets.surveys.inventory import not_measured, not_read


@catalog_asset(
    code_version="4",
    deps=[catalog_files],
    description="Deep-learning morphology of every catalogue entry, with repeat observations grouped.",
)
def morphology_catalog(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Read the survey's morphology catalogue."""
    survey = context.partition_key
    reads = Reads(context, store)
    folder, checksums = reads.folder("catalog_files"), reads.checksums("catalog_files")
    catalog = SURVEYS[survey].read_morphology(folder)
    return _result(context, "morphology", catalog, folder, checksums, catalog.frame["galaxy_id"])


@catalog_asset(
    code_version="5",
    deps=[catalog_files],
    description="Axis ratio, size, Sersic index, mass and data quality of each catalogue entry.",
)
def photometry_catalog(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore], morphology_catalog: pd.DataFrame
) -> dg.MaterializeResult:
    """Read the survey's photometric catalogues."""
    survey = context.partition_key
    reads = Reads(context, store)
    folder, checksums = reads.folder("catalog_files"), reads.checksums("catalog_files")
    catalog = SURVEYS[survey].read_photometry(folder)
    return _result(context, "photometry", catalog, folder, checksums, morphology_catalog["galaxy_id"])


@catalog_asset(
    code_version="4",
    deps=[catalog_files],
    description="Every lambda_R of the data root by source, from tables and from measurements.",
)
def kinematics_catalog(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    morphology_catalog: pd.DataFrame,
    measured_kinematics: pd.DataFrame,
) -> dg.MaterializeResult:
    """Read lambda_R from the survey's tables and append what was measured.

    Raises InputError if there is no lambda_R.
    """
    survey = SURVEYS[context.partition_key]
    reads = Reads(context, store)
    folder, checksums = reads.folder("catalog_files"), reads.checksums("catalog_files")
    catalog = survey.read_kinematics(folder).with_measured(measured_kinematics)
    if catalog.frame["lambda_r"].isna().all() and len(measured_kinematics):
        reason = measured_kinematics["reason"].iloc[0]
        raise InputError(f"{folder}: none of {len(measured_kinematics)} kinematic files gives a lambda_R: {reason}")
    if catalog.frame.empty:
        raise missing(folder, *survey.kinematics_inputs)
    return _result(context, "kinematics", catalog, folder, checksums, morphology_catalog["galaxy_id"])


def _result(
    context: dg.AssetExecutionContext,
    kind: str,
    catalog: Catalog,
    folder: Path,
    checksums: Rows,
    galaxy_ids: pd.Series,
) -> dg.MaterializeResult:
    """Return the catalogue with a list of its files, their checksums, and notices.

    ``galaxy_ids`` are those of the morphology catalogue. Raises InputError for a file without any of these galaxies.
    """
    survey, table = context.partition_key, f"{kind}_catalog"
    checksums.set(synthetic=catalog.synthetic)
    frame = catalog.frame.assign(survey=survey, synthetic=catalog.synthetic)
    frame = frame.reindex(columns=TABLES[table].column_names)
    matched = [matches(source, galaxy_ids) for source in catalog.sources]
    files = pd.DataFrame(
        [
            {
                "survey": survey,
                "catalog": kind,
                "what": source.what,
                "release": source.release,
                "path": str(source.path if not source.path.is_absolute() else source.path.relative_to(folder)),
                "n_rows": source.rows,
                "n_taken": source.taken,
                "n_matched": n_matched if source.id_column else None,
                "note": source.note or None,
                "synthetic": source.synthetic,
            }
            for source, (n_matched, _) in zip(catalog.sources, matched, strict=True)
        ],
        columns=TABLES["input_files"].column_names,
    )
    lost = not_read(SURVEYS[survey], folder) if kind == "morphology" else []
    lost += [notice for source in catalog.sources for notice in source.notices]
    lost += [notice for _, notice in matched if notice]
    notices, metadata = noticed(context, survey, lost, catalog.synthetic)
    lines = [f"| {f.what} | {f.release} | {f.path} | {f.n_rows} |" for f in files.itertuples()]
    return dg.MaterializeResult(
        value={table: frame, "input_files": files, "input_checksums": checksums, **notices},
        data_version=dg.DataVersion(f"{content_hash(frame)}-{content_hash(files)}"),
        metadata=described(
            synthetic=catalog.synthetic,
            files=dg.MetadataValue.md("\n".join(["| table | release | file | rows |", "|---|---|---|---|", *lines])),
            **metadata,
        ),
    )


_ELLIPSE = {
    "semi_major_arcsec": "r_eff_arcsec",
    "ellipticity": "ellipticity",
    "position_angle_deg": "position_angle_deg",
    "sersic_n": "sersic_n",
    "nsa_sersic_n": "nsa_sersic_n",
}


@catalog_asset(
    code_version="5",
    deps=[kinematic_files, kinematics_settings],
    kinds={"fits", "hdf5", "parquet"},
    description="lambda_R measured from DAP maps or star particles; no rows without such files.",
)
def measured_kinematics(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    morphology_catalog: pd.DataFrame,
    photometry_catalog: pd.DataFrame,
) -> dg.MaterializeResult:
    """Measure lambda_R in every kinematic file of the survey that was not measured before."""
    key = context.partition_key
    reads = Reads(context, store)
    folder, checksums = reads.folder("kinematic_files"), reads.checksums("kinematic_files")
    files = SURVEYS[key].kinematic_files(folder)
    lost = _unmatched(files, set(morphology_catalog["galaxy_id"]))
    lost += not_measured(SURVEYS[key], folder, set(files.values()))
    settings = reads.settings("kinematics_settings").kinematics
    if not files and settings != KinematicsSettings():
        lost.append("settings kinematics: have no effect, as there are no kinematic files")
    ellipses = _ellipses(photometry_catalog)
    jobs = [
        Job(key, galaxy_id, path, ellipses.get(galaxy_id, HalfLightEllipse()), settings)
        for galaxy_id, path in sorted(files.items())
    ]
    measured = measure_all(
        jobs, store.root.measured / key, lambda done, total: progress.report(f"lambda_R of {key}", done, total)
    )
    measured = measured.assign(survey=key, lambda_r_source=SURVEYS[key].measured_source)
    if jobs:
        measured["path"] = [str(job.path.relative_to(folder)) for job in jobs]
    frame = measured.reindex(columns=TABLES["measured_kinematics"].column_names)
    usable = int(frame["usable"].eq(True).sum())
    reasons = frame["reason"].dropna().map(lambda reason: reason.split(": ", 1)[-1]).value_counts()
    if usable < len(frame):
        lost.append(f"{len(frame) - usable} of {len(frame)} kinematic files give no lambda_r: see measured_kinematics")
    synthetic = bool(frame["synthetic"].eq(True).any())
    checksums.set(synthetic=synthetic)
    notices, metadata = noticed(context, key, lost, synthetic)
    return dg.MaterializeResult(
        value={"measured_kinematics": frame, "input_checksums": checksums, **notices},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            synthetic=synthetic,
            usable=usable,
            unusable=dg.MetadataValue.md("\n".join(f"- {n} x {r}" for r, n in reasons.head(20).items()) or "none"),
            **metadata,
        ),
    )


def _unmatched(files: dict[str, Path], galaxy_ids: set[str]) -> list[str]:
    """Return a notice if few kinematic files belong to galaxies of the morphology catalogue.

    Raises InputError if none does.
    """
    foreign = [galaxy_id for galaxy_id in files if galaxy_id not in galaxy_ids]
    n_matched = len(files) - len(foreign)
    if n_matched >= FEW * len(files):
        return []
    path = files[foreign[0]]
    if n_matched:
        what = f"{n_matched} of {len(files)} kinematic files belong to galaxies of the morphology catalogue"
        return [f"{what}, others such as {path.name} do not"]
    raise InputError(
        f"{path}: none of {len(files)} kinematic files belongs to a galaxy of the morphology catalogue, which has "
        f"identifiers such as {min(galaxy_ids)}; correct the names or remove the files"
    )


def _ellipses(photometry: pd.DataFrame) -> dict[str, HalfLightEllipse]:
    """Return the half-light ellipse from the photometry by galaxy_id."""
    known = photometry.assign(ellipticity=1 - photometry["axis_ratio"]).set_index("galaxy_id")[list(_ELLIPSE.values())]
    known = known.astype("float64").replace({np.inf: np.nan, -np.inf: np.nan})
    return {
        galaxy_id: HalfLightEllipse(**dict(zip(_ELLIPSE, values, strict=True)))
        for galaxy_id, values in zip(known.index, known.to_numpy().tolist(), strict=True)
    }
