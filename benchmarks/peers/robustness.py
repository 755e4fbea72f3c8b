"""Plain scripts for the robustness checks: statmorph in a loop, and a bootstrap with scikit-learn.

python -m benchmarks.peers.robustness structure IMAGES.npy
python -m benchmarks.peers.robustness interval SCORES.npz REPLICATES
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np


def structure(path: str) -> dict:
    """Measure the r band of each image as statmorph's tutorial does."""
    started = time.perf_counter()
    import statmorph
    from astropy.stats import mad_std
    from photutils.segmentation import SegmentationImage, detect_sources
    from scipy.ndimage import gaussian_filter

    warnings.simplefilter("ignore")
    images, gini = np.load(path), []
    for image in images:
        light = image[..., 1].astype(float)
        light /= light.max()
        border = np.ones(light.shape, dtype=bool)
        border[4:-4, 4:-4] = False
        noise = mad_std(light[border])
        smooth = gaussian_filter(light, 1)
        sources = detect_sources(smooth, 1.5 * noise / (2 * np.sqrt(np.pi)), 9)
        middle = light.shape[0] // 2
        galaxy = SegmentationImage((sources.data == sources.data[middle, middle]).astype(int))
        measured = statmorph.source_morphology(light, galaxy, weightmap=np.full(light.shape, noise), n_sigma_outlier=-1)
        gini.append(float(measured[0].gini))
    return {"items": len(images), "seconds": time.perf_counter() - started, "gini": gini}


def interval(path: str, replicates: int) -> dict:
    """Resample galaxies within both classes, and compute the AUC of each sample."""
    from sklearn.metrics import roc_auc_score
    from sklearn.utils import resample

    content = np.load(path)
    labels, scores = content["labels"], content["scores"]
    started = time.perf_counter()
    aucs = []
    for seed in range(replicates):
        drawn = resample(np.arange(len(labels)), stratify=labels, random_state=seed)
        aucs.append(roc_auc_score(labels[drawn], scores[drawn]))
    low, high = np.quantile(aucs, [0.025, 0.975])
    return {"items": replicates, "seconds": time.perf_counter() - started, "low": low, "high": high}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps(structure(*arguments) if what == "structure" else interval(arguments[0], int(arguments[1]))))
