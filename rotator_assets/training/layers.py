"""The layers of a trained network, as plain data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_MEMBER = re.compile(r"member(\d+)_")


@dataclass(frozen=True)
class Layer:
    """One layer, or one operation without weights.

    Attributes
    ----------
    name, kind
        Its name in the network, and its class in Keras.
    shape
        Shape of its output for one image; channels last.
    parameters
        Number of its weights, trained or not.
    inputs
        Names of the layers whose outputs it takes.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    inputs: tuple[str, ...]

    @property
    def values(self) -> int:
        """Number of values in its output."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True)
class NetworkLayers:
    """The layers of a network from the image to the output, and the number of equal networks that are averaged.

    Of several averaged networks, ``layers`` has those of the first, and the mean.
    """

    layers: tuple[Layer, ...]
    members: int

    @property
    def parameters(self) -> int:
        """Number of weights of one member."""
        return sum(layer.parameters for layer in self.layers)


def network_layers(model: keras.Model) -> NetworkLayers:
    """Return the layers of a functional network in the order of computation."""
    config = {layer["config"]["name"]: layer for layer in model.get_config()["layers"]}
    weights = {layer.name: layer.count_params() for layer in model.layers}
    found, members = [], set[str]()
    for operation in model.operations:
        member = _MEMBER.match(operation.name)
        members.update(member.groups() if member else ())
        if member and member[1] != "0":
            continue
        sources = dict.fromkeys(_sources(config[operation.name]["inbound_nodes"]))
        found.append(
            Layer(
                _own_name(operation.name),
                type(operation).__name__,
                _shape(operation.output),
                weights.get(operation.name, 0),
                tuple(_own_name(name) for name in sources if not (other := _MEMBER.match(name)) or other[1] == "0"),
            )
        )
    return NetworkLayers(tuple(found), max(len(members), 1))


def _own_name(name: str) -> str:
    """Return the name of a layer in its own network, without the prefix of a member."""
    return _MEMBER.sub("", name, count=1) if name.startswith("member0_") else name


def _shape(output: Any) -> tuple[int, ...]:
    """Return the lengths of the output without the batch; an axis of unknown length is the batch too."""
    one = output[0] if isinstance(output, list) else output
    return tuple(int(length) for length in one.shape[1:] if length is not None)


def _sources(node: Any) -> list[str]:
    """Return the names of the layers whose tensors a saved call takes, in order."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            return [node["config"]["keras_history"][0]]
        node = list(node.values())
    return [name for part in node for name in _sources(part)] if isinstance(node, list | tuple) else []
