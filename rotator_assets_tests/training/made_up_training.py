"""A small survey with a planted signal, the recipe the tests train on it, and an encoder."""

import numpy as np

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe

SIZE_PX = 16
UNIT_ROUNDOFF = 2.0**-24
"""Of float32."""
_WEIGHTS = np.random.default_rng(6)
TINY = Recipe(name="tiny", folds=3, epochs=6, patience=6, batch_size=16, seed=7)


def rounding(network, values):
    """Largest expected difference between two evaluations of a network in float32, with any kernels.

    A sum of n products taken in another order, or as a fused operation, differs by some sqrt(n) unit roundoffs of its
    terms (Higham & Mary 2019, SIAM J. Sci. Comput. 41, A2815); those of all layers add up, of both evaluations.
    ``values``: the logits; values within the network are of order one, as normalized.
    """
    products = [np.prod(layer.kernel.shape[:-1]) for layer in network.layers if hasattr(layer, "kernel")]
    return 2 * UNIT_ROUNDOFF * np.sqrt(products).sum() * max(1.0, float(np.abs(values).max()))


def galaxy_ids(objects):
    return np.array([f"{number}-{name}" for number, name in enumerate(objects)])


def planted_survey(n_objects=120, seed=0):
    """Fluxes (n, 16, 16, 3), labels and object ids: slow rotators are round blobs, fast ones thin discs.

    Orientation, centre and total flux are random and independent of the class; every tenth object is observed twice.
    """
    generator = np.random.default_rng(seed)
    objects = np.concatenate([np.arange(n_objects), np.arange(0, n_objects, 10)])
    labels = (objects % 2).astype(np.int8)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    images = generator.normal(0, 0.02, (len(objects), SIZE_PX, SIZE_PX, 3))
    for image, label in zip(images, labels, strict=True):
        angle, x0, y0 = generator.uniform(0, np.pi), *generator.uniform(-1, 1, 2)
        along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
        across = -(x - x0) * np.sin(angle) + (y - y0) * np.cos(angle)
        axis_ratio = 0.3 if label else 0.9
        profile = np.exp(-np.hypot(along * np.sqrt(axis_ratio), across / np.sqrt(axis_ratio)) / 2)
        image += profile[:, :, None] * [0.5, 1.0, 1.3]
        image *= generator.lognormal(0, 1)
    return images.astype(np.float32), labels, np.array([f"1-{number}" for number in objects])


def tiny_encoder(size_px=SIZE_PX, channels=3, *, pooled=False, nested=False):
    """A convolution, batch normalization with statistics that no data has given it, and ReLU."""
    tensorflow()
    import keras
    from keras import layers

    image = keras.Input((size_px, size_px, channels), name="picture")
    block = [layers.Conv2D(6, 3, padding="same", name="first"), layers.BatchNormalization(name="norm")]
    x = keras.Sequential(block, name="block")(image) if nested else block[1](block[0](image))
    x = layers.ReLU()(x)
    encoder = keras.Model(image, layers.GlobalAveragePooling2D()(x) if pooled else x)
    encoder.set_weights([_WEIGHTS.uniform(0.1, 1, w.shape) for w in encoder.get_weights()])
    return encoder
