"""Pictures as data URLs, compressed as far as needed to fit into one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rotator_assets.core.errors import InputError
from rotator_assets.plots.style import shown_width

_PNG, _END = b"\x89PNG", b"IEND\xaeB`\x82"
_SIZES = ((1200, 80), (960, 70), (800, 60), (800, 45), (650, 45), (500, 40), (300, 30))
"""Width in pixels and WebP quality of compressed pictures, best first; the page is about 960 pixels wide."""


@dataclass(frozen=True)
class Embedded:
    """A picture as a data URL, and its width on the page in pixels."""

    url: str = ""
    width: int = 0


def embedded(pictures: Sequence[bytes | Path], room: int) -> list[Embedded]:
    """Return PNGs (bytes or files) for the page, together at most ``room`` bytes before base64.

    Raises InputError for a damaged file, and ValueError for bytes that are no PNG and if the pictures do not fit.
    """
    loaded = [_load(picture) for picture in pictures]
    limit = largest_size([len(data) for data in loaded], room)
    with ThreadPoolExecutor() as pool:  # Pillow releases the interpreter's lock
        return list(pool.map(lambda data: Embedded(_data_url(data, limit), shown_width(data)), loaded))


def largest_size(sizes: Sequence[int], room: int) -> int:
    """Return the size to which pictures must be limited so that all fit into ``room`` bytes together."""
    for position, size in enumerate(sorted(sizes)):
        limit = room // (len(sizes) - position)
        if size > limit:
            return limit
        room -= size
    return max(sizes, default=0)


def _load(picture: bytes | Path) -> bytes:
    data = picture.read_bytes() if isinstance(picture, Path) else picture
    if data.startswith(_PNG) and data.endswith(_END):
        return data
    if isinstance(picture, Path):
        raise InputError(f"{picture}: is damaged or no PNG; materialize the asset that draws it again, or delete it")
    raise ValueError("picture: is not a PNG")


def _data_url(data: bytes, max_bytes: int) -> str:
    if len(data) <= max_bytes:
        return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
    return f"data:image/webp;base64,{base64.b64encode(_compress(data, max_bytes)).decode('ascii')}"


def _compress(data: bytes, max_bytes: int) -> bytes:
    """Convert a PNG to a WebP of at most ``max_bytes``, as large and detailed as fits."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    excess = len(data) / max(max_bytes, 1)
    start = min(int(np.log2(excess) / 1.6), len(_SIZES) - 1)  # WebP of the first size is less than half as large
    for width, quality in _SIZES[start:]:
        picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=2)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise ValueError(f"too many pictures for one report: only {max_bytes} bytes are left per picture")
