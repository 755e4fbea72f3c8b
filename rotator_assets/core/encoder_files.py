"""Files of encoders, the parts of networks trained elsewhere that a recipe can start from (`pretrained`)."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = "encoders"
"""Folder of a data root with the files of encoders."""
PUBLISHED_ENDING = ":imagenet"


def published_network(pretrained: str) -> str | None:
    """Return the name of the network in ``keras.applications``; None for a file of the user."""
    found = re.fullmatch(rf"([A-Za-z][A-Za-z0-9]*){PUBLISHED_ENDING}", pretrained)
    return found[1] if found else None


def names_an_encoder(pretrained: str) -> bool:
    """Return whether this names a ``.keras`` file, or a network with ImageNet weights."""
    return pretrained.endswith(".keras") or published_network(pretrained) is not None


def encoder_file(pretrained: str, folder: Path) -> Path:
    """Return the file of an encoder.

    Parameters
    ----------
    pretrained
        A path of a ``.keras`` file, absolute or relative to the folder, or a network such as
        ``MobileNetV3Small:imagenet``, which is kept in the folder once it is downloaded.
    folder
        Folder of the encoders.
    """
    name = published_network(pretrained)
    return folder / (pretrained if name is None else f"{name}-imagenet.keras")
