"""What a user should know of predictions, in lines for the console."""

from __future__ import annotations

import pandas as pd

from rotator_assets.application.card import Card, scale_of
from rotator_assets.application.entries import ImageList

_MOST_REASONS = 5
"""Number of kinds of unusable images that are listed."""


def notices_of(counts: pd.DataFrame, images: ImageList, card: Card) -> list[str]:
    """Return one line for each thing that a user may not expect.

    Parameters
    ----------
    counts
        Number n of images by reason (with its kind), usable, synthetic, in_domain, unknown_type, in_catalog,
        without_scale, in_training, unread_extensions and filled.
    images
        The images, with the number of files that were not read.
    card
        The model.
    """
    lines = [*images.notices, *_unusable(counts)]
    usable = counts[counts["usable"]]
    if n := _number(usable, usable["without_scale"]):
        lines.append(f"files without a pixel scale: {n}; it is taken as in the training, {scale_of(card.images)}")
    if card.training.population == "early" and (n := _number(usable, usable["unknown_type"])):
        lines.append(
            f"galaxies of unknown type: {n}; these networks know early types only, and the probabilities are valid for "
            "early types only: give t_type in a --catalog"
        )
    if n := _number(usable, usable["in_domain"].eq(False)):
        lines.append(f"galaxies unlike those of the training (in_domain is false): {n}")
    if n := _number(usable, usable["in_training"].eq(True)):
        lines.append(f"galaxies of the training: {n}; predicted by the networks that have not seen them")
    if n := _number(counts, counts["in_catalog"].eq(False)):
        lines.append(f"images whose galaxy_id is not in the catalogue: {n} of {counts['n'].sum()}")
    masks = usable["unread_extensions"].notna()
    if n := _number(usable, masks):
        names = ", ".join(sorted(set(usable.loc[masks, "unread_extensions"])))
        lines.append(f"images with masks that are not read ({names}): {n}; flagged pixels are used")
    if n := _number(usable, usable["filled"].eq(True)):
        lines.append(f"images with missing pixels that were filled, as in the training: {n}")
    if images.n_unread:
        why = "as they are no images or repeat a band"
        lines.append(f"files that are not read, {why}: {images.n_unread}, such as {images.unread}")
    if card.images.noise != "observed":
        lines.append(f"images are treated as simulated galaxies without noise, as in the training: {_treated(card)}")
    if card.synthetic:
        lines.append("the networks were trained on synthetic galaxies")
    return [" ".join(line.split()) for line in lines]


def _unusable(counts: pd.DataFrame) -> list[str]:
    unusable = counts[~counts["usable"]]
    kinds = unusable.groupby("kind", dropna=False).agg(n=("n", "sum"), reason=("reason", "first"))
    kinds = kinds.sort_values("n", ascending=False)
    lines = [f"unusable images: {row.n}, for example: {row.reason}" for row in kinds.itertuples()]
    more = len(lines) - _MOST_REASONS
    return lines[:_MOST_REASONS] + [f"and {more} other reasons: see column reason"] * (more > 0)


def _number(counts: pd.DataFrame, chosen: pd.Series) -> int:
    return int(counts.loc[chosen.fillna(False).astype(bool), "n"].sum())


def _treated(card: Card) -> str:
    return "with seeing and noise of SDSS added" if card.images.noise == "noisy" else "nothing is added"
