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
        without_scale, in_training and unread_extensions.
    images
        The images, with the number of files that were not read.
    card
        The model.
    """
    lines = [*images.notices, *_unusable(counts)]
    usable = counts[counts["usable"]]
    if n := _number(usable, usable["without_scale"]):
        lines.append(f"{n} files do not give their pixel scale: taken as in the training, {scale_of(card.images)}")
    if card.training.population == "early" and (n := _number(usable, usable["unknown_type"])):
        lines.append(
            f"{n} galaxies are of unknown type, and these networks know early types alone: the probabilities hold if "
            "they are early types; give t_type in a --catalog"
        )
    if n := _number(usable, usable["in_domain"].eq(False)):
        lines.append(f"{n} galaxies are unlike those of the training (in_domain is false)")
    if n := _number(usable, usable["in_training"].eq(True)):
        lines.append(f"{n} galaxies are galaxies of the training: predicted by the networks that have not seen them")
    if n := _number(counts, counts["in_catalog"].eq(False)):
        lines.append(f"{n} of {counts['n'].sum()} images are not in the catalogue (galaxy_id)")
    masks = usable["unread_extensions"].notna()
    if n := _number(usable, masks):
        names = ", ".join(sorted(set(usable.loc[masks, "unread_extensions"])))
        lines.append(f"masks of {n} images are not read ({names}): flagged pixels are used")
    if images.n_unread:
        lines.append(f"{images.n_unread} files are no images and are not read, such as {images.unread}")
    if card.images.noise != "observed":
        lines.append(f"images are treated as simulated ones of {card.training.dataset}: {_treated(card)}")
    if card.synthetic:
        lines.append("the networks were trained on synthetic galaxies")
    return [" ".join(line.split()) for line in lines]


def _unusable(counts: pd.DataFrame) -> list[str]:
    unusable = counts[~counts["usable"]]
    kinds = unusable.groupby("kind", dropna=False).agg(n=("n", "sum"), reason=("reason", "first"))
    kinds = kinds.sort_values("n", ascending=False)
    lines = [f"{row.n} images are not usable, for example: {row.reason}" for row in kinds.itertuples()]
    more = len(lines) - _MOST_REASONS
    return lines[:_MOST_REASONS] + [f"and {more} other reasons: see column reason"] * (more > 0)


def _number(counts: pd.DataFrame, chosen: pd.Series) -> int:
    return int(counts.loc[chosen.fillna(False).astype(bool), "n"].sum())


def _treated(card: Card) -> str:
    return "with the seeing and noise of SDSS" if card.images.noise == "noisy" else "without noise"
