"""Descriptions of the differences between two contents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.changes import changes, file_changes

SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["max_all", "log"]) | st.just([1.5, 2])
BLOCKS = st.dictionaries(st.sampled_from(["flip", "zoom"]), SCALARS)
CONTENTS = st.dictionaries(st.sampled_from(["bands", "seed", "mock"]), SCALARS | BLOCKS)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"normalization": "max_all"}, {"normalization": "log"}, ["normalization: max_all -> log"]),
        ({}, {"mask_neighbours": False}, ["mask_neighbours: (absent) -> False"]),
        ({"patience": 8}, {}, ["patience: 8 -> (absent)"]),
        ({"mock": {"redshift": None}}, {"mock": {"redshift": 0.05}}, ["mock.redshift: None -> 0.05"]),
        ({"seeing": [1.2, 1.1]}, {"seeing": [1.2, 1.0]}, ["seeing: [1.2, 1.1] -> [1.2, 1.0]"]),
        ({"seeing": (1.2, 1.1)}, {"seeing": [1.2, 1.1]}, []),
        ({"mock": {}}, {"mock": {"seed": 1}}, ["mock.seed: (absent) -> 1", "mock: {} -> (absent)"]),
    ],
)
def test_a_change_names_the_setting_and_both_its_values(old, new, told):
    assert changes(old, new) == told


def test_changes_follow_the_order_of_the_new_content():
    old, new = {"gone": 1, "b": 1, "same": 0, "a": 1}, {"a": 2, "same": 0, "b": 2}
    assert [line.split(":")[0] for line in changes(old, new)] == ["a", "b", "gone"]


@given(CONTENTS)
def test_equal_contents_have_no_changes(content):
    assert changes(content, dict(reversed(content.items()))) == []


@given(CONTENTS, CONTENTS)
def test_a_change_undone_reads_the_other_way_round(old, new):
    assert bool(changes(old, new)) == (old != new)
    assert len(changes(old, new)) == len(changes(new, old))


def test_files_are_counted_and_the_first_of_them_named():
    old = {"same.fits": [1, 1], "longer.fits": [1, 1], "gone.fits": [1, 1]}
    new = {"same.fits": [1, 1], "longer.fits": [2, 1], **{f"{n}.fits": [1, 1] for n in range(12_000)}}
    assert file_changes(old, new) == [
        "12000 files new (0.fits, 1.fits, 2.fits, ...)",
        "1 file gone (gone.fits)",
        "1 file changed (longer.fits)",
    ]
    assert file_changes(new, new) == []
