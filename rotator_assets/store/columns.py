"""What a table and a column are, and the columns that many tables share."""

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
    made_by: tuple[str, ...] = ()
    """The assets that write it: that of its own name where none is given; several of a shared one."""

    def __post_init__(self) -> None:
        if not self.made_by:
            object.__setattr__(self, "made_by", (self.name,))

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]


def by_name(*tables: Table) -> dict[str, Table]:
    """The tables, by their names."""
    return {table.name: table for table in tables}


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
    Column(
        "axis_ratio_source",
        "VARCHAR",
        "where the axis ratio is from: pymorph, nsa, morphs, or the source of lambda_r that it comes with",
    ),
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
NSA_SERSIC_N = Column(
    "nsa_sersic_n", "DOUBLE", "Sersic index of the NASA-Sloan Atlas, at most 6: for the correction of seeing"
)
LAMBDA_R_LIMIT = Column(
    "lambda_r_limit",
    "DOUBLE",
    "lambda_r that 95 % of galaxies without rotation stay below with such star particles; NULL for other sources",
)
KINEMATICS = (
    LAMBDA_R,
    Column("lambda_r_error", "DOUBLE", "uncertainty of lambda_r as published (and scaled as it is), dimensionless"),
    Column("lambda_r_source", "VARCHAR", "where lambda_r is from: user, dynpop, pipe3d, atlas3d, maps or particles"),
    Column("jam_qual", "INTEGER", "DynPop's visual quality of its JAM fit, -1 (worst) to 3; NULL for other sources"),
    LAMBDA_R_LIMIT,
)
NSA_AXIS_RATIO = Column(
    "nsa_axis_ratio", "DOUBLE", "elliptical Petrosian b/a of the NASA-Sloan Atlas, not freed of seeing, dimensionless"
)
OF_THE_CHOICE = (
    Column("lambda_r_unscaled", "DOUBLE", "lambda_r as its source has it, before the factor lambda_r_scale"),
    Column("lambda_r_refused", "VARCHAR", "source whose lambda_r a quality cut refused; NULL for none"),
)
"""What became of lambda_r on its way from its sources."""
MEASURED_TOO = tuple(c for c in PHOTOMETRY if c.name in ("r_eff_arcsec", "position_angle_deg", "drp3qual", "dapqual"))
"""What comes with a measured lambda_r, and serves where photometry lacks it."""
GALAXIES = (
    *(SURVEY, GALAXY, OBJECT, *MORPHOLOGY),
    *(*PHOTOMETRY[:2], ELLIPTICITY, *PHOTOMETRY[2:]),
    *(*KINEMATICS, *OF_THE_CHOICE),
    SYNTHETIC,
)
LABELS = (
    Column("spin_threshold", "DOUBLE", "lambda_r below which a galaxy of this ellipticity is a slow rotator"),
    ROTATOR,
    Column("is_early_type", "BOOLEAN", "early type with an axis ratio, by the settings of the data root"),
)
AUC = (
    Column(
        "auc",
        "DOUBLE",
        "area under the ROC curve, out of fold: share of the pairs of a slow and a fast rotator judged by one network "
        "in which the fast one scores higher; 0.5 is chance",
    ),
    Column("auc_low", "DOUBLE", "lower end of the 95 % interval of auc (DeLong, within networks)"),
    Column("auc_high", "DOUBLE", "upper end of the 95 % interval of auc (DeLong, within networks)"),
)
SAMPLE = (
    Column("n_galaxies", "INTEGER", "catalogue entries with an out-of-fold prediction"),
    Column("n_slow", "INTEGER", "slow rotators among them"),
)
NETWORKS = Column("folds", "INTEGER", "number of networks: folds, times the repeats")
PARAMETERS = Column("parameters", "INTEGER", "numbers that one network learns")
SECONDS = Column("seconds", "DOUBLE", "wall time of the training, s")
ROC = (
    DATASET,
    RECIPE,
    Column("false_positive_rate", "DOUBLE", "share of slow rotators called fast"),
    Column("true_positive_rate", "DOUBLE", "share of fast rotators called fast"),
    Column("threshold", "DOUBLE", "probability at and above which a galaxy is called fast; mean over the networks"),
    SYNTHETIC,
)


def interval(name: str, what: str, method: str) -> tuple[Column, Column, Column]:
    return (
        Column(name, "DOUBLE", what),
        Column(f"{name}_low", "DOUBLE", f"lower end of the 95 % interval of {name} ({method})"),
        Column(f"{name}_high", "DOUBLE", f"upper end of the 95 % interval of {name} ({method})"),
    )


BOOTSTRAP = "bootstrap over objects"
