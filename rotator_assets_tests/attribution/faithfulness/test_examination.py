"""Examination of a training: each galaxy by the network of its fold, complete tables, injected differences."""

from itertools import combinations

import numpy as np
import pytest

from rotator_assets.attribution.faithfulness import examination
from rotator_assets.attribution.faithfulness.examination import METHODS, RANDOM, examine
from rotator_assets.attribution.faithfulness.measures import FRACTIONS, area_under
from rotator_assets.store.models import load_model
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY


@pytest.fixture(scope="module")
def found(trained, survey):
    """Examination of twelve galaxies with injected differences, from two folds."""
    result, folder, _ = trained
    sample = result.predictions[result.predictions["fold"] < 2].groupby("rotator_type").head(6)
    sample = sample.assign(predicted_type=(sample["probability_fast"] >= 0.5).astype(int))
    loaded = []

    def load(fold):
        loaded.append(fold)
        return load_model(folder / f"fold-{fold}.keras")

    recipe = TINY.model_copy(update={"attribution_steps": 8})
    rows = sample.index.to_numpy()
    done = examine(load, sample, survey[0], rows, recipe, steps=(4, 64), n_converged=3, seed=1)
    assert sorted(loaded) == sorted(sample["fold"].unique())
    return done


def test_every_method_gives_a_map_of_every_galaxy(found):
    assert list(found.maps) == list(METHODS) and len(found.sample) == 12
    for maps in found.maps.values():
        assert maps.shape == (12, SIZE_PX, SIZE_PX) and np.isfinite(maps).all()


def test_a_galaxy_is_explained_by_the_network_of_its_fold(found, trained, survey):
    from rotator_assets.attribution.integrated_gradients import explain

    row = found.sample.iloc[7]
    model = load_model(trained[1] / f"fold-{row['fold']}.keras")
    recipe = TINY.model_copy(update={"attribution_steps": 8, "attribution_doublings": 0})
    alone = explain(model, survey[0], np.array([row["row"]]), recipe).maps[0].sum(axis=-1)
    np.testing.assert_allclose(found.maps["ig_sky"][7], alone, atol=1e-5 * np.abs(alone).max())


def test_tables_have_all_rows_and_columns(found):
    agreement = examination.agreement(found)
    assert set(zip(agreement["method"], agreement["reference"], strict=True)) == set(combinations(METHODS, 2))
    tests = examination.dependence(found)
    layers = tests[(tests["test"] == "cascade") & (tests["method"] == "ig_sky")]
    assert layers["layer"].tolist() == ["logit", "dense", "convolution_3", "convolution_2", "convolution_1"]
    assert layers["depth"].tolist() == [1, 2, 3, 4, 5]
    assert set(tests[tests["test"] == "folds"]["method"]) == {"ig_sky", "grad_cam"}
    curves = examination.mean_curves(found)
    assert len(curves) == 2 * (len(METHODS) + 2) * len(FRACTIONS) and (curves["n_galaxies"] == 12).all()
    assert not any(frame.isna().to_numpy().any() for frame in (agreement, tests, curves))


def test_curves_of_all_orders_have_the_same_ends(found):
    curves = examination.mean_curves(found).set_index(["kind", "method", "share"])["logit"]
    for method in METHODS:
        for share, other in ((0.0, 1.0), (1.0, 0.0)):
            assert curves["deletion", method, share] == pytest.approx(curves["deletion", RANDOM, share], abs=1e-4)
            assert curves["deletion", method, share] == pytest.approx(curves["insertion", method, other], abs=1e-4)
    areas = examination.areas(found).set_index(["kind", "method"])
    of_method = [curves["deletion", "ig_sky", share] for share in FRACTIONS]
    assert areas.loc[("deletion", "ig_sky"), "area"] == pytest.approx(area_under(np.array([of_method]))[0])
    random, own = (areas.loc[("insertion", name), "area"] for name in (RANDOM, "ig_sky"))
    assert areas.loc[("insertion", "ig_sky"), "gain"] == pytest.approx(own - random)
    assert (areas.xs(RANDOM, level="method")[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)


def test_pixels_with_high_attribution_matter_to_the_network(found):
    areas = examination.areas(found).set_index(["kind", "method"])
    for method in ("ig_sky", "ig_noise", "gradient_times_input"):
        for kind in ("deletion", "insertion"):
            assert areas.loc[(kind, method), "gain_low"] > 0, (kind, method)


def test_randomized_networks_give_other_maps_than_networks_of_other_folds(found):
    tests = examination.dependence(found)
    own = tests[tests["method"] == "ig_sky"].set_index("depth")["signed_correlation"]
    assert abs(own[5]) < own[0]  # depth 0: other folds


def test_more_steps_leave_less(found):
    convergence = examination.convergence(found).set_index(["rotator_type", "n_steps"])
    assert (convergence["n_galaxies"] == 3).all()
    for kind in (0, 1):
        assert convergence.loc[(kind, 64), "median"] < convergence.loc[(kind, 4), "median"]
        assert convergence.loc[(kind, 4), "ninety_percent"] >= convergence.loc[(kind, 4), "median"]


def test_a_single_network_has_no_other_folds(found):
    """A galaxy's map is not compared with that of its own fold's network either."""
    one, two = sorted(found.sample["fold"].unique())
    elsewhere = {fold: {name: -found.maps[name] for name in ("ig_sky", "grad_cam")} for fold in (one, two)}
    assert list(examination._across_folds(found.sample, found.maps, {one: elsewhere[one]})) == []
    own = found.sample["fold"].to_numpy() == one
    for name, values in elsewhere[one].items():
        values[own] = found.maps[name][own]
    pairs = next(iter(examination._across_folds(found.sample, found.maps, elsewhere)))
    np.testing.assert_allclose(pairs["signed"], -1)
