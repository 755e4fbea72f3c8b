"""The table that `rotators predict` writes."""

from __future__ import annotations

from rotator_assets.candidates.tables import TABLES as CANDIDATES
from rotator_assets.store.columns import Column, Table
from rotator_assets.store.fields import fields
from rotator_assets.tensors.tables import TABLES as IMAGES

_OF_CANDIDATES = {column.name: column for column in CANDIDATES["candidates"].columns}
_OF_IMAGES = {column.name: column for column in IMAGES["images"].columns}
_UNUSABLE = "where the image cannot be read"

PREDICTED = tuple(
    _OF_CANDIDATES[name]
    for name in (
        *("probability_slow", "probability_slow_low", "probability_slow_high"),
        *("lambda_r_predicted", "lambda_r_low", "lambda_r_high"),
        *("in_domain", "domain_distance", "population", "population_known", "probability_early", "n_networks"),
    )
)
"""Columns that the networks fill, as in table ``candidates``."""

PREDICTIONS = Table(
    "predictions",
    "Galaxies of any images, by networks that have not seen them; one row per image, in the order of the images.",
    (
        Column(
            "galaxy_id",
            "VARCHAR",
            "name of the galaxy: in the table of images, else of the file",
            ucd="meta.id;meta.main",
        ),
        Column("path", "VARCHAR", "image file; archive.tar:member inside an archive"),
        Column("usable", "BOOLEAN", "true where the image could be predicted"),
        Column("reason", "VARCHAR", "why it could not", null="where it could"),
        *fields("ra", "dec"),
        Column("in_catalog", "BOOLEAN", "true where the catalogue has the galaxy", null="without a catalogue"),
        *fields("arcsec_per_pixel"),
        *(_OF_IMAGES[name] for name in ("filled_fraction", "unread_extensions")),
        *PREDICTED,
        Column(
            "n_networks_left_out",
            "INTEGER",
            "number of networks that have seen this galaxy in their training and are left out",
            null=_UNUSABLE,
        ),
        Column("attribution", "VARCHAR", "FITS file with its attribution map", null="without --attributions"),
        Column("synthetic", "BOOLEAN", "true where the image or the training is synthetic"),
    ),
)
