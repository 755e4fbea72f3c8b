"""Layers of a network as plain data, and the figure that shows them."""

import pytest

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.figures import LARGEST, kind_of, network_figure, stages
from rotator_assets.training.layers import Layer, NetworkLayers, network_layers
from rotator_assets.training.network import averaged_network, build_network
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-128", "recipe": "thesis", "synthetic": False}


@pytest.fixture(scope="module")
def thesis():
    return network_layers(build_network(Recipe(name="thesis"), 128))


def test_layers_of_the_study_have_the_sizes_that_it_gives(thesis):
    by_name = {layer.name: layer for layer in thesis.layers}
    assert thesis.layers[0] == Layer("image", "InputLayer", (128, 128, 3), 0, ())
    assert by_name["convolution_1"] == Layer("convolution_1", "Conv2D", (128, 128, 32), 3 * 3 * 3 * 32, ("image",))
    assert by_name["flatten"].shape == (131072,) and by_name["flatten"].values == 131072
    assert by_name["dense"].parameters == 131072 * 64
    assert thesis.layers[-1] == Layer("logit", "Dense", (1,), 65, ("relu_dense",))
    assert thesis.members == 1


@pytest.mark.parametrize("architecture", ["compact", "residual", "dihedral", "mobilenet"])
def test_every_architecture_is_connected_and_complete(architecture):
    model = build_network(Recipe(name="any", architecture=architecture), 64)
    found = network_layers(model)
    seen: set[str] = set()
    for layer in found.layers:
        assert set(layer.inputs) <= seen and (layer.inputs or layer.name == "image")
        seen.add(layer.name)
    assert found.parameters == model.count_params()
    assert found.layers[-1].shape == (1,)
    shown = made_up.texts(network_figure(found, **TITLE))
    assert f"{len(found.layers)} layers, {model.count_params():,} weights" in shown


def test_one_of_several_averaged_networks_is_listed():
    recipe = Recipe(name="any", architecture="small", members=3)
    single = build_network(recipe, 32)
    found = network_layers(averaged_network(recipe, 32, [single] * 3))
    assert found.members == 3 and found.parameters == single.count_params()
    assert [layer.name for layer in found.layers] == [*(layer.name for layer in single.layers), "members"]
    assert found.layers[-1].inputs == ("logit",)
    assert "one of 3 averaged networks" in made_up.texts(network_figure(found, **TITLE))


def test_the_figure_lists_every_layer_with_other_inputs_by_number(thesis):
    shown = [text.get_text() for text in network_figure(thesis, **TITLE).axes[0].texts]
    assert shown.count("layer") == 1 and "131072" in shown and f"{131072 * 64:,}" in shown
    assert all(f"{number}  {layer.name.replace('_', ' ')}" in shown for number, layer in enumerate(thesis.layers))
    layers = (Layer("a", "Conv2D", (4, 4, 2), 9, ()), Layer("b", "ReLU", (4, 4, 2), 0, ("a",)))
    skipping = NetworkLayers((*layers, Layer("sum", "Add", (4, 4, 2), 0, ("a", "b"))), 1)
    assert "2  sum ← 0, 1" in made_up.texts(network_figure(skipping, **TITLE))


def test_large_networks_are_drawn_by_image_size():
    sizes = [8] * 40 + [4] * 20 + [1] * 2 + [4] * 3
    layers = [Layer("image", "InputLayer", (8, 8, 3), 0, ())]
    layers += [Layer(f"c{k}", "Conv2D", (size, size, 2), 10, (layers[-1].name,)) for k, size in enumerate(sizes)]
    layers += [Layer("logit", "Dense", (1,), 3, ("c64",))]
    assert len(layers) > LARGEST
    found = stages(layers)
    assert [(layer.shape, layer.parameters) for layer in found] == [((8, 8, 2), 400), ((4, 4, 2), 250), ((1,), 3)]
    assert found[0].name == "41 layers, 40 of them convolutions" and kind_of(found[1]) == "convolution"
    assert "1  25 layers, 25 of them convolutions" in made_up.texts(
        network_figure(NetworkLayers(tuple(layers), 1), **TITLE)
    )
