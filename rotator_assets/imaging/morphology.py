"""Structure of a galaxy measured on its image: Gini, M20, concentration, asymmetry and colour.

Gini and M20 after Lotz, Primack & Madau (2004, AJ 128, 163), concentration and asymmetry after Conselice (2003, ApJS
147, 1), all as statmorph has them (Rodriguez-Gomez et al. 2019, MNRAS 483, 4140), with other sources masked
(`neighbours.neighbour_mask`).

Images are (ny, nx, 3), bands g, r, i, finite, the galaxy in the middle. Fluxes are measured in r, sky-subtracted as
they are. A colour picture (8-bit cut-out) has no fluxes: the mean of its bands less the median of its border serves
instead, and as its stretch is not linear, its numbers compare with those of other such pictures alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.imaging.neighbours import neighbour_mask

if TYPE_CHECKING:
    from photutils.segmentation import SegmentationImage

DETECTION_SIGMAS = 1.5
"""The galaxy ends where its smoothed light sinks below this many standard deviations of the noise, as in SExtractor."""
FAINTEST_FRACTION = 0.005
"""The same where there is no noise: a fraction of the smoothed galaxy's peak."""
SMOOTHING_PX = 1.0
MIN_AREA_PX = 9
BORDER_SHARE = 16
"""Sky level and noise are those of a border as wide as the image's side divided by this."""
MIDDLE_SHARE = 8
"""The galaxy's peak is looked for within this part of the image's side from its middle."""
LEAST_PETROSIAN_PX = 1.0
"""statmorph's least Petrosian radius, which it also gives where there is none."""
NO_STATMORPH = (
    "the structure of images is measured by statmorph, which does not work here: install this project by `uv sync`, "
    "as pip cannot install statmorph beside alibi; all else works without it"
)
_INVALID = -99.0
"""What statmorph gives where a number is not defined."""


@dataclass(frozen=True)
class Morphology:
    """What was measured on one image; NaN where it could not be.

    ``g_minus_i``: colour in magnitudes within ``r_half_pixels``, the radius of the circle with half of the light; of a
    colour picture -2.5 log10 of the ratio of pixel values, no magnitude. ``sn_per_pixel``: mean signal to noise of
    the galaxy's pixels, NaN without noise. ``flag``: statmorph's, 0 good, 1 suspect, 2 bad, 4 nothing measured.
    ``reason``: why the image is not ``usable``.
    """

    gini: float = np.nan
    m20: float = np.nan
    concentration: float = np.nan
    asymmetry: float = np.nan
    g_minus_i: float = np.nan
    r_half_pixels: float = np.nan
    sn_per_pixel: float = np.nan
    flag: int = 4
    usable: bool = False
    reason: str | None = None


def measure_morphology(image: NDArray[np.float32], is_picture: bool) -> Morphology:
    """Structure of the galaxy in the middle of an image (ny, nx, 3); a colour picture where ``is_picture``.

    Whatever cannot be measured is NaN, with the reason; nothing is raised. Every search of statmorph ends after a
    fixed number of steps, so that no image takes longer than a few seconds.
    """
    if not np.isfinite(image).all():
        return Morphology(reason="the image has pixels without a value")
    pixels = np.asarray(image, dtype=np.float64)
    if is_picture:
        pixels = pixels - np.median(_border(pixels), axis=0)
    light = pixels.mean(axis=2) if is_picture else pixels[..., 1]
    if light.min() == light.max():
        return Morphology(reason="the image is empty")
    light = light / np.abs(light).max()  # statmorph compares with absolute numbers here and there
    noise = _noise(light)
    neighbours = neighbour_mask(image)
    segments = _segments(light, noise, neighbours)
    if segments is None:
        return Morphology(reason="no source stands out in the middle of the image")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # they come back as flags and as -99
        try:
            measured = _statistics(light, segments, neighbours, noise)
            found = {name: _number(getattr(measured, name)) for name in ("gini", "m20", "concentration", "asymmetry")}
            radius = _number(measured.r50)
            centre = measured.xc_asymmetry, measured.yc_asymmetry
        except Exception as error:  # AssertionError, ValueError, IndexError ... : statmorph promises nothing here
            return Morphology(reason=f"statmorph could not measure it ({type(error).__name__})")
    if measured.rpetro_ellip <= LEAST_PETROSIAN_PX:
        return Morphology(flag=int(measured.flag), reason="the galaxy is not resolved: it is as small as a pixel")
    undefined = [name for name, value in found.items() if np.isnan(value)]
    return Morphology(
        **found,
        g_minus_i=colour(pixels, centre, radius, neighbours) if np.isfinite(radius) else np.nan,
        r_half_pixels=radius,
        sn_per_pixel=_number(measured.sn_per_pixel) if noise > 0 else np.nan,
        flag=int(measured.flag),
        usable=not undefined,
        reason=f"not defined: {', '.join(undefined)}" if undefined else None,
    )


def colour(
    pixels: NDArray[np.float64], centre: tuple[float, float], radius_px: float, mask: NDArray[np.bool_]
) -> float:
    """-2.5 log10 of g over i within a circle about ``centre`` (x, y), without masked pixels; NaN but of light."""
    from photutils.aperture import CircularAperture

    aperture = CircularAperture(centre, radius_px)
    g, i = (aperture.do_photometry(np.where(mask, 0.0, pixels[..., band]))[0][0] for band in (0, 2))
    return float(-2.5 * np.log10(g / i)) if g > 0 and i > 0 else np.nan


def measure_all(
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    are_pictures: NDArray[np.bool_],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = -1,
) -> pd.DataFrame:
    """The fields of `Morphology` of these rows of ``images`` (n, ny, nx, 3), a row each, in their order.

    ``workers``: processes, as many as there are cores by default (joblib counts so); 1 measures in this one. A
    memory-mapped array is opened anew in each, not sent.

    Raises InputError where statmorph is not installed, or not with a scikit-image that it works with.
    """
    try:
        import statmorph  # noqa: F401
    except ImportError as error:
        raise InputError(f"{NO_STATMORPH} ({error})") from None
    from joblib import Parallel, delayed

    tasks = (
        delayed(measure_morphology)(images[row], bool(is_picture))
        for row, is_picture in zip(rows, are_pictures, strict=True)
    )
    parallel = Parallel(workers, return_as="generator", idle_worker_timeout=20)
    measured = []
    for morphology in parallel(tasks):
        measured.append(asdict(morphology))
        on_progress(len(measured), len(rows))
    return pd.DataFrame(measured, columns=list(Morphology.__dataclass_fields__))


def _border(image: NDArray) -> NDArray:
    """Values on the border of an image, (n,) or (n, bands)."""
    width = max(2, min(image.shape[:2]) // BORDER_SHARE)
    border = np.ones(image.shape[:2], dtype=bool)
    border[width:-width, width:-width] = False
    return image[border]


def _noise(light: NDArray[np.float64]) -> float:
    """Standard deviation of the border by its median absolute deviation; 0 without noise."""
    from astropy.stats import mad_std

    return float(mad_std(_border(light)))


def _segments(light: NDArray[np.float64], noise: float, neighbours: NDArray[np.bool_]) -> SegmentationImage | None:
    """The galaxy as the one segment of a segmentation map: what holds its peak; None where nothing does."""
    from photutils.segmentation import SegmentationImage, detect_sources
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(light, SMOOTHING_PX)
    middle = tuple(slice(n // 2 - n // MIDDLE_SHARE, n // 2 + n // MIDDLE_SHARE + 1) for n in light.shape)
    y, x = np.unravel_index(np.argmax(smooth[middle]), smooth[middle].shape)
    peak = smooth[middle][y, x]
    smooth_noise = noise / (2 * np.sqrt(np.pi) * SMOOTHING_PX)  # of uncorrelated pixels
    threshold = max(DETECTION_SIGMAS * smooth_noise, FAINTEST_FRACTION * peak)
    if peak <= threshold:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing was found
        found = detect_sources(smooth, threshold, MIN_AREA_PX, mask=neighbours)
    number = found.data[middle][y, x] if found is not None else 0
    return SegmentationImage((found.data == number).astype(np.int32)) if number else None


def _statistics(light: NDArray, segments: SegmentationImage, mask: NDArray[np.bool_], noise: float):
    """statmorph's measurement of the one segment, of which only what is asked for is computed."""
    from statmorph import SourceMorphology

    class Wanted(SourceMorphology):
        """Without the Sersic fit and all else that statmorph computes at once: it takes time, and may fail."""

        def _calculate_morphology(self) -> None:
            for name in ("gini", "m20", "concentration", "asymmetry", "sn_per_pixel"):
                getattr(self, name)

        @property
        def elongation_asymmetry(self) -> float:
            """Never quite 1: of a circle that is given as an ellipse, photutils' areas can be NaN."""
            return max(super().elongation_asymmetry, 1 + 1e-6)

    weights = np.full(light.shape, noise or 1.0)
    # n_sigma_outlier: no search for bad pixels, which takes the sharp peak of an image without noise for one.
    return Wanted(light, segments, 1, mask=mask, weightmap=weights, n_sigma_outlier=-1)


def _number(value: float) -> float:
    """The value, NaN where statmorph could not define it."""
    return float(value) if np.isfinite(value) and value != _INVALID else np.nan
