"""Tables of catalogues and measured lambda_R."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES, fields

TABLES = by_name(
    Table(
        "input_files",
        "The catalogue files that were read, with their releases.",
        (
            *fields("survey"),
            Column("catalog", "VARCHAR", "morphology, photometry or kinematics"),
            Column("what", "VARCHAR", "name of the table"),
            Column("release", "VARCHAR", "data release"),
            Column("path", "VARCHAR", "file, relative to the survey's folder"),
            Column("n_rows", "INTEGER", "number of rows in the file's table"),
            Column("n_taken", "INTEGER", "number of rows used"),
            Column(
                "n_matched",
                "INTEGER",
                "number of them that name a galaxy of the morphology catalogue",
                null="where rows need not be matched",
            ),
            Column("note", "VARCHAR", "what was left out, and why"),
            *fields("synthetic"),
        ),
        shared=True,
        made_by=("morphology_catalog", "photometry_catalog", "kinematics_catalog"),
    ),
    Table(
        "morphology_catalog",
        "Morphology catalogues in common columns; one row per catalogue entry, in the file's order.",
        fields(
            *("survey", "galaxy_id", "object_id", "ra", "dec", "redshift", "t_type"),
            *MORPHOLOGY_PROBABILITIES,
            "flag_t_type",
            "synthetic",
        ),
    ),
    Table(
        "photometry_catalog",
        "Photometric catalogues in common columns; one row per galaxy_id.",
        fields(
            *("survey", "galaxy_id", "axis_ratio", "axis_ratio_source", "r_eff_arcsec", "position_angle_deg"),
            *("sersic_n", "log_mass", "psf_fwhm_arcsec", "drp3qual", "dapqual", "flag_failed_s", "subhalo_flag"),
            *("nsa_axis_ratio", "nsa_sersic_n", "synthetic"),
        ),
    ),
    Table(
        "kinematics_catalog",
        "Every lambda_r read or measured; one row per galaxy_id and source.",
        fields(
            *("survey", "galaxy_id", "lambda_r", "lambda_r_error", "lambda_r_source", "jam_qual", "lambda_r_limit"),
            *("refused", "ellipticity", "r_eff_arcsec", "position_angle_deg", "drp3qual", "dapqual", "synthetic"),
        ),
    ),
    Table(
        "measured_kinematics",
        "lambda_r measured from stellar maps (manga) or star particles (tng100); one row per kinematic file.",
        (
            *fields("survey", "galaxy_id"),
            Column("lambda_r_source", "VARCHAR", "maps or particles"),
            Column("path", "VARCHAR", "name of the file"),
            Column("release", "VARCHAR", "layout of the file: DR15 or DR17; empty for particles"),
            Column("usable", "BOOLEAN", "true where lambda_r could be measured"),
            Column("refused", "BOOLEAN", "true where only the setting min_coverage makes it unusable"),
            Column("reason", "VARCHAR", "why lambda_r could not be measured", null="where it could"),
            Column(
                "lambda_r",
                "DOUBLE",
                "value used: from maps corrected for seeing (where set and valid), from particles corrected for noise",
                "dimensionless",
                source="Emsellem et al. 2007",
            ),
            Column("lambda_r_error", "DOUBLE", "statistical uncertainty (1 sigma) of lambda_r", "dimensionless"),
            Column(
                "lambda_r_observed",
                "DOUBLE",
                "with the circular radius, corrected neither for seeing nor for noise",
                "dimensionless",
            ),
            Column(
                "lambda_r_elliptical",
                "DOUBLE",
                "as lambda_r_observed, with the semi-major axis of the ellipse as radius",
                "dimensionless",
            ),
            Column("beam_correction", "VARCHAR", "correction applied: graham2018 (Graham et al. 2018, eq. 5) or none"),
            Column(
                "beam_factor",
                "DOUBLE",
                "factor that corrects lambda_r_observed for seeing",
                "dimensionless",
                "where the correction is not valid",
            ),
            Column(
                "regular_rotator",
                "BOOLEAN",
                "true where the velocity map has k5/k1 < 0.04",
                null="where undecided",
                source="Krajnovic et al. 2011",
            ),
            Column(
                "k5_over_k1",
                "DOUBLE",
                "fifth over first harmonic of the velocity map, corrected for noise",
                "dimensionless",
                source="Krajnovic et al. 2006",
            ),
            Column("k5_over_k1_error", "DOUBLE", "1 sigma uncertainty of k5_over_k1", "dimensionless"),
            Column("aperture", "VARCHAR", "source of the half-light ellipse: header, photometry or particles"),
            Column("ellipticity", "DOUBLE", "ellipticity of the aperture, 1 - b/a", "dimensionless"),
            Column("position_angle_deg", "DOUBLE", "position angle of the aperture, east of north", "degrees"),
            Column("r_eff_arcsec", "DOUBLE", "half-light semi-major axis of the aperture", "arcsec"),
            Column("sersic_n", "DOUBLE", "Sersic index used to correct for seeing", "dimensionless"),
            Column("psf_fwhm_arcsec", "DOUBLE", "seeing FWHM of the kinematic data", "arcsec", "for particles"),
            Column("sigma_e_km_s", "DOUBLE", "flux-weighted second velocity moment in the aperture", "km/s"),
            Column("systemic_velocity_km_s", "DOUBLE", "velocity subtracted, in the file's zero point", "km/s"),
            Column("n_pixels", "INTEGER", "number of spaxels in the aperture; 0 for particles"),
            Column("n_bins", "INTEGER", "number of independent bins in the aperture"),
            Column("coverage", "DOUBLE", "fraction of the aperture's area with data"),
            Column(
                "zero_dispersion_fraction",
                "DOUBLE",
                "fraction of the bins whose instrumental correction exceeds the dispersion, which is set to zero",
            ),
            Column("n_particles", "INTEGER", "number of star particles in the aperture; 0 for maps"),
            Column(
                "lambda_r_floor",
                "DOUBLE",
                "lambda_r_observed expected from the noise of the particles alone",
                "dimensionless",
                "for maps",
            ),
            *fields("lambda_r_limit"),
            Column("drp3qual", "BIGINT", "DRP3QUAL bit mask of the file's header", null="where it has none"),
            Column("dapqual", "BIGINT", "DAPQUAL bit mask of the file's header", null="where it has none"),
            Column("note", "VARCHAR", "caveats, separated by semicolons"),
            *fields("synthetic"),
        ),
    ),
)
