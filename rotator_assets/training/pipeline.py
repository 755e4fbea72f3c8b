"""From stored images to batches: band selection, augmentation of training images, normalization.

Each image is processed independently; only masks of neighbours are cached. A training batch is a pure function of the
seed and of its number, so a training repeats exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Augmentation, Recipe
from rotator_assets.imaging.centre import middle
from rotator_assets.imaging.neighbours import neighbour_mask, remove_neighbours
from rotator_assets.imaging.normalization import normalize
from rotator_assets.training.imbalance import epoch_order, images_per_epoch

if TYPE_CHECKING:
    import tensorflow as tf

_FLIPS = ((), (1,), (2,), (1, 2))
"""Axes of images (n, ny, nx, ...) along which they are mirrored."""
N_SYMMETRIES = 2 * len(_FLIPS)
"""Number of the symmetries of a square."""
_MASKS: dict[bytes, bytes] = {}
"""Masks of neighbours by the hash of their image, packed to bits; empty without neighbours."""
_MOST_MASKS = 2**15
"""About 70 MB of masks of 128-pixel images."""


class Images(Protocol):
    """Raw fluxes, float32 (m, ny, nx, 3) in the order g, r, i, of which only the requested rows are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, their size, number of bands."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]: ...


def network_input(images: Images, rows: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32]:
    """Return the input of the recipe's network for some images: its bands, normalized.

    Parameters
    ----------
    images
        Raw fluxes, float32 (m, ny, nx, 3) in the order g, r, i; may be memory-mapped, as only ``rows`` are read.
    rows
        Rows of ``images``, int64 (n,).
    recipe
        Normalization, bands and masking of neighbours.

    Returns
    -------
    float32 (n, ny, nx, n_bands).
    """
    return normalize(raw_fluxes(images, rows, recipe), recipe.normalization, recipe.bands)


def symmetries(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the eight rotated and mirrored views of square images (n, size, size, bands), the original first."""
    both = (images, images.swapaxes(1, 2))
    return [np.flip(view, axes) for view in both for axes in _FLIPS]


def turned_back(views: Sequence[NDArray]) -> NDArray:
    """Return the mean of maps (n, size, size, ...) of the eight `symmetries`, each transformed back first."""
    upright = [np.flip(view, axes) for view, axes in zip(views, 2 * _FLIPS, strict=True)]
    return np.mean([*upright[:4], *(view.swapaxes(1, 2) for view in upright[4:])], axis=0)


def random_transforms(
    augmentation: Augmentation, n: int, size_px: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw random affine transformations about the centre of the image.

    An image is rotated, flattened along its x axis, zoomed, mirrored and shifted, in this order. As the rotation comes
    first, the flattening acts along any direction of the galaxy.

    Parameters
    ----------
    augmentation
        Limits of the transformations.
    n
        Number of transformations.
    size_px
        Side of the images, pixels.
    generator
        Source of the draws.

    Returns
    -------
    float32 (n, 8). A row (a0, a1, a2, b0, b1, b2, 0, 0) maps a pixel (x, y) of the result to the position
    (a0 x + a1 y + a2, b0 x + b1 y + b2) in the image, x along columns and y along rows.
    """
    angle = np.deg2rad(generator.uniform(-augmentation.rotation_deg, augmentation.rotation_deg, n))
    squeeze = generator.uniform(1 - augmentation.flattening, 1, n)
    zoom = generator.uniform(1 - augmentation.zoom, 1 + augmentation.zoom, n)
    mirror = generator.choice([-1, 1], (2, n)) if augmentation.flip else np.ones((2, n))
    shift = generator.uniform(-augmentation.shift, augmentation.shift, (2, n)) * size_px
    scale_x, scale_y = mirror[0] / (zoom * squeeze), mirror[1] / zoom
    a0, a1 = np.cos(angle) * scale_x, np.sin(angle) * scale_y
    b0, b1 = -np.sin(angle) * scale_x, np.cos(angle) * scale_y
    centre = middle(size_px)
    x, y = centre + shift  # position of the image centre in the result
    zero = np.zeros(n)
    transforms = [a0, a1, centre - a0 * x - a1 * y, b0, b1, centre - b0 * x - b1 * y, zero, zero]
    return np.stack(transforms, axis=1).astype(np.float32)


def transform(images: NDArray[np.float32], transforms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resample images (n, ny, nx, bands) once, bilinearly, by their transforms; surface brightness is conserved.

    Corners outside the image continue the nearest edge pixel. Reflection would put mirrored galaxies there, and a
    constant would draw an edge around galaxies larger than the image.

    Uncorrelated noise keeps 2/3 of its standard deviation (cubic splines: 0.88, nearest pixels: 1), while test images
    keep all of theirs. This has no measurable effect (`thesis`, 840 MaNGA galaxies, one seed, mean AUC over folds).
    Networks trained this way reach 0.764 on the original test images; on test images resampled by random transforms of
    the same kind they reach 0.758 bilinearly, 0.757 with cubic splines and 0.753 with nearest pixels. Networks trained
    with cubic splines reach 0.757 (difference -0.007 +- 0.008, bootstrap within folds) and take three times as long.
    """
    with tensorflow().device("CPU:0"):
        return transformed(images, transforms).numpy()


def transformed(images: Any, transforms: Any) -> tf.Tensor:
    """Return what `transform` does as a tensor, on the device of the caller."""
    return tensorflow().raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


class TrainingBatches:
    """The batches of one fold's training, for all epochs in sequence; each depends only on ``seed`` and its number.

    An epoch shows every galaxy once, or galaxies of an oversampled class more often, in a new order. Batch sizes differ
    by at most one galaxy and do not exceed the recipe's. Fluxes are transformed before they are normalized, so that
    training images are normalized exactly as test images are.

    Parameters
    ----------
    images
        Raw fluxes, float32 (m, size, size, 3).
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    labels
        0 slow, 1 fast, negative without a label; shape (n,).
    weights
        Factors of the loss, float32 (n,).
    recipe
        Normalization, bands, augmentation, sizes of batches, and oversampling.
    seed
        Seed of orders and transformations.
    answers
        What the loss compares with the outputs of the network, float32 (n, n_answers); default the labels.
    epochs_done
        Completed epochs; the batch after them has number 0.
    """

    def __init__(
        self,
        images: Images,
        rows: NDArray[np.int64],
        labels: NDArray[np.integer],
        weights: NDArray[np.float32],
        recipe: Recipe,
        seed: Sequence[int],
        answers: NDArray[np.float32] | None = None,
        epochs_done: int = 0,
    ) -> None:
        self.images, self.rows, self.recipe, self.seed = images, rows, recipe, tuple(seed)
        self.labels, self.weights = labels, weights.astype(np.float32)
        self.answers = (labels[:, None] if answers is None else answers).astype(np.float32)
        self.images_per_epoch = images_per_epoch(labels, recipe)
        self.per_epoch = -(-self.images_per_epoch // recipe.batch_size)
        self._first = epochs_done * self.per_epoch
        self.n_batches = self.per_epoch * recipe.epochs - self._first

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return images (b, ny, nx, bands), answers and weights (b, 1) of a batch, from 0 over the epochs to do."""
        chosen, transforms = self.drawn(number)
        return augmented(self.images, self.rows[chosen], self.recipe, transforms), *self.compared(chosen)

    def drawn(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the galaxies of batch ``number``, and their random transforms."""
        number = self._first + int(number)
        epoch, position = divmod(number, self.per_epoch)
        order = epoch_order(self.labels, self.recipe, np.random.default_rng((*self.seed, 0, epoch)))
        chosen = np.array_split(order, self.per_epoch)[position]
        generator = np.random.default_rng((*self.seed, 1, number))
        return chosen, random_transforms(self.recipe.augmentation, len(chosen), self.images.shape[1], generator)

    def compared(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return answers and weights of galaxies, (b, n_answers) and (b, 1)."""
        return self.answers[chosen], self.weights[chosen, None]

    def dataset(self) -> tf.data.Dataset:
        """Return the batches of all epochs to do, prepared in a thread alongside the training."""
        size, bands = self.images.shape[1], len(self.recipe.bands)
        shapes = ((None, size, size, bands), (None, self.answers.shape[1]), (None, 1))
        return prepared(self.__getitem__, self.n_batches, shapes)


def augmented(
    images: Images, rows: NDArray[np.int64], recipe: Recipe, transforms: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the input of the recipe's network for some images, as `network_input`, after their transforms."""
    return normalize(transform(raw_fluxes(images, rows, recipe), transforms), recipe.normalization, recipe.bands)


def prepared(
    batch: Callable[[int], tuple[NDArray, ...]],
    n_batches: int,
    shapes: Sequence[tuple[int | None, ...]],
    types: Sequence[str] | None = None,
) -> tf.data.Dataset:
    """Return batches in order, prepared in a thread alongside the training.

    Parameters
    ----------
    batch
        Gives the arrays of a batch by its number.
    n_batches
        Number of batches.
    shapes
        Shapes of the arrays; None for the number of images.
    types
        Types of the arrays (default: all float32).
    """
    tf = tensorflow()
    types = types or ["float32"] * len(shapes)

    def tensors(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found = tf.numpy_function(batch, [number], types, stateful=False)
        return tuple(tf.ensure_shape(tensor, shape) for tensor, shape in zip(found, shapes, strict=True))

    options = tf.data.Options()
    options.autotune.enabled = False  # the autotuner delays the end of every epoch by seconds
    options.deterministic = True
    return tf.data.Dataset.range(n_batches).map(tensors).prefetch(2).with_options(options)


def raw_fluxes(images: Images, rows: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32]:
    """Return the recipe's bands of these rows as stored, without neighbours if the recipe masks them."""
    flux = images[np.asarray(rows, dtype=np.int64)]
    if recipe.mask_neighbours:
        for image in flux:  # a copy, as rows are picked by number
            image[:] = remove_neighbours(image, _mask(image))
    return np.take(flux, recipe.band_indices, axis=-1)


def _mask(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the cached `neighbour_mask` of an image: finding it takes ten times as long as the rest of a batch."""
    shape = image.shape[:2]
    key = hashlib.blake2b(image.tobytes(), digest_size=16, salt=bytes(f"{shape}", "ascii")[:16]).digest()
    packed = _MASKS.get(key)
    if packed is None:
        mask = neighbour_mask(image)
        packed = np.packbits(mask).tobytes() if mask.any() else b""
        if len(_MASKS) >= _MOST_MASKS:
            _MASKS.pop(next(iter(_MASKS)), None)
        _MASKS[key] = packed
    if not packed:
        return np.zeros(shape, dtype=bool)
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=shape[0] * shape[1])
    return bits.astype(bool).reshape(shape)
