"""Measures the coverage of AUC intervals and the false rejections of paired tests.

Simulates cross-validations with known AUCs (``rotator_assets_tests/evaluation/simulated.py``): two classifiers of the
same galaxies, equal or not, whose networks may differ in zero point and scale. Galaxies are compared in three ways: all
pairs of raw scores (pooled), all pairs after each network's calibration, and the pairs scored by one network (as in
this project). Prints one row per setting. Exits with 1 if the last way exceeds its bounds by more than the noise of the
simulation (two standard errors): coverage of 95 % intervals in 93 to 97 %, false rejections at 5 % in 3 to 7 %.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import product

import numpy as np

from rotator_assets.evaluation.auc import auc_difference, auc_interval
from rotator_assets_tests.evaluation.simulated import Scores, Setting, cross_validation

WAYS = ("pooled", "calibrated", "within")
COVERAGE, REJECTIONS = (0.93, 0.97), (0.03, 0.07)
SIZES = ((120, 40), (840, 241))
SPLITS = ((2, 1), (5, 1), (10, 1), (2, 10), (5, 3), (10, 2))
NETWORKS = ({"offset": 0.0, "slope": 0.0}, {"offset": 1.0, "slope": 0.3})
AUCS = ((0.77, 0.77), (0.80, 0.74))


def measure(setting: Setting, ways: list[str], runs: int, seed: int) -> dict[str, tuple[float, float, float]]:
    """Return coverage of the AUC and of the difference, and fraction of tests with p < 0.05, by way of comparing."""
    generator = np.random.default_rng(seed)
    hits = {way: np.zeros(3) for way in ways}
    difference = setting.aucs[0] - setting.aucs[1]
    for _ in range(runs):
        one, other = cross_validation(setting, generator, calibrate="calibrated" in ways)
        for way in ways:
            hits[way] += _hits(one, other, way, setting.aucs[0], difference)
    return {way: tuple(count / runs) for way, count in hits.items()}


def _hits(one: Scores, other: Scores, way: str, auc: float, difference: float) -> np.ndarray:
    a, b = getattr(one, way), getattr(other, way)
    interval, change = auc_interval(a), auc_difference(a, b)
    return np.array(
        [interval.low <= auc <= interval.high, change.low <= difference <= change.high, change.p_value < 0.05]
    )


def within_bounds(setting: Setting, found: tuple[float, float, float], runs: int) -> bool:
    """Return True if the coverages and, for equal classifiers, the false rejections are within bounds."""
    equal = setting.aucs[0] == setting.aucs[1]
    bounds = (COVERAGE, COVERAGE, REJECTIONS if equal else (0, 1))
    noise = 2 * np.sqrt(0.05 * 0.95 / runs)
    return all(low - noise <= value <= high + noise for value, (low, high) in zip(found, bounds, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="simulated cross-validations per setting")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="calibrated takes longest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quality", type=float, default=0.0, help="scatter of networks as a whole, see Setting")
    options = parser.parse_args()
    names = " | ".join(f"{way}: AUC, difference, p < 0.05" for way in options.ways)
    print(f"| galaxies | slow | folds | repeats | AUCs | offsets | {names} | |\n|{'---|' * (7 + len(options.ways))}")
    good = True
    for (n, n_slow), (folds, repeats), networks, aucs in product(SIZES, SPLITS, NETWORKS, AUCS):
        setting = replace(Setting(n, n_slow, folds, repeats, aucs, quality=options.quality), **networks)
        found = measure(setting, options.ways, options.runs, options.seed)
        inside = "within" not in found or within_bounds(setting, found["within"], options.runs)
        good &= inside
        numbers = " | ".join(" ".join(f"{value:.3f}" for value in found[way]) for way in options.ways)
        offsets = "yes" if networks["offset"] else "no"
        row = f"| {n} | {n_slow} | {folds} | {repeats} | {aucs[0]}, {aucs[1]} | {offsets} | {numbers} |"
        print(f"{row} {'' if inside else 'outside'} |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
