"""Tables of images."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import LABELS, MORPHOLOGY_PROBABILITIES, fields

PROVENANCE = ("lambda_r_source", "lambda_r_unscaled")
"""Columns of ``imaged_galaxies`` that change no training."""
NOT_LEARNED = ("excluded_from", *PROVENANCE)
"""Columns of ``imaged_galaxies`` that no network learns from."""

TABLES = by_name(
    Table(
        "images",
        "Whether each galaxy's image went into the dataset's tensor, and why not; one row per dataset and galaxy.",
        (
            *fields("dataset", "galaxy_id", "object_id"),
            Column("path", "VARCHAR", "image file, relative to the survey's folder", null="where there is none"),
            Column("usable", "BOOLEAN", "true where the image is in the tensor"),
            Column("reason", "VARCHAR", "why the image is not usable", null="where it is"),
            *fields("tensor_row", "image_unit", "arcsec_per_pixel"),
            Column(
                "north_angle_deg", "DOUBLE", "angle of the image's +y axis, east of north", "degrees", "where unknown"
            ),
            *fields("galaxy_x_pixels", "galaxy_y_pixels"),
            Column("filled_fraction", "DOUBLE", "fraction of the crop's pixels that were missing and were filled"),
            Column("unread_extensions", "VARCHAR", "mask extensions of the file, which are not read", null="for none"),
            *fields("r_eff_pixels"),
            Column("psf_fwhm_g_arcsec", "DOUBLE", "FWHM of the mock g-band PSF", "arcsec", "where none was added"),
            *fields("psf_fwhm_r_arcsec"),
            Column("psf_fwhm_i_arcsec", "DOUBLE", "FWHM of the mock i-band PSF", "arcsec", "where none was added"),
            Column(
                "sky_sigma_g_nmgy", "DOUBLE", "mock sky noise in g", "nanomaggies per pixel", "where none was added"
            ),
            Column(
                "sky_sigma_r_nmgy", "DOUBLE", "mock sky noise in r", "nanomaggies per pixel", "where none was added"
            ),
            Column(
                "sky_sigma_i_nmgy", "DOUBLE", "mock sky noise in i", "nanomaggies per pixel", "where none was added"
            ),
            Column(
                "psf_profile", "VARCHAR", "profile of the mock PSF: gaussian or moffat", null="where none was added"
            ),
            Column("moffat_beta", "DOUBLE", "exponent of the Moffat profile", null="for other profiles"),
            Column(
                "mock_redshift",
                "DOUBLE",
                "redshift of the mock observation",
                "dimensionless",
                "where the file's own was kept",
            ),
            Column("sky_stamp", "VARCHAR", "file of the blank sky that was added", null="where none was"),
            Column("mock_seed", "UBIGINT", "random seed of the galaxy's mock observation", null="where none was made"),
            *fields("synthetic"),
        ),
        made_by=("image_tensors",),
    ),
    Table(
        "labeled_images",
        "Labelled galaxies with an image in the dataset's tensor: the galaxies that trainings can test.",
        (
            *fields("dataset", "galaxy_id", "object_id", "tensor_row"),
            *LABELS,
            *fields("lambda_r", "ellipticity", "image_unit", "axis_ratio", "r_eff_pixels", "sersic_n"),
            *fields("redshift", "r_eff_arcsec", "log_mass", "psf_fwhm_arcsec", "ra", "dec", "lambda_r_error"),
            *fields("arcsec_per_pixel", "psf_fwhm_r_arcsec", "galaxy_x_pixels", "galaxy_y_pixels", "lambda_r_limit"),
            *fields("synthetic"),
        ),
    ),
    Table(
        "imaged_galaxies",
        "Every galaxy with an image in the dataset's tensor, labelled or not, and what a network may learn of it.",
        (
            *fields("dataset", "galaxy_id", "object_id", "tensor_row", "ra", "dec"),
            *LABELS,
            *fields("lambda_r", "lambda_r_error", "lambda_r_limit", "ellipticity", "t_type"),
            *fields(*MORPHOLOGY_PROBABILITIES),
            *fields("sersic_n", "r_eff_arcsec", "log_mass", "redshift", "synthetic", *NOT_LEARNED),
        ),
    ),
)
