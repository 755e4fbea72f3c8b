"""Tables of images."""

from __future__ import annotations

from rotator_assets.store.columns import (
    DATASET,
    ELLIPTICITY,
    GALAXIES,
    GALAXY,
    LABELS,
    LAMBDA_R,
    OBJECT,
    SYNTHETIC,
    UNIT,
    Column,
    Table,
    by_name,
)

SCALE = Column("arcsec_per_pixel", "DOUBLE", "pixel scale, arcsec; NULL where not known")

PLACE = (
    Column("galaxy_x_pixels", "DOUBLE", "column where the galaxy stands, pixels from 0 at the first one's centre"),
    Column("galaxy_y_pixels", "DOUBLE", "row where the galaxy stands, pixels from 0 at the first one's centre"),
)

PSF_R = Column("psf_fwhm_r_arcsec", "DOUBLE", "FWHM of the mock r-band PSF, arcsec; NULL where none was added")

TABLES = by_name(
    Table(
        "images",
        "One row a dataset and galaxy: whether its image went into the tensor, and if not, why.",
        (
            DATASET,
            GALAXY,
            OBJECT,
            Column("path", "VARCHAR", "image file, from the survey's folder; NULL where there is none"),
            Column("usable", "BOOLEAN", "true where the image is in the tensor"),
            Column("reason", "VARCHAR", "why the image is not usable; NULL where it is"),
            Column("tensor_row", "INTEGER", "row of the tensor, from 0; NULL where not usable"),
            UNIT,
            SCALE,
            Column("north_angle_deg", "DOUBLE", "degrees east of north of the image's +y axis; NULL where not told"),
            *PLACE,
            Column("filled_fraction", "DOUBLE", "share of the crop's pixels that were missing and are filled"),
            Column("unread_extensions", "VARCHAR", "masks in the image's file, which are not read; NULL where none"),
            Column("r_eff_pixels", "DOUBLE", "half-light semi-major axis, pixels; NULL where no scale is known"),
            Column("psf_fwhm_g_arcsec", "DOUBLE", "FWHM of the mock g-band PSF, arcsec; NULL where none was added"),
            PSF_R,
            Column("psf_fwhm_i_arcsec", "DOUBLE", "FWHM of the mock i-band PSF, arcsec; NULL where none was added"),
            Column("sky_sigma_g_nmgy", "DOUBLE", "mock sky noise in g, nanomaggies a pixel; NULL where none"),
            Column("sky_sigma_r_nmgy", "DOUBLE", "mock sky noise in r, nanomaggies a pixel; NULL where none"),
            Column("sky_sigma_i_nmgy", "DOUBLE", "mock sky noise in i, nanomaggies a pixel; NULL where none"),
            Column("psf_profile", "VARCHAR", "mock PSF: gaussian or moffat; NULL where none was added"),
            Column("moffat_beta", "DOUBLE", "exponent of the Moffat profile; NULL for other profiles"),
            Column("mock_redshift", "DOUBLE", "redshift the galaxy was observed at; NULL where the file's own"),
            Column("sky_stamp", "VARCHAR", "file of blank sky that was pasted; NULL where none was"),
            Column("mock_seed", "UBIGINT", "seed of this galaxy's mock observation; NULL where none was made"),
            SYNTHETIC,
        ),
        made_by=("image_tensors",),
    ),
    Table(
        "labeled_images",
        "Labelled galaxies whose image is in a dataset's tensor: what trainings are drawn from.",
        (
            DATASET,
            GALAXY,
            OBJECT,
            Column("tensor_row", "INTEGER", "row of the dataset's tensor, from 0"),
            *LABELS,
            LAMBDA_R,
            ELLIPTICITY,
            UNIT,
            Column("axis_ratio", "DOUBLE", "minor over major axis b/a of the light, dimensionless"),
            Column("r_eff_pixels", "DOUBLE", "half-light semi-major axis, pixels; NULL where no scale is known"),
            Column("sersic_n", "DOUBLE", "Sersic index of the r-band fit, dimensionless"),
            *(c for c in GALAXIES if c.name in ("redshift", "r_eff_arcsec", "log_mass", "psf_fwhm_arcsec")),
            *(c for c in GALAXIES if c.name in ("ra", "dec", "lambda_r_error")),
            SCALE,
            PSF_R,
            *PLACE,
            SYNTHETIC,
        ),
    ),
)
