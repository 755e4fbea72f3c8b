"""The registry of fields that several tables share: each is defined here once and used by name."""

from __future__ import annotations

from rotator_assets.store.columns import Column

MORPHOLOGY_PROBABILITIES = ("p_late", "p_s0", "p_edge_on", "p_bar", "p_merger", "p_bulge", "p_cigar")
"""Columns of the morphology catalogue with probabilities from deep learning."""


def _probability(name: str, of_being: str, column: str) -> Column:
    """Return the column of a probability in the deep-learning catalogue of MaNGA."""
    return Column(
        name,
        "DOUBLE",
        f"probability of being {of_being}",
        "dimensionless",
        "for surveys other than manga",
        f"{column}, Fischer et al. 2019; Dominguez Sanchez et al. 2022",
    )


_NOT_EXCLUDED = "where it is not excluded"
_ALL = (
    # Keys.
    Column("survey", "VARCHAR", "survey, such as manga (observed) or tng100 (simulated)", required=True),
    Column("dataset", "VARCHAR", "dataset: survey-noise-crop, crop in pixels", required=True),
    Column("recipe", "VARCHAR", "name of the training in recipes.yaml", required=True),
    Column(
        "galaxy_id",
        "VARCHAR",
        "catalogue entry: PLATE-IFU (manga) or subfind id (tng100)",
        required=True,
        ucd="meta.id;meta.main",
    ),
    Column("object_id", "VARCHAR", "physical galaxy, shared by repeat observations: MaNGA-ID or subfind id"),
    Column("fold", "INTEGER", "cross-validation fold whose test part contains the row, from 0", required=True),
    Column(
        "training",
        "VARCHAR",
        "name of the training that the row comes from: its folder under results/models",
        null="in results of earlier versions",
    ),
    Column("member", "INTEGER", "number of the network among those of its fold, from 0"),
    Column("synthetic", "BOOLEAN", "true for rows made from synthetic files", required=True),
    # Morphology.
    Column("ra", "DOUBLE", "right ascension (J2000)", "degrees", ucd="pos.eq.ra;meta.main"),
    Column("dec", "DOUBLE", "declination (J2000)", "degrees", ucd="pos.eq.dec;meta.main"),
    Column("redshift", "DOUBLE", "redshift", "dimensionless", ucd="src.redshift"),
    Column(
        "t_type",
        "DOUBLE",
        "T-Type from deep learning, negative for early types",
        "dimensionless",
        "for tng100",
        "Fischer et al. 2019; Dominguez Sanchez et al. 2022",
    ),
    Column(
        "p_late",
        "DOUBLE",
        "probability of being a late type",
        "dimensionless",
        "where the catalogue has none",
        "Huertas-Company et al. 2019 for tng100; P_LTG for manga",
    ),
    _probability("p_s0", "an S0 rather than an elliptical, for T-Types up to 0", "P_S0"),
    _probability("p_edge_on", "seen edge-on", "P_EDGE_ON"),
    _probability("p_bar", "barred, trained on Galaxy Zoo 2", "P_BAR_GZ2"),
    _probability("p_merger", "a merger", "P_MERG"),
    _probability("p_bulge", "dominated by its bulge", "P_BULGE"),
    _probability("p_cigar", "cigar-shaped, for round galaxies without disc", "P_CIGAR"),
    Column("flag_t_type", "INTEGER", "flag of the T-Type in the morphology catalogue, 0 for good", source="FLAG_TT"),
    # Photometry.
    Column("axis_ratio", "DOUBLE", "minor-to-major axis ratio b/a of the light", "dimensionless"),
    Column(
        "axis_ratio_source",
        "VARCHAR",
        "source of the axis ratio: pymorph, nsa, morphs, or the source of lambda_r that it comes with",
    ),
    Column(
        "nsa_axis_ratio",
        "DOUBLE",
        "elliptical Petrosian axis ratio b/a, not corrected for seeing",
        "dimensionless",
        source="NASA-Sloan Atlas, elpetro_ba",
    ),
    Column("ellipticity", "DOUBLE", "1 - axis_ratio", "dimensionless"),
    Column("r_eff_arcsec", "DOUBLE", "half-light semi-major axis", "arcsec"),
    Column("position_angle_deg", "DOUBLE", "position angle of the major axis, east of north", "degrees"),
    Column("sersic_n", "DOUBLE", "Sersic index of the r-band fit", "dimensionless"),
    Column(
        "nsa_sersic_n",
        "DOUBLE",
        "Sersic index, at most 6, used to correct lambda_r for seeing",
        "dimensionless",
        source="NASA-Sloan Atlas, sersic_n",
    ),
    Column(
        "log_mass",
        "DOUBLE",
        "log10 of the stellar mass: total from photometry (manga, h = 1) or within two half-mass radii (tng100)",
        "h^-2 solar masses",
        source="NASA-Sloan Atlas, elpetro_mass; SubhaloMassInRadType",
    ),
    Column("psf_fwhm_arcsec", "DOUBLE", "r-band seeing FWHM of the kinematic data", "arcsec"),
    Column("drp3qual", "BIGINT", "quality bit mask of the data cube; bit 30 is CRITICAL", source="MaNGA DRP3QUAL"),
    Column("dapqual", "BIGINT", "quality bit mask of the analysis; bit 30 is CRITICAL", source="MaNGA DAPQUAL"),
    Column("flag_failed_s", "INTEGER", "1 where the r-band Sersic fit failed", source="PyMorph FLAG_FAILED_S"),
    Column(
        "subhalo_flag",
        "INTEGER",
        "0 for subhalos that are not galaxies",
        null="for observed galaxies",
        source="TNG group catalogue, SubhaloFlag",
    ),
    # Kinematics.
    Column(
        "lambda_r",
        "DOUBLE",
        "spin parameter within the half-light ellipse",
        "dimensionless",
        source="Emsellem et al. 2007",
    ),
    Column("lambda_r_error", "DOUBLE", "uncertainty of lambda_r as published, with the same scale", "dimensionless"),
    Column("lambda_r_source", "VARCHAR", "source of lambda_r: user, dynpop, pipe3d, atlas3d, maps or particles"),
    Column(
        "lambda_r_limit",
        "DOUBLE",
        "lambda_r below which 95 % of non-rotating galaxies with these star particles lie",
        "dimensionless",
        "for other sources",
    ),
    Column("lambda_r_unscaled", "DOUBLE", "lambda_r in its source, before the factor lambda_r_scale", "dimensionless"),
    Column("lambda_r_refused", "VARCHAR", "source whose lambda_r failed a quality cut", null="for none"),
    Column(
        "jam_qual",
        "INTEGER",
        "visual quality of the JAM fit, -1 (worst) to 3",
        null="for other sources",
        source="Zhu et al. 2023, Qual",
    ),
    Column("refused", "BOOLEAN", "true where a measured lambda_r is missing because it failed the cut min_coverage"),
    # Labels.
    Column(
        "spin_threshold",
        "DOUBLE",
        "lambda_r below which a galaxy of this ellipticity is a slow rotator",
        "dimensionless",
        source="Emsellem et al. 2011 by default",
    ),
    Column("rotator_type", "TINYINT", "0 slow (lambda_r strictly below spin_threshold), 1 fast", null="without label"),
    Column("is_early_type", "BOOLEAN", "early type with an axis ratio, by the settings of the data root"),
    Column("excluded_from", "VARCHAR", "left out of training or everything by exclude", null=_NOT_EXCLUDED),
    Column("exclusion_reason", "VARCHAR", "the reason given there", null=_NOT_EXCLUDED),
    # Images.
    Column("image_unit", "VARCHAR", "nanomaggies (per pixel), or colour (8-bit picture scaled to 0..1)"),
    Column("arcsec_per_pixel", "DOUBLE", "pixel scale", "arcsec per pixel", "where not known"),
    Column("tensor_row", "INTEGER", "row of the dataset's tensor, from 0", null="where the image is not usable"),
    Column("galaxy_x_pixels", "DOUBLE", "column of the galaxy's centre, 0 at the centre of the first pixel", "pixels"),
    Column("galaxy_y_pixels", "DOUBLE", "row of the galaxy's centre, 0 at the centre of the first pixel", "pixels"),
    Column("r_eff_pixels", "DOUBLE", "half-light semi-major axis", "pixels", "where no pixel scale is known"),
    Column("psf_fwhm_r_arcsec", "DOUBLE", "FWHM of the mock r-band PSF", "arcsec", "where none was added"),
    # Trainings and scores.
    Column("repeat", "INTEGER", "repeat of the cross-validation, from 0; fold numbers continue over the repeats"),
    Column("probability_fast", "DOUBLE", "probability of being fast, from the mean logit over the repeats"),
    Column(
        "probability_fast_calibrated",
        "DOUBLE",
        "probability_fast after calibration, for the fraction of slow rotators among the training galaxies",
    ),
    Column("tested", "BOOLEAN", "true for labelled galaxies of the population, which are in `predictions`, too"),
    Column(
        "lambda_r_predicted",
        "DOUBLE",
        "predicted median of lambda_r",
        "dimensionless",
        "where the recipe predicts no lambda_r",
    ),
    Column(
        "lambda_r_low",
        "DOUBLE",
        "lower end of the predicted 68 % interval",
        "dimensionless",
        "where the recipe predicts no lambda_r",
    ),
    Column(
        "lambda_r_high",
        "DOUBLE",
        "upper end of the predicted 68 % interval",
        "dimensionless",
        "where the recipe predicts no lambda_r",
    ),
    Column("population", "VARCHAR", "galaxies tested: early (types), or all (with a T-Type)"),
    Column("n_galaxies", "INTEGER", "number of catalogue entries with an out-of-fold prediction"),
    Column("n_slow", "INTEGER", "number of slow rotators among them"),
    Column(
        "auc",
        "DOUBLE",
        "area under the out-of-fold ROC curve: fraction of the pairs of a slow and a fast rotator tested by the same "
        "network in which the fast one scores higher; 0.5 is chance",
    ),
    Column("auc_low", "DOUBLE", "lower end of the 95 % interval of auc (DeLong, within networks)"),
    Column("auc_high", "DOUBLE", "upper end of the 95 % interval of auc (DeLong, within networks)"),
    Column("auc_error", "DOUBLE", "standard error of auc (DeLong, within networks)"),
    Column("folds", "INTEGER", "number of networks: folds times repeats"),
    Column("parameters", "INTEGER", "number of trainable parameters of one network"),
    Column("seconds", "DOUBLE", "wall time of the training", "s"),
    Column("false_positive_rate", "DOUBLE", "fraction of slow rotators classified as fast"),
    Column("true_positive_rate", "DOUBLE", "fraction of fast rotators classified as fast"),
)

FIELDS: dict[str, Column] = {column.name: column for column in _ALL}
"""Every shared field by name."""


def fields(*names: str) -> tuple[Column, ...]:
    """Return the shared fields of these names, in this order. Raises KeyError for an unknown name."""
    return tuple(FIELDS[name] for name in names)


def interval(name: str, meaning: str, method: str) -> tuple[Column, Column, Column]:
    """Return a number and the ends of its 95 % interval, as columns ``name``, ``name_low`` and ``name_high``.

    Parameters
    ----------
    name : str
        Name of the number's column.
    meaning : str
        What the number is.
    method : str
        How the interval was found, such as ``Wilson``.

    Returns
    -------
    tuple of Column
        The number, and the lower and upper end of its interval.
    """
    return (
        Column(name, "DOUBLE", meaning),
        Column(f"{name}_low", "DOUBLE", f"lower end of the 95 % interval of {name} ({method})"),
        Column(f"{name}_high", "DOUBLE", f"upper end of the 95 % interval of {name} ({method})"),
    )


def ends(method: str, prefix: str = "", of: str = "") -> tuple[Column, Column]:
    """Return columns ``low`` and ``high`` (after a prefix), the ends of the 95 % interval of column ``of``.

    Parameters
    ----------
    method : str
        How the interval was found, such as ``DeLong``.
    prefix : str
        What the names begin with, such as ``gain_``.
    of : str
        The column whose interval it is; by default the one before.

    Returns
    -------
    tuple of Column
        Lower and upper end.
    """
    whose = f"the 95 % interval of {of}" if of else "its 95 % interval"
    return (
        Column(f"{prefix}low", "DOUBLE", f"lower end of {whose} ({method})"),
        Column(f"{prefix}high", "DOUBLE", f"upper end of {whose} ({method})"),
    )


BOOTSTRAP = "bootstrap over objects"
PAIRED = "DeLong within networks, paired"
SAMPLE = fields("n_galaxies", "n_slow")
AUC = fields("auc", "auc_low", "auc_high")
LABELS = fields("spin_threshold", "rotator_type", "is_early_type")
EXCLUSION = fields("excluded_from", "exclusion_reason")
ROC = (
    *fields("dataset", "recipe", "false_positive_rate", "true_positive_rate"),
    Column("threshold", "DOUBLE", "probability at and above which a galaxy is classified as fast, mean over networks"),
    *fields("synthetic"),
)
