"""Downloads a network of ``keras.applications`` with ImageNet weights and saves it as an encoder, a ``.keras`` file.

``python rotator_assets/training/published_encoder.py MobileNetV3Small FILE.keras`` needs Keras and a network, but not
the rest of this package, so it can run on another machine.
"""

import sys

BYTE = 255.0
"""Published networks expect bytes; the maximum of an image normalized by ``max_all``, ``log`` or ``asinh`` is 1."""


def publish(name: str, path: str, weights: str | None = "imagenet") -> None:
    """Save an encoder from images of the bands g, r, i, of any size, to the last spatial features.

    Parameters
    ----------
    name
        Name of the network in ``keras.applications``.
    path
        The file.
    weights
        Name of the weights; None for random ones.
    """
    import keras

    build = getattr(keras.applications, name)
    preprocessed = sys.modules[build.__module__].preprocess_input
    image = keras.Input((None, None, 3))
    red_first = image[..., ::-1]  # i, r, g
    network = build(include_top=False, weights=weights)
    keras.Model(image, network(preprocessed(BYTE * red_first))).save(path)


if __name__ == "__main__":
    publish(*sys.argv[1:3])
