"""Tables of notices and checksums."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import fields

TABLES = by_name(
    Table(
        "notices",
        "Input files and settings that are not used, or not used as expected, by the asset that noticed.",
        (
            *fields("survey"),
            Column("asset", "VARCHAR", "asset that noticed it"),
            Column("partition", "VARCHAR", "survey, dataset or training of the asset's partition"),
            Column("notice", "VARCHAR", "which file or setting, what is not used, why, and what to do"),
            *fields("synthetic"),
        ),
        shared=True,
    ),
    Table(
        "input_checksums",
        "Every file of the inputs as it was when an asset read it; `rotators verify` compares the files with it.",
        (
            *fields("survey"),
            Column("input", "VARCHAR", "catalog_files, kinematic_files or image_files"),
            Column("read_by", "VARCHAR", "asset that read it"),
            Column("partition", "VARCHAR", "survey or dataset of the asset's partition"),
            Column("path", "VARCHAR", "file, relative to the survey's folder"),
            Column("bytes", "BIGINT", "size", "bytes"),
            Column("modified_ns", "BIGINT", "time of its last change, since 1970", "ns"),
            Column("sha256", "VARCHAR", "SHA-256 of its content", null="where it could not be read"),
            Column("checked_at", "TIMESTAMP", "when sha256 was computed, UTC"),
            *fields("synthetic"),
        ),
        shared=True,
        made_by=(
            "morphology_catalog",
            "photometry_catalog",
            "kinematics_catalog",
            "measured_kinematics",
            "image_tensors",
        ),
    ),
)
