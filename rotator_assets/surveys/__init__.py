"""Surveys: one module each, which reads published files into common columns.

``SURVEYS`` has the reader of each survey by key (see ``base.Survey``). astropy, h5py and Pillow are only imported when
a file is read, so that importing this package is fast.
"""

from __future__ import annotations

from rotator_assets.surveys.atlas3d import ATLAS3D
from rotator_assets.surveys.base import Catalog, ExpectedInput, SourceFile, Survey
from rotator_assets.surveys.manga import MANGA
from rotator_assets.surveys.tng100 import TNG100

SURVEYS: dict[str, Survey] = {survey.key: survey for survey in (MANGA, TNG100, ATLAS3D)}

__all__ = ["SURVEYS", "Catalog", "ExpectedInput", "SourceFile", "Survey"]
