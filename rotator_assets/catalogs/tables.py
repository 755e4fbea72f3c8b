"""Tables of catalogues and measured lambda_R."""

from __future__ import annotations

from rotator_assets.store.columns import (
    ELLIPTICITY,
    GALAXY,
    KINEMATICS,
    LAMBDA_R_LIMIT,
    MEASURED_TOO,
    MORPHOLOGY,
    NSA_AXIS_RATIO,
    NSA_SERSIC_N,
    OBJECT,
    PHOTOMETRY,
    SURVEY,
    SYNTHETIC,
    Column,
    Table,
    by_name,
)

TABLES = by_name(
    Table(
        "input_files",
        "The catalogue files read, with their releases.",
        (
            SURVEY,
            Column("catalog", "VARCHAR", "morphology, photometry or kinematics"),
            Column("what", "VARCHAR", "the table's name"),
            Column("release", "VARCHAR", "data release"),
            Column("path", "VARCHAR", "file, from the survey's folder"),
            Column("n_rows", "INTEGER", "rows of the file's table"),
            Column("n_taken", "INTEGER", "rows that were taken"),
            Column(
                "n_matched", "INTEGER", "those that name galaxies of the morphology catalogue; NULL where none need"
            ),
            Column("note", "VARCHAR", "what was not taken, and why"),
            SYNTHETIC,
        ),
        shared=True,
        made_by=("morphology_catalog", "photometry_catalog", "kinematics_catalog"),
    ),
    Table(
        "morphology_catalog",
        "Morphology catalogues in common columns; one row a catalogue entry, in the file's order.",
        (SURVEY, GALAXY, OBJECT, *MORPHOLOGY, SYNTHETIC),
    ),
    Table(
        "photometry_catalog",
        "Photometric catalogues in common columns; one row a galaxy_id.",
        (SURVEY, GALAXY, *PHOTOMETRY, NSA_AXIS_RATIO, NSA_SERSIC_N, SYNTHETIC),
    ),
    Table(
        "kinematics_catalog",
        "Every lambda_r read or measured; one row a galaxy_id and source.",
        (
            *(SURVEY, GALAXY, *KINEMATICS),
            Column("refused", "BOOLEAN", "true where there is no lambda_r because min_coverage refuses it"),
            *(ELLIPTICITY, *MEASURED_TOO, SYNTHETIC),
        ),
    ),
    Table(
        "measured_kinematics",
        "lambda_r measured from stellar maps (manga) or star particles (tng100); one row a kinematic file.",
        (
            SURVEY,
            GALAXY,
            Column("lambda_r_source", "VARCHAR", "maps or particles"),
            Column("path", "VARCHAR", "name of the file"),
            Column("release", "VARCHAR", "layout of the file: DR15 or DR17; empty for particles"),
            Column("usable", "BOOLEAN", "true where lambda_r could be measured"),
            Column("refused", "BOOLEAN", "true where the setting min_coverage alone keeps it from being usable"),
            Column("reason", "VARCHAR", "why it could not; NULL where it could"),
            Column(
                "lambda_r",
                "DOUBLE",
                "value used: maps corrected for seeing if asked for and valid, particles debiased",
            ),
            Column("lambda_r_error", "DOUBLE", "statistical uncertainty (1 sigma) of lambda_r"),
            Column(
                "lambda_r_observed", "DOUBLE", "with the circular radius; neither corrected for seeing nor debiased"
            ),
            Column("lambda_r_elliptical", "DOUBLE", "as lambda_r_observed, with the semi-major elliptical radius"),
            Column("beam_correction", "VARCHAR", "applied to lambda_r: graham2018 (Graham et al. 2018, eq. 5) or none"),
            Column("beam_factor", "DOUBLE", "lambda_r_observed times this is corrected; NULL where that is not valid"),
            Column("regular_rotator", "BOOLEAN", "by its velocity map, k5/k1 < 0.04; NULL where it cannot be told"),
            Column("k5_over_k1", "DOUBLE", "fifth harmonic of the velocity map over the first, freed of noise"),
            Column("k5_over_k1_error", "DOUBLE", "1 sigma of k5_over_k1"),
            Column("aperture", "VARCHAR", "whose half-light radius was taken: header, photometry or particles"),
            Column("ellipticity", "DOUBLE", "of the aperture: 1 - b/a, dimensionless"),
            Column("position_angle_deg", "DOUBLE", "of the aperture: degrees east of north"),
            Column("r_eff_arcsec", "DOUBLE", "of the aperture: half-light semi-major axis, arcsec"),
            Column("sersic_n", "DOUBLE", "Sersic index used by the correction for seeing"),
            Column("psf_fwhm_arcsec", "DOUBLE", "seeing FWHM of the kinematic data, arcsec; NULL for particles"),
            Column("sigma_e_km_s", "DOUBLE", "flux-weighted second moment in the aperture, km/s"),
            Column("systemic_velocity_km_s", "DOUBLE", "velocity taken off, in the file's zero point, km/s"),
            Column("n_pixels", "INTEGER", "spaxels in the aperture; 0 for particles"),
            Column("n_bins", "INTEGER", "independent bins in the aperture"),
            Column("coverage", "DOUBLE", "share of the aperture's area with data, 0 to 1"),
            Column(
                "zero_dispersion_fraction",
                "DOUBLE",
                "share of the bins whose instrumental correction exceeds the dispersion, taken as zero",
            ),
            Column("n_particles", "INTEGER", "star particles in the aperture; 0 for maps"),
            Column(
                "lambda_r_floor",
                "DOUBLE",
                "lambda_r_observed that noise of the particles alone gives; NULL for maps",
            ),
            LAMBDA_R_LIMIT,
            Column("drp3qual", "BIGINT", "DRP3QUAL bit mask of the file's header; NULL where it has none"),
            Column("dapqual", "BIGINT", "DAPQUAL bit mask of the file's header; NULL where it has none"),
            Column("note", "VARCHAR", "what to beware of, separated by semicolons"),
            SYNTHETIC,
        ),
    ),
)
