"""What a user's own survey has: columns of its table, images, labels, and what is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.settings import ImageSettings, SurveySettings
from rotator_assets.galaxies.matching import label_galaxies, match_galaxies
from rotator_assets.imaging.cutouts import Treatment, make_cutout
from rotator_assets.imaging.images import ImageSource
from rotator_assets.lineage.settings_file import Settings, load_settings
from rotator_assets.orchestration.terminal import print_table, print_wrapped
from rotator_assets.surveys import BUILT_IN, DeclaredSurvey
from rotator_assets.surveys.any_table import columns_of
from rotator_assets.surveys.datasets import CROPS_PX
from rotator_assets.surveys.units import factor

MOST_READ = 200
"""Largest number of images that are read."""
_FORMS = {"cube": "FITS cube or extensions", "bands": "one FITS file per band", "colour": "PNG or JPG"}
_MANY = 12


@dataclass(frozen=True)
class Columns:
    """The columns of a table: rows for printing, those that it lacks, and those that are not read."""

    rows: list[tuple[str, str, str, str, str]]
    lacking: list[str]
    unread: list[str]


@dataclass
class Images:
    """The images of a survey, as far as they were read.

    Attributes
    ----------
    n_galaxies, n_images
        Rows of the table, and those with an image.
    n_read
        Number of images that were read.
    strangers, others
        Images of no galaxy of the table, and files with other names: number and example.
    seen
        Numbers of images by property (form, size, pixel scale, unit) and value.
    usable
        Number of usable images by crop in pixels.
    reasons
        Unusable images by crop and kind of reason: their number, an example of the reason, and a galaxy.
    """

    n_galaxies: int
    n_images: int
    n_read: int = 0
    strangers: tuple[int, str] = (0, "")
    others: tuple[int, str] = (0, "")
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    usable: dict[int, int] = field(default_factory=dict)
    reasons: dict[tuple[int, str], tuple[int, str, str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Count one image with a value of a property."""
        self.seen.setdefault(name, Counter())[value] += 1

    def refuse(self, crop_px: int, message: str, galaxy_id: str) -> None:
        """Count an unusable image; reasons that differ only in numbers and names of files are of one kind."""
        reason = message.partition(": ")[2] or message
        kind = crop_px, re.sub(r"\d+(\.\d+)?", "0", reason)
        count, first, such_as = self.reasons.get(kind, (0, reason, galaxy_id))
        self.reasons[kind] = count + 1, first, such_as


def print_survey(root: DataRoot, name: str) -> None:
    """Print what is read of a survey, what is not and why, and what is missing.

    Raises InputError if there is no such survey, or its table cannot be read.
    """
    settings = load_settings(root)
    survey = _own(settings, root, name)
    folder, chosen = root.survey(name), settings.survey(name)
    columns = check_columns(survey, folder)
    print(f"survey {name}: {folder}")
    print_table(
        ["column", "in the table", "unit", "values", "remark"], columns.rows, title=f"table: {survey.chosen.catalog}"
    )
    print_wrapped(f"not in the table: {', '.join(columns.lacking) or 'nothing'}", hanging="  ")
    print_wrapped(f"not read: {_listed(columns.unread)}", hanging="  ")
    missing = list(_print_labels(survey, folder, chosen))
    if survey.template is None:
        missing.append("images: the settings name none, so there are catalogues only")
    else:
        missing += _print_images(check_images(survey, folder, chosen.images), survey)
    print()
    for line in missing:
        print_wrapped(f"missing: {line}", hanging="  ")
    if not missing:
        print(f"nothing is missing: rotators run -d {name}-observed-{min(CROPS_PX)} -r thesis")


def _own(settings: Settings, root: DataRoot, name: str) -> DeclaredSurvey:
    own = settings.own_surveys
    if name in own:
        return own[name]
    if name in BUILT_IN:
        raise InputError(f"{name} is a built-in survey: `rotators status` lists what it has")
    declared = f"it declares {', '.join(own)}" if own else "it declares none; see `rotators survey new --help`"
    raise InputError(f"{root.settings}: declares no survey '{name}': {declared}")


def check_columns(survey: DeclaredSurvey, folder: Path) -> Columns:
    """Return what the table has. Raises InputError if it cannot be read."""
    table = survey.read_table(folder)
    there = columns_of(folder / survey.chosen.catalog, survey.columns["galaxy_id"].spellings)
    rows = []
    for name, published in table.published.items():
        wanted, given = survey.columns[name].unit, table.units.get(name, "")
        own = there.get(published, "")
        unit = given or own or wanted or ""
        if given and wanted is not None and factor(given, wanted) != 1:
            unit = f"{given} -> {wanted or 'no unit'}"
        assumed = " (assumed)" if wanted and not given else ""
        known = int(table.frame[name].notna().sum())
        remark = table.unusable.get(name, "")
        rows.append((name, published, unit + assumed, f"{known} of {len(table.frame)}", remark))
    lacking = [name for name in survey.columns if name not in table.published]
    return Columns(rows, lacking, [name for name in there if name not in table.published.values()])


def check_images(survey: DeclaredSurvey, folder: Path, settings: ImageSettings) -> Images:
    """Return what the images are like; up to `MOST_READ` of them are read, spread over the galaxies.

    Parameters
    ----------
    survey
        The survey.
    folder
        Its folder in the data root.
    settings
        How images are checked.

    Raises
    ------
    InputError
        If the table, or the folder of the images, cannot be read.
    """
    galaxies = survey.read_morphology(folder).frame
    places = dict(zip(galaxies["galaxy_id"], galaxies[["ra", "dec"]].to_numpy().tolist(), strict=True))
    others = survey.images_in(folder)[1]
    index = survey.image_index(folder)
    here = [name for name in index if name in places]
    strangers = [name for name in index if name not in places]
    found = Images(len(places), len(here))
    if strangers:
        found.strangers = len(strangers), index[strangers[0]].described(folder)
    if others:
        found.others = len(others), others[0].name
    for name in here:
        found.add("form", _FORMS[index[name].form])
    for name in here[:: max(1, -(-len(here) // MOST_READ))]:
        found.n_read += 1
        _read(found, survey, name, index[name], settings, places[name])
    return found


def _read(
    found: Images,
    survey: DeclaredSurvey,
    name: str,
    source: ImageSource,
    settings: ImageSettings,
    position: Sequence[float],
) -> None:
    """Read one image for every crop, and count what it is like or why it is unusable."""
    try:
        found.add("size", "{} x {}".format(*source.shape()))
    except UnusableImage:
        found.add("size", "not known")
    described = False
    for crop_px in CROPS_PX:
        treatment = Treatment(survey.key, "observed", crop_px, settings, arcsec_per_pixel=survey.arcsec_per_pixel)
        try:
            conditions = make_cutout(source, name, treatment, *position).conditions
        except UnusableImage as error:
            found.refuse(crop_px, str(error), name)
            continue
        found.usable[crop_px] = found.usable.get(crop_px, 0) + 1
        if not described:
            scale = conditions["arcsec_per_pixel"]
            given = f"{scale:.4g} arcsec" if isinstance(scale, float) else "not in the file"
            found.add("pixel scale", given)
            found.add("unit", str(conditions["image_unit"]))
            described = True


def _print_images(found: Images, survey: DeclaredSurvey) -> Iterator[str]:
    """Print what the images are like, and yield what is missing."""
    print(f"\nimages: {survey.chosen.images}: {found.n_images} of {found.n_galaxies} galaxies have one")
    for name, counts in found.seen.items():
        shown = ", ".join(f"{value} ({count})" for value, count in counts.most_common(_MANY))
        print_wrapped(f"{name}: {shown}", hanging="  ")
    scales = found.seen.get("pixel scale", {})
    if "not in the file" in scales and survey.scale_of_others is not None:
        print(f"pixel scale where the file has none: {survey.scale_of_others} arcsec (pixel_scale_arcsec)")
    for crop_px in CROPS_PX:
        print(f"usable at {crop_px} pixels: {found.usable.get(crop_px, 0)} of {found.n_read} that were read")
    if found.reasons:
        ranked = sorted(found.reasons.items(), key=lambda one: -one[1][0])[:_MANY]
        rows = [(f"{crop_px}", f"{n}", reason, such_as) for (crop_px, _), (n, reason, such_as) in ranked]
        print_table(["crop", "images", "unusable because", "such as"], rows)
    for (count, example), what in (
        (found.strangers, "images of no galaxy of the table"),
        (found.others, "files with another name, which are not read"),
    ):
        if count:
            print_wrapped(f"{what}: {count}, such as {example}", hanging="  ")
    if not found.n_images:
        yield f"images of galaxies of the table: none has a name such as {survey.chosen.images}"
    elif not found.usable:
        yield "usable images: none of those that were read is"
    if "not in the file" in scales and survey.scale_of_others is None:
        yield "pixel scale: radii in pixels are not known; give pixel_scale_arcsec if all images have the same"


def _print_labels(survey: DeclaredSurvey, folder: Path, chosen: SurveySettings) -> Iterator[str]:
    """Print how many galaxies get a label, and yield what labels need."""
    morphology, photometry = survey.read_morphology(folder), survey.read_photometry(folder)
    try:
        kinematics = survey.read_kinematics(folder).frame
    except InputError as error:
        print(f"\nlabels: none ({error})")
        yield "lambda_r: without it there are no labels, and nothing can be trained"
        return
    galaxies, _ = match_galaxies(
        survey.key,
        morphology.frame,
        photometry.frame,
        kinematics,
        chosen.lambda_r_preference,
        morphology.synthetic,
        chosen.jam_qual_min,
        lambda_r_scale=chosen.lambda_r_scale,
        fill_refused=chosen.fill_refused,
        ellipticity_preference=chosen.ellipticity_preference,
    )
    labeled, _ = label_galaxies(galaxies, exclude=chosen.exclude, **chosen.labels.model_dump())
    early = labeled[labeled["is_early_type"] & labeled["rotator_type"].notna()]
    types = labeled["t_type"].notna() | labeled["p_late"].notna()
    print(f"\nlabels: {_classes(labeled)}; of early types: {_classes(early)}")
    if galaxies["ellipticity"].isna().all():
        yield "ellipticity or axis_ratio: without it there are no labels"
    if not types.any():
        yield "t_type or p_late: without it no galaxy is an early type; recipes of all types can be trained"
    elif early["rotator_type"].nunique() < 2 and not galaxies["ellipticity"].isna().all():
        yield "slow and fast rotators among the early types: a training needs both"


def _classes(labeled: pd.DataFrame) -> str:
    slow, fast = ((labeled["rotator_type"] == value).sum() for value in (0, 1))
    return f"{slow + fast} galaxies, {slow} slow and {fast} fast rotators"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more if names else "nothing"
