"""Entries of one physical galaxy share an object, by identifier or by position."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.training.objects import MATCH_ARCSEC, physical_objects

ARCSEC = 1 / 3600


def galaxies(*rows):
    return pd.DataFrame(rows, columns=["object_id", "ra", "dec"])


def test_entries_at_one_place_are_one_object():
    rows = galaxies(("b", 10.0, 60.0), ("a", 10.0 + 2 * 4.9 * ARCSEC, 60.0), ("c", 10.0, 60.0 + 5.1 * ARCSEC))
    assert list(physical_objects(rows)) == ["a", "a", "c"]  # at declination 60, a degree of right ascension is half
    assert MATCH_ARCSEC == 5


def test_links_by_identifier_and_by_place_combine():
    rows = galaxies(("a", 10.0, 0.0), ("b", 10.0, 0.0), ("b", 200.0, 0.0), ("c", 200.0, 1 * ARCSEC), ("d", 300.0, 0.0))
    assert list(physical_objects(rows)) == ["a", "a", "a", "a", "d"]


def test_places_across_zero_right_ascension_match():
    rows = galaxies(("a", 359.9999, 0.0), ("b", 0.0001, 0.0))
    assert list(physical_objects(rows)) == ["a", "a"]


def test_galaxies_without_a_position_match_by_identifier_alone():
    rows = galaxies(("a", np.nan, np.nan), ("b", np.nan, np.nan), ("a", 10.0, np.nan))
    assert list(physical_objects(rows)) == ["a", "b", "a"]
    assert len(physical_objects(rows.iloc[:0])) == 0


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), min_size=1, max_size=12), st.randoms())
def test_the_objects_do_not_depend_on_the_order(rows, random):
    table = galaxies(*((name, 10.0 + place, 0.0) for name, place in rows))
    order = list(range(len(rows)))
    random.shuffle(order)
    np.testing.assert_array_equal(physical_objects(table.iloc[order]), physical_objects(table)[order])
