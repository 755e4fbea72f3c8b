"""Tables of attributions."""

from __future__ import annotations

from rotator_assets.store.columns import DATASET, GALAXY, RECIPE, SYNTHETIC, Column, Table, by_name

_WITHIN = {"half_r_eff": "0.5 R_e", "r_eff": "R_e", "two_r_eff": "2 R_e"}

_SHARES = {
    "fraction": "share of the absolute attribution (summed over bands after taking absolute values)",
    "light": "share of the image's light (recipe's bands, less the border's median)",
    "area": "share of the image's area",
}

_GROUP = Column(
    "galaxies",
    "VARCHAR",
    "slow, fast, slow minus fast, or one outcome: true slow, false fast (slow, called fast), true fast, false slow",
)

TABLES = by_name(
    Table(
        "attributions",
        "Integrated gradients of the logit, one row a galaxy with an out-of-fold prediction.",
        (
            DATASET,
            RECIPE,
            GALAXY,
            Column("completeness_error", "DOUBLE", "|sum of the map - (F(x) - F(baseline))| / |F(x) - F(baseline)|"),
            Column("n_steps", "INTEGER", "points of the quadrature: the recipe's, more where the error was over 5 %"),
            Column(
                "fraction_within_half_light",
                "DOUBLE",
                "share of the absolute attribution within the circularized half-light radius; NULL where not known",
            ),
            *(
                Column(f"{share}_within_{name}", "DOUBLE", f"{what} within the ellipse of semi-major axis {radius}")
                for share, what in _SHARES.items()
                for name, radius in _WITHIN.items()
            ),
            Column(
                "centroid_offset_r_eff",
                "DOUBLE",
                "distance of the centroid of the absolute attribution from the centre, half-light semi-major axes",
            ),
            Column(
                "attribution_ellipticity",
                "DOUBLE",
                "1 - b/a of the absolute attribution by second moments within a circle of 2 R_e",
            ),
            Column(
                "attribution_angle_deg",
                "DOUBLE",
                "angle of its major axis in the image, degrees counter-clockwise from +x",
            ),
            Column("light_ellipticity", "DOUBLE", "1 - b/a of the light, neighbours removed, measured the same way"),
            Column("light_angle_deg", "DOUBLE", "angle of the light's major axis in the image, measured the same way"),
            Column(
                "angle_to_major_axis_deg",
                "DOUBLE",
                "between attribution_angle_deg and light_angle_deg, degrees, 0 to 90; NULL where one is round (< 0.05)",
            ),
            Column("fraction_on_neighbours", "DOUBLE", "share of the absolute attribution on other sources"),
            Column(
                "sign_balance",
                "DOUBLE",
                "sum of the map over that of its absolute values: 1 all speaks for fast, -1 all for slow",
            ),
            Column("reason", "VARCHAR", "why some of these numbers are NULL; NULL where none is"),
            Column("logit", "DOUBLE", "F(x): logit of the galaxy's image"),
            Column("logit_baseline", "DOUBLE", "F(baseline): logit of the recipe's baseline, mean where several"),
            Column("map_row", "INTEGER", "row of the maps file under results/attributions, from 0"),
            SYNTHETIC,
        ),
        made_by=("attribution_maps",),
    ),
    Table(
        "attribution_summary",
        "Means of the numbers in attributions by class and outcome; one row a group of galaxies and measure.",
        (
            DATASET,
            RECIPE,
            _GROUP,
            Column(
                "measure",
                "VARCHAR",
                "column of attributions, or the difference of two, galaxy by galaxy (fraction minus light)",
            ),
            Column("n_galaxies", "INTEGER", "galaxies for which the measure is known"),
            Column("mean", "DOUBLE", "mean over the galaxies, in the measure's unit; of slow minus that of fast"),
            Column("low", "DOUBLE", "lower end of its 95 % interval (bootstrap over physical galaxies)"),
            Column("high", "DOUBLE", "upper end of its 95 % interval (bootstrap over physical galaxies)"),
            Column("median", "DOUBLE", "median over the galaxies; of slow minus that of fast"),
            SYNTHETIC,
        ),
        made_by=("attribution_maps",),
    ),
    Table(
        "attribution_profiles",
        "Mean attribution and light by elliptical radius; one row a group of galaxies, quantity and ring.",
        (
            DATASET,
            RECIPE,
            _GROUP,
            Column("quantity", "VARCHAR", "signed or absolute attribution, or light"),
            Column("radius_r_eff", "DOUBLE", "middle of the ring: elliptical radius in half-light semi-major axes"),
            Column("n_galaxies", "INTEGER", "galaxies whose image shows at least half of the ring"),
            Column(
                "mean",
                "DOUBLE",
                "density per R_e^2, in shares of each galaxy's absolute attribution (light: of its light), averaged",
            ),
            Column("low", "DOUBLE", "lower end of its 95 % interval (bootstrap over physical galaxies)"),
            Column("high", "DOUBLE", "upper end of its 95 % interval (bootstrap over physical galaxies)"),
            SYNTHETIC,
        ),
        made_by=("attribution_maps",),
    ),
)
