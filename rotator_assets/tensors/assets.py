"""Group ``images``: every usable image of a dataset as one tensor, and the labelled galaxies in it."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.archives import unreadable_archives
from rotator_assets.core.settings import ImageSettings
from rotator_assets.galaxies.exclusion import left_out, without_empty
from rotator_assets.galaxies.tables import TABLES as GALAXIES
from rotator_assets.imaging.cutouts import Treatment, read_sky_stamps
from rotator_assets.lineage.groups import described, image_asset
from rotator_assets.lineage.inputs import image_files, image_settings
from rotator_assets.lineage.notices import noticed
from rotator_assets.lineage.partitions import survey_to_dataset
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor, writing_tensor
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS, Dataset
from rotator_assets.tensors.building import Imaged, Made, Plan
from rotator_assets.tensors.exhibits import EXHIBITS
from rotator_assets.tensors.image_keys import image_keys
from rotator_assets.tensors.image_notices import file_notices, idle_image_settings, image_notices
from rotator_assets.tensors.reading import cutouts
from rotator_assets.tensors.tables import PROVENANCE, TABLES

_NEEDED = ("galaxy_id", "object_id", "ra", "dec", "r_eff_arcsec", "synthetic")
"""Columns of the galaxies that ``image_tensors`` reads."""
_NOTICED = (
    *("galaxy_id", "path", "usable", "reason", "image_unit", "arcsec_per_pixel"),
    *("filled_fraction", "unread_extensions"),
)
"""Columns of table ``images`` that notices are made from."""


def _taken(table: str, *more: str) -> list[str]:
    """Return the columns of ``labeled_galaxies`` that are in a table, and others."""
    names = {*TABLES[table].column_names, *more}
    return [name for name in GALAXIES["labeled_galaxies"].column_names if name in names]


@image_asset(
    code_version="4",
    ins={"galaxies": dg.AssetIn(partition_mapping=survey_to_dataset, metadata={"columns": list(_NEEDED)})},
    deps=[
        dg.AssetDep(image_files, partition_mapping=survey_to_dataset),
        dg.AssetDep(image_settings, partition_mapping=survey_to_dataset),
    ],
    io_manager_key="tensors",
    kinds={"numpy"},
    description="Images of a dataset as float32 (n, size, size, 3), bands g, r, i, and the reasons of unusable ones.",
)
def image_tensors(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore], galaxies: pd.DataFrame
) -> dg.MaterializeResult:
    """Write the tensor of the dataset, one image after the other, and list every image with its conditions."""
    dataset = DATASETS[context.partition_key]
    reads = Reads(context, store)
    settings, folder = reads.settings("image_settings"), reads.folder("image_files")
    checksums = reads.checksums("image_files")
    survey = SURVEYS[dataset.survey]
    sources = survey.image_index(folder, galaxies)
    lines = file_notices(survey, folder, sources)
    treatment = _treatment(dataset, settings, folder)
    lost = unreadable_archives(folder / survey.image_folder)
    excluded = left_out(galaxies, settings.exclude)
    tensor_folder = store.root.tensors / dataset.key
    keys = image_keys(galaxies, sources, treatment, excluded.keys())
    plan = Plan.of(tensor_folder, dataset.crop_px, galaxies, keys)
    images = Rows(TABLES["images"])

    def cutouts_of(some: pd.DataFrame) -> Made:
        of_some = {name: sources[name] for name in some["galaxy_id"] if name in sources}
        return cutouts(some, of_some, treatment, lost, excluded)

    with writing_tensor(tensor_folder, dataset.crop_px, bool(galaxies["synthetic"].any()), plan.kept) as tensor:
        for galaxy, image in plan.fill(tensor, plan.made(cutouts_of)):
            source = sources.get(galaxy.galaxy_id)
            row = {
                "dataset": dataset.key,
                "galaxy_id": galaxy.galaxy_id,
                "object_id": galaxy.object_id,
                "path": source.described(folder) if source else None,
                "usable": isinstance(image, Imaged),
            }
            if isinstance(image, Imaged):
                tensor.synthetic |= image.synthetic
                row["tensor_row"] = image.tensor_row
                row["r_eff_pixels"] = _r_eff_pixels(galaxy.r_eff_arcsec, image, settings.images, survey.scale_of_others)
                row |= image.conditions
            else:
                row["reason"] = image
            images.add(row)
    for rows in (images, checksums):
        rows.set(synthetic=tensor.synthetic)
    listed = images.frame(_NOTICED)
    usable = len(tensor.galaxy_ids)
    context.log.info(f"{usable} usable images of {len(images)} galaxies")
    strangers = sorted(sources.keys() - set(galaxies["galaxy_id"]))
    lines = [*lost, *lines, *image_notices(dataset, listed, strangers)]
    lines += idle_image_settings(dataset, listed, settings)
    notices, metadata = noticed(context, dataset.survey, lines, tensor.synthetic)
    return dg.MaterializeResult(
        value={"images": images, "input_checksums": checksums, **notices},
        data_version=dg.DataVersion(f"{tensor.version}-{content_hash(images)}"),
        metadata=described(
            synthetic=tensor.synthetic,
            usable=usable,
            unusable=dg.MetadataValue.md(_reasons(listed["reason"])),
            shape=f"({usable}, {dataset.crop_px}, {dataset.crop_px}, 3) float32",
            tensor=dg.MetadataValue.path(str(store.root.tensors / dataset.key)),
            **metadata,
        ),
    )


@image_asset(
    code_version="7",
    ins={
        "labeled_galaxies": dg.AssetIn(
            partition_mapping=survey_to_dataset,
            metadata={"columns": _taken("labeled_images", "rotator_type", "excluded_from", "t_type")},
        )
    },
    description="Labelled galaxies with an image in the dataset's tensor, which trainings can test; examples.",
)
def labeled_images(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    image_tensors: ImageTensor,
    labeled_galaxies: pd.DataFrame,
) -> dg.MaterializeResult:
    """Join the labels with the rows of the tensor, and draw examples.

    No training tests a galaxy that is excluded from training.
    """
    from rotator_assets.tensors.figures import examples_figure

    trainable = labeled_galaxies["rotator_type"].notna() & labeled_galaxies["excluded_from"].isna()
    labeled = labeled_galaxies[trainable]
    frame = _with_images(labeled, Reads(context, store), "labeled_images")
    early, synthetic = frame[frame["is_early_type"]], bool(frame["synthetic"].any()) or image_tensors.synthetic
    pictures = Pictures(store.root, context.partition_key, EXHIBITS)
    typed = frame.merge(labeled_galaxies[["galaxy_id", "t_type"]], on="galaxy_id", how="left", validate="one_to_one")
    images = image_tensors.select(frame["galaxy_id"])
    pictures.add("examples", examples_figure(images, typed, dataset=context.partition_key, synthetic=synthetic))
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            synthetic=synthetic,
            pictures=pictures,
            slow=int((frame["rotator_type"] == 0).sum()),
            early=len(early),
            early_slow=int((early["rotator_type"] == 0).sum()),
        ),
    )


@image_asset(
    code_version="2",
    ins={
        "labeled_galaxies": dg.AssetIn(
            partition_mapping=survey_to_dataset, metadata={"columns": _taken("imaged_galaxies")}
        )
    },
    deps=[image_tensors],
    description="Every galaxy with an image in the dataset's tensor, with or without a label.",
)
def imaged_galaxies(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore], labeled_galaxies: pd.DataFrame
) -> dg.MaterializeResult:
    """Join all galaxies with the rows of the tensor."""
    frame = _with_images(labeled_galaxies, Reads(context, store), "imaged_galaxies")
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(without_empty(frame.drop(columns=list(PROVENANCE))))),
        metadata=described(
            synthetic=bool(frame["synthetic"].any()),
            labelled=int(frame["rotator_type"].notna().sum()),
        ),
    )


def _with_images(galaxies: pd.DataFrame, reads: Reads, table: str) -> pd.DataFrame:
    """Return the galaxies with a usable image, in the order of the tensor, with the columns of a table.

    Columns that both frames have are those of ``images``, apart from ``object_id``.
    """
    columns = set(TABLES[table].column_names) & set(TABLES["images"].column_names) - {"object_id"}
    images = reads.table("images", columns=[*sorted(columns), "usable"])
    usable = images.loc[images["usable"]]
    own = galaxies.drop(columns=[name for name in galaxies if name in usable and name != "galaxy_id"])
    frame = own.merge(usable, on="galaxy_id", how="inner", validate="one_to_one")
    return frame.sort_values("tensor_row", ignore_index=True)[TABLES[table].column_names]


def _treatment(dataset: Dataset, settings: SimpleNamespace, folder: Path) -> Treatment:
    """Return the dataset's treatment of images, with its sky stamps if it uses them."""
    stamps = read_sky_stamps(folder / "sky") if dataset.noise == "noisy" and settings.mock.sky == "stamps" else None
    return Treatment(
        dataset.survey,
        dataset.noise,
        dataset.crop_px,
        settings.images,
        settings.mock,
        stamps,
        arcsec_per_pixel=SURVEYS[dataset.survey].arcsec_per_pixel,
    )


def _r_eff_pixels(r_eff_arcsec: float, image: Imaged, settings: ImageSettings, scale_of_others: float | None) -> float:
    """Return the half-light semi-major axis in pixels, by the scale of the file, else of settings; NaN without any.

    ``scale_of_others`` is the side of a pixel in arcsec where neither the file nor ``settings`` gives one.
    """
    scale = image.conditions["arcsec_per_pixel"]
    if scale is None and image.conditions["image_unit"] == "colour":
        if settings.pixels_per_r_eff is not None:
            return settings.pixels_per_r_eff
        scale = settings.arcsec_per_pixel
    scale = scale if scale is not None else scale_of_others
    if scale is None or pd.isna(r_eff_arcsec):
        return np.nan
    return r_eff_arcsec * image.angular_scale / float(scale)


def _reasons(reasons: pd.Series) -> str:
    """Return the reasons with their counts, most frequent first, as a Markdown list without file names."""
    counts = reasons.dropna().map(lambda reason: reason.split(": ", 1)[-1]).value_counts()
    return "\n".join(f"- {count} x {reason}" for reason, count in counts.head(20).items()) or "none"
