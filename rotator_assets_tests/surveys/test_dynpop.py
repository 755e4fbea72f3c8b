"""The quality cut of DynPop's lambda_R."""

import pandas as pd
import pytest

from rotator_assets.surveys.base import KINEMATICS, conform
from rotator_assets.surveys.dynpop import passes_jam_quality, without_effect

ROWS = conform(
    pd.DataFrame(
        {
            "galaxy_id": list("abcdef"),
            "lambda_r_source": [*["dynpop"] * 4, "user", "pipe3d"],
            "jam_qual": pd.array([-1, 0, 3, pd.NA, pd.NA, -1], dtype="Int64"),
        }
    ),
    KINEMATICS,
)


@pytest.mark.parametrize(
    ("minimum", "accepted"), [(None, "abcdef"), (-1, "abcef"), (0, "bcef"), (1, "cef"), (3, "cef"), (4, "ef")]
)
def test_missing_and_poorer_fits_are_refused_and_other_sources_kept(minimum, accepted):
    assert "".join(ROWS["galaxy_id"][passes_jam_quality(ROWS, minimum)]) == accepted


def test_a_minimum_without_dynpop_gives_a_notice():
    others = ROWS[ROWS["lambda_r_source"] != "dynpop"]
    assert without_effect(ROWS, 1) == without_effect(others, None) == []
    assert without_effect(others, 1) == ["setting jam_qual_min: there is no lambda_r of DynPop, which it needs"]
