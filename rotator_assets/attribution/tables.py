"""Tables of attributions."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import ends, fields

_GALAXIES_BOOTSTRAP = "bootstrap over physical galaxies"

_WITHIN = {"half_r_eff": "0.5 R_e", "r_eff": "R_e", "two_r_eff": "2 R_e"}

_FRACTIONS = {
    "fraction": "fraction of the absolute attribution (summed over bands after taking absolute values)",
    "light": "fraction of the image's light (the recipe's bands, median of the border subtracted)",
    "area": "fraction of the image's area",
}

_GROUP = Column(
    "galaxies",
    "VARCHAR",
    "slow, fast, slow minus fast, or one outcome: true slow, false fast (a slow rotator classified as fast), true "
    "fast, false slow",
)

TABLES = by_name(
    Table(
        "attributions",
        "Integrated gradients of the logit; one row per galaxy with an out-of-fold prediction.",
        (
            *fields("dataset", "recipe", "galaxy_id"),
            Column(
                "completeness_error",
                "DOUBLE",
                "|sum of the map - (F(x) - F(baseline))| / |F(x) - F(baseline)|",
                source="Sundararajan et al. 2017, axiom of completeness",
            ),
            Column(
                "n_steps",
                "INTEGER",
                "number of quadrature points: the recipe's, or more where the completeness error exceeded 5 %",
            ),
            Column(
                "fraction_within_half_light",
                "DOUBLE",
                "fraction of the absolute attribution within the circularized half-light radius",
                null="where the radius is not known",
            ),
            *(
                Column(f"{fraction}_within_{name}", "DOUBLE", f"{what} within the ellipse of semi-major axis {radius}")
                for fraction, what in _FRACTIONS.items()
                for name, radius in _WITHIN.items()
            ),
            Column(
                "centroid_offset_r_eff",
                "DOUBLE",
                "distance between the centroid of the absolute attribution and the galaxy's centre",
                "half-light semi-major axes",
            ),
            Column(
                "attribution_ellipticity",
                "DOUBLE",
                "1 - b/a of the absolute attribution, from second moments within a circle of 2 R_e",
                "dimensionless",
            ),
            Column(
                "attribution_angle_deg",
                "DOUBLE",
                "angle of the attribution's major axis in the image, counter-clockwise from +x",
                "degrees",
            ),
            Column(
                "light_ellipticity",
                "DOUBLE",
                "1 - b/a of the light with neighbours removed, measured as attribution_ellipticity",
                "dimensionless",
            ),
            Column(
                "light_angle_deg",
                "DOUBLE",
                "angle of the light's major axis in the image, counter-clockwise from +x",
                "degrees",
            ),
            Column(
                "angle_to_major_axis_deg",
                "DOUBLE",
                "angle between the major axes of attribution and light, 0 to 90",
                "degrees",
                "where either is round (ellipticity below 0.05)",
            ),
            Column("fraction_on_neighbours", "DOUBLE", "fraction of the absolute attribution on other sources"),
            Column(
                "sign_balance",
                "DOUBLE",
                "sum of the map over the sum of its absolute values: 1 where all pixels favour fast, -1 slow",
            ),
            Column("reason", "VARCHAR", "why some of these numbers are NULL", null="where none is"),
            Column("logit", "DOUBLE", "F(x): logit of the galaxy's image"),
            Column("logit_baseline", "DOUBLE", "F(baseline): logit of the recipe's baseline, mean over several"),
            Column("map_row", "INTEGER", "row of the maps file under results/attributions, from 0"),
            *fields("synthetic"),
        ),
        made_by=("attribution_maps",),
    ),
    Table(
        "attribution_summary",
        "Means of the numbers in attributions by class and outcome; one row per group of galaxies and measure.",
        (
            *fields("dataset", "recipe"),
            _GROUP,
            Column(
                "measure",
                "VARCHAR",
                "column of attributions, or the difference of two columns per galaxy (fraction minus light)",
            ),
            Column("n_galaxies", "INTEGER", "number of galaxies with the measure"),
            Column(
                "mean", "DOUBLE", "mean over the galaxies, in the measure's unit; for slow minus fast the difference"
            ),
            *ends(_GALAXIES_BOOTSTRAP),
            Column("median", "DOUBLE", "median over the galaxies; for slow minus fast the difference"),
            *fields("synthetic"),
        ),
        made_by=("attribution_maps",),
    ),
    Table(
        "attribution_profiles",
        "Mean attribution and light by elliptical radius; one row per group of galaxies, quantity and ring.",
        (
            *fields("dataset", "recipe"),
            _GROUP,
            Column("quantity", "VARCHAR", "signed or absolute attribution, or light"),
            Column("radius_r_eff", "DOUBLE", "elliptical radius of the ring's middle", "half-light semi-major axes"),
            Column("n_galaxies", "INTEGER", "number of galaxies whose image contains at least half of the ring"),
            Column(
                "mean",
                "DOUBLE",
                "mean over the galaxies of the density, as a fraction of each galaxy's absolute attribution (or light)",
                "per R_e^2",
            ),
            *ends(_GALAXIES_BOOTSTRAP),
            *fields("synthetic"),
        ),
        made_by=("attribution_maps",),
    ),
)
