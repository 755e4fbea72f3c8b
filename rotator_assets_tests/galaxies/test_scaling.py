"""Notices about factors of lambda_R: a source that needs one, and the labels that a factor changes."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.galaxies.matching import GALAXIES, label_galaxies, match_galaxies
from rotator_assets.galaxies.scaling import changed_by_scale, mixed_scales
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import conform

MANGA = SURVEYS["manga"]


def labelled(sources: list[str], published: list[float], scale: dict[str, float]) -> pd.DataFrame:
    """Galaxies of ellipticity 0.25, so with a threshold of 0.155."""
    factors = np.array([scale.get(source, 1.0) for source in sources])
    frame = pd.DataFrame({"lambda_r": np.minimum(published * factors, 1), "lambda_r_unscaled": published})
    frame = frame.assign(survey="manga", synthetic=False, lambda_r_source=sources, ellipticity=0.25)
    return label_galaxies(conform(frame, GALAXIES))[0]


def test_a_source_that_reads_low_beside_others_is_reported_until_it_has_a_factor():
    labels = labelled(["dynpop", "dynpop", "dynpop", "pipe3d"], [0.1, 0.2, 0.3, 0.14], {})
    (notice,) = mixed_scales(labels, MANGA.lambda_r_scales, {})
    assert "3 of dynpop, 1 of pipe3d; pipe3d reads about 0.72 of the others" in notice
    assert mixed_scales(labels, MANGA.lambda_r_scales, {"pipe3d": 1.39}) == []
    assert mixed_scales(labelled(["pipe3d"] * 2, [0.1, 0.2], {}), MANGA.lambda_r_scales, {}) == []


def test_the_labels_that_a_factor_changes_are_counted_by_source():
    sources = ["pipe3d"] * 5 + ["dynpop"] * 3 + ["user"]
    published = [0.10, 0.12, 0.14, 0.30, 0.80, 0.16, 0.20, 0.10, 0.12]
    scale = {"pipe3d": 1.39, "dynpop": 0.9}  # pipe3d: 0.139, 0.167, 0.195, 0.417, 1; dynpop: 0.144, 0.18, 0.09
    assert changed_by_scale(labelled(sources, published, scale), scale, "emsellem2011") == [
        "setting lambda_r_scale: lambda_r of dynpop times 0.9 changes 0 of 3 labels from slow to fast and "
        "1 from fast to slow; 0 values above 1 are set to 1",
        "setting lambda_r_scale: lambda_r of pipe3d times 1.39 changes 2 of 5 labels from slow to fast and "
        "0 from fast to slow; 1 values above 1 are set to 1",
    ]


def test_galaxies_without_a_label_and_sources_without_a_factor_do_not_count():
    labels = labelled(["pipe3d", "pipe3d", "maps"], [0.12, 0.12, 0.12], {"pipe3d": 1.39})
    labels.loc[0, "rotator_type"] = pd.NA
    (notice,) = changed_by_scale(labels, {"pipe3d": 1.39, "dynpop": 2.0}, "emsellem2011")
    assert "changes 1 of 1 labels from slow to fast" in notice
    assert changed_by_scale(labels, {}, "emsellem2011") == []


def test_the_boundary_of_the_settings_decides():
    labels = labelled(["pipe3d"], [0.145], {"pipe3d": 1.39})
    for boundary, changed in (("emsellem2011", 1), ("cappellari2016", 0)):  # 0.155, 0.1425
        assert (
            f"changes {changed} of 1 labels from slow to fast"
            in changed_by_scale(labels, {"pipe3d": 1.39}, boundary)[0]
        )


@pytest.mark.real_data
def test_published_catalogues(real_data):
    """The numbers come from the FITS tables by astropy and NumPy alone."""
    folder = real_data / "manga"
    catalogs = [read(folder).frame for read in (MANGA.read_morphology, MANGA.read_photometry, MANGA.read_kinematics)]
    scale = {"pipe3d": 1.39}
    galaxies, _ = match_galaxies("manga", *catalogs, MANGA.lambda_r_sources, False, lambda_r_scale=scale)
    (notice,) = changed_by_scale(label_galaxies(galaxies)[0], scale, "emsellem2011")
    assert "changes 150 of 2738 labels from slow to fast and 0 from fast to slow; 374 values above 1" in notice
    assert galaxies["lambda_r"].max() == 1
