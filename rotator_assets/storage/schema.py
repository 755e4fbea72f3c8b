"""Every table of ``rotators.duckdb``: its columns, their types, and what each means. The one place that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: SQL type and a comment with its unit."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns in order. Several assets add rows to a shared one."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    shared: bool = False

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


SURVEY = Column("survey", "VARCHAR", "survey: manga (observed), tng100 (simulated), or one of catalogues alone")
DATASET = Column("dataset", "VARCHAR", "dataset: survey-noise-crop, crop in pixels")
RECIPE = Column("recipe", "VARCHAR", "name of the training in recipes.yaml")
GALAXY = Column("galaxy_id", "VARCHAR", "catalogue entry: PLATE-IFU (manga) or subfind id (tng100)")
OBJECT = Column("object_id", "VARCHAR", "physical galaxy: MaNGA-ID or subfind id; repeat observations share it")
SYNTHETIC = Column("synthetic", "BOOLEAN", "true where made from synthetic files: not an observation or simulation")
FOLD = Column("fold", "INTEGER", "cross-validation fold whose test part the row belongs to, from 0")
ROTATOR = Column("rotator_type", "TINYINT", "0 slow (lambda_r strictly below spin_threshold), 1 fast, NULL unlabelled")
LAMBDA_R = Column("lambda_r", "DOUBLE", "spin parameter within the half-light ellipse, dimensionless")
ELLIPTICITY = Column("ellipticity", "DOUBLE", "1 - axis_ratio, dimensionless")
UNIT = Column("image_unit", "VARCHAR", "nanomaggies (a pixel), or colour (8-bit cut-out scaled to 0..1)")

MORPHOLOGY = (
    Column("ra", "DOUBLE", "right ascension, degrees (J2000)"),
    Column("dec", "DOUBLE", "declination, degrees (J2000)"),
    Column("redshift", "DOUBLE", "redshift, dimensionless"),
    Column("t_type", "DOUBLE", "T-Type of the deep-learning morphology catalogue; NULL for tng100"),
    Column("p_late", "DOUBLE", "probability of being a late type; NULL where the catalogue has none"),
    Column("flag_t_type", "INTEGER", "the morphology catalogue's flag of its T-Type, 0 good"),
)
PHOTOMETRY = (
    Column("axis_ratio", "DOUBLE", "minor over major axis b/a of the light, dimensionless"),
    Column("axis_ratio_source", "VARCHAR", "table the axis ratio comes from"),
    Column("r_eff_arcsec", "DOUBLE", "half-light semi-major axis, arcsec"),
    Column("position_angle_deg", "DOUBLE", "position angle of the major axis, degrees east of north"),
    Column("sersic_n", "DOUBLE", "Sersic index of the r-band fit, dimensionless"),
    Column(
        "log_mass",
        "DOUBLE",
        "log10 of the stellar mass in h^-2 solar masses: NSA (h = 1), or bound within two half-mass radii (TNG)",
    ),
    Column("psf_fwhm_arcsec", "DOUBLE", "r-band seeing FWHM of the kinematic data, arcsec"),
    Column("drp3qual", "BIGINT", "DRP3QUAL bit mask of the cube; bit 30 is CRITICAL"),
    Column("dapqual", "BIGINT", "DAPQUAL bit mask of the analysis; bit 30 is CRITICAL"),
    Column("flag_failed_s", "INTEGER", "1 where the r-band Sersic fit failed"),
    Column("subhalo_flag", "INTEGER", "SubhaloFlag of the group catalogue; 0 is no galaxy; NULL where observed"),
)
KINEMATICS = (
    LAMBDA_R,
    Column("lambda_r_error", "DOUBLE", "uncertainty of lambda_r as published, dimensionless"),
    Column("lambda_r_source", "VARCHAR", "where lambda_r is from: user, dynpop, pipe3d, atlas3d, maps or particles"),
    Column("jam_qual", "INTEGER", "DynPop's visual quality of its JAM fit, -1 (worst) to 3; NULL for other sources"),
)
GALAXIES = (SURVEY, GALAXY, OBJECT, *MORPHOLOGY, *PHOTOMETRY[:2], ELLIPTICITY, *PHOTOMETRY[2:], *KINEMATICS, SYNTHETIC)
LABELS = (
    Column("spin_threshold", "DOUBLE", "lambda_r below which a galaxy of this ellipticity is a slow rotator"),
    ROTATOR,
    Column("is_early_type", "BOOLEAN", "early type with an axis ratio, by the settings of the data root"),
)
AUC = (
    Column("auc", "DOUBLE", "area under the ROC curve of out-of-fold probabilities; 0.5 is chance"),
    Column("auc_low", "DOUBLE", "lower end of the 95 % DeLong interval of auc"),
    Column("auc_high", "DOUBLE", "upper end of the 95 % DeLong interval of auc"),
)
SAMPLE = (
    Column("n_galaxies", "INTEGER", "catalogue entries with an out-of-fold prediction"),
    Column("n_slow", "INTEGER", "slow rotators among them"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "morphology_catalog",
            "Morphology catalogues in common columns; one row a catalogue entry, in the file's order.",
            (SURVEY, GALAXY, OBJECT, *MORPHOLOGY, SYNTHETIC),
        ),
        Table(
            "photometry_catalog",
            "Photometric catalogues in common columns; one row a galaxy_id.",
            (SURVEY, GALAXY, *PHOTOMETRY, SYNTHETIC),
        ),
        Table(
            "kinematics_catalog",
            "Every lambda_r read or measured; one row a galaxy_id and source.",
            (SURVEY, GALAXY, *KINEMATICS, ELLIPTICITY, SYNTHETIC),
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
                Column("reason", "VARCHAR", "why it could not; NULL where it could"),
                Column("lambda_r", "DOUBLE", "the value used: corrected for seeing where that is asked for and valid"),
                Column("lambda_r_error", "DOUBLE", "statistical uncertainty (1 sigma) of lambda_r"),
                Column("lambda_r_observed", "DOUBLE", "with the circular radius, not corrected for seeing"),
                Column("lambda_r_elliptical", "DOUBLE", "as observed, with the semi-major elliptical radius"),
                Column("beam_correction", "VARCHAR", "graham2018 (Graham et al. 2018, eq. 5) or none"),
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
                Column("lambda_r_floor", "DOUBLE", "lambda_r that the finite number of particles alone would give"),
                Column("note", "VARCHAR", "what to beware of, separated by semicolons"),
                SYNTHETIC,
            ),
        ),
        Table(
            "lambda_r_agreement",
            "Sources of lambda_r compared on the galaxies that both have; one row a pair of sources.",
            (
                SURVEY,
                Column("reference", "VARCHAR", "the more preferred source"),
                Column("source", "VARCHAR", "the other source"),
                Column("n_galaxies", "INTEGER", "galaxies with a valid lambda_r of both"),
                Column("correlation", "DOUBLE", "Pearson's correlation coefficient"),
                Column("rank_correlation", "DOUBLE", "Spearman's correlation coefficient"),
                Column("median_ratio", "DOUBLE", "median of lambda_r of the source over that of the reference"),
                Column("scatter", "DOUBLE", "1.4826 times the median absolute deviation of the differences"),
                Column("n_labelled", "INTEGER", "galaxies with an ellipticity, so with a label by either source"),
                Column("n_slow_in_both", "INTEGER", "slow by both sources"),
                Column("n_slow_in_reference_only", "INTEGER", "slow by the reference, fast by the source"),
                Column("n_slow_in_source_only", "INTEGER", "fast by the reference, slow by the source"),
                Column("label_change_fraction", "DOUBLE", "share of n_labelled whose label differs"),
                SYNTHETIC,
            ),
        ),
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
                Column("note", "VARCHAR", "rows that were not taken, and why"),
                SYNTHETIC,
            ),
            shared=True,
        ),
        Table(
            "galaxies",
            "Matched catalogues: every row of the morphology catalogue, with NULL for what no table gives.",
            GALAXIES,
        ),
        Table(
            "labeled_galaxies",
            "The rows of galaxies with their label; rotator_type is NULL where no label can be made.",
            GALAXIES + LABELS,
        ),
        Table("early_type_galaxies", "The labelled early types of labeled_galaxies.", GALAXIES + LABELS),
        Table(
            "match_report",
            "What each step of matching and labelling lost, and why.",
            (
                SURVEY,
                Column("step_number", "INTEGER", "sorts the steps in their order"),
                Column("step", "VARCHAR", "step of matching or labelling"),
                Column("rows_in", "INTEGER", "rows before the step"),
                Column("rows_out", "INTEGER", "rows after the step, or with the value that the step adds"),
                Column("rows_dropped", "INTEGER", "rows_in - rows_out"),
                Column("reason", "VARCHAR", "why the rows were lost"),
                SYNTHETIC,
            ),
            shared=True,
        ),
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
                Column("arcsec_per_pixel", "DOUBLE", "pixel scale, arcsec; NULL where not known"),
                Column(
                    "north_angle_deg", "DOUBLE", "degrees east of north of the image's +y axis; NULL where not told"
                ),
                Column("r_eff_pixels", "DOUBLE", "half-light semi-major axis, pixels; NULL where no scale is known"),
                Column("psf_fwhm_g_arcsec", "DOUBLE", "FWHM of the mock g-band PSF, arcsec; NULL where none was added"),
                Column("psf_fwhm_r_arcsec", "DOUBLE", "FWHM of the mock r-band PSF, arcsec; NULL where none was added"),
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
                SYNTHETIC,
            ),
        ),
        Table(
            "training_history",
            "One row a fold and epoch of each training.",
            (
                DATASET,
                RECIPE,
                FOLD,
                Column("epoch", "INTEGER", "epoch, from 1"),
                Column("loss", "DOUBLE", "mean binary cross-entropy of the training part, class-weighted, nats"),
                Column("val_loss", "DOUBLE", "mean binary cross-entropy of the validation part, class-weighted, nats"),
                Column("val_auc", "DOUBLE", "area under the ROC curve of the validation part"),
                SYNTHETIC,
            ),
        ),
        Table(
            "training_folds",
            "Which fold tests each galaxy, and the decision threshold that fold's validation part gave.",
            (
                DATASET,
                RECIPE,
                GALAXY,
                OBJECT,
                FOLD,
                ROTATOR,
                Column("threshold", "DOUBLE", "probability at and above which the fold calls a galaxy fast"),
                SYNTHETIC,
            ),
        ),
        Table(
            "predictions",
            "Out-of-fold predictions: each galaxy by the network that saw neither it nor its repeat observations.",
            (
                DATASET,
                RECIPE,
                GALAXY,
                OBJECT,
                FOLD,
                Column("probability_fast", "DOUBLE", "predicted probability of being a fast rotator"),
                ROTATOR,
                Column("predicted_type", "TINYINT", "0 slow, 1 fast, at the threshold of the fold's validation part"),
                SYNTHETIC,
            ),
        ),
        Table(
            "model_metrics",
            "One row a dataset and recipe: how well the network tells fast from slow.",
            (
                DATASET,
                RECIPE,
                *SAMPLE,
                *AUC,
                Column("fold_auc_mean", "DOUBLE", "mean of the AUCs of the single folds"),
                Column("fold_auc_min", "DOUBLE", "smallest AUC of a fold"),
                Column("fold_auc_max", "DOUBLE", "largest AUC of a fold"),
                Column("optimal_threshold", "DOUBLE", "mean over folds of the threshold chosen on the validation part"),
                Column("true_fast", "INTEGER", "fast rotators called fast at the folds' thresholds"),
                Column("false_fast", "INTEGER", "slow rotators called fast"),
                Column("true_slow", "INTEGER", "slow rotators called slow"),
                Column("false_slow", "INTEGER", "fast rotators called slow"),
                Column("folds", "INTEGER", "number of folds"),
                Column("epochs", "INTEGER", "largest number of epochs a fold may train"),
                Column("profile", "VARCHAR", "full, or quick: fewer folds and epochs"),
                Column("recipe_version", "VARCHAR", "hash of the recipe's content as trained"),
                Column("device", "VARCHAR", "device the training ran on"),
                Column("seconds", "DOUBLE", "wall time of the training, s"),
                Column("run_id", "VARCHAR", "Dagster run that made the row"),
                SYNTHETIC,
            ),
        ),
        Table(
            "roc_curves",
            "ROC curve of the pooled out-of-fold probabilities; the positive class is fast.",
            (
                DATASET,
                RECIPE,
                Column("false_positive_rate", "DOUBLE", "share of slow rotators called fast"),
                Column("true_positive_rate", "DOUBLE", "share of fast rotators called fast"),
                Column("threshold", "DOUBLE", "probability at and above which a galaxy is called fast"),
                SYNTHETIC,
            ),
        ),
        Table(
            "baseline_metrics",
            "Plain classifiers on the same galaxies and folds as the network, and the network's gain over each.",
            (
                DATASET,
                RECIPE,
                Column("baseline", "VARCHAR", "what the classifier sees"),
                *SAMPLE,
                *AUC,
                Column("auc_gain", "DOUBLE", "AUC of the network minus that of the baseline"),
                Column("auc_gain_low", "DOUBLE", "lower end of the 95 % interval of auc_gain (DeLong, paired)"),
                Column("auc_gain_high", "DOUBLE", "upper end of the 95 % interval of auc_gain (DeLong, paired)"),
                Column("p_value", "DOUBLE", "two-sided p-value of auc_gain = 0 (DeLong, paired)"),
                SYNTHETIC,
            ),
        ),
        Table(
            "attributions",
            "Integrated gradients of the logit, one row a galaxy with an out-of-fold prediction.",
            (
                DATASET,
                RECIPE,
                GALAXY,
                Column(
                    "completeness_error", "DOUBLE", "|sum of the map - (F(x) - F(baseline))| / |F(x) - F(baseline)|"
                ),
                Column(
                    "fraction_within_half_light",
                    "DOUBLE",
                    "share of the absolute attribution within the circularized half-light radius; NULL where not known",
                ),
                Column("logit", "DOUBLE", "F(x): logit of the galaxy's image"),
                Column("logit_baseline", "DOUBLE", "F(baseline): logit of an empty sky"),
                Column("map_row", "INTEGER", "row of the maps file under results/attributions, from 0"),
                SYNTHETIC,
            ),
        ),
        Table(
            "recipe_comparison",
            "Recipes of one dataset, best first, each against thesis on the galaxies both predict.",
            (
                DATASET,
                RECIPE,
                *SAMPLE,
                *AUC,
                Column("auc_difference", "DOUBLE", "AUC minus that of thesis on the same galaxies; NULL for thesis"),
                Column("auc_difference_low", "DOUBLE", "lower end of its 95 % interval (DeLong, paired)"),
                Column("auc_difference_high", "DOUBLE", "upper end of its 95 % interval (DeLong, paired)"),
                Column("p_value", "DOUBLE", "two-sided p-value of no difference (DeLong, paired)"),
                SYNTHETIC,
            ),
        ),
    )
}
