"""Checks that the images of a tensor are those that were written. Memory holds one image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rotator_assets.core.errors import InputError
from rotator_assets.store.checksums import DAMAGED, MISSING, Checked
from rotator_assets.store.shard_records import Contents, pixels_hash
from rotator_assets.store.shards import ShardedImages, ShardFile, stored_rows
from rotator_assets.store.tensors import MANIFEST, shards_of


def check_tensor(folder: Path, *, fast: bool = False) -> Iterator[Checked]:
    """Check every shard of the tensor in a folder, then its manifest; nothing where there is none.

    The manifest has a hash of the images of each shard and of the galaxies that they show, and one of all of them. One
    of an earlier version has no such hash. If ``fast``, only the sizes of the shards are compared.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    try:
        content = json.loads(manifest.read_bytes())
        shards, galaxy_ids, version = shards_of(content), content["galaxy_ids"], content["version"]
        shape, rows = (content.get("size_px"),) * 2 + (3,), sum(shard["rows"] for shard in shards)
    except (ValueError, KeyError, TypeError):
        yield Checked(manifest, DAMAGED)
        return
    if rows != len(galaxy_ids):
        yield Checked(manifest, DAMAGED)
        return
    whole, start, damaged = Contents(), 0, False
    for shard in shards:
        path, names = folder / shard["file"], galaxy_ids[start : start + shard["rows"]]
        start += shard["rows"]
        if not path.is_file():
            one = Checked(path, MISSING)
        elif not shard["content"]:
            one = Checked(path, is_recorded=False)
        elif fast:
            one = Checked(path, "" if _has_rows(path, shape, len(names)) else DAMAGED)
        else:
            one = Checked(path, "" if _hash(path, shape, names, whole) == shard["content"] else DAMAGED)
        damaged |= bool(one.problem)
        yield one
    if "shards" in content:
        yield Checked(manifest, "" if damaged or fast or whole.hash() == version else DAMAGED)


def _has_rows(path: Path, shape: tuple[int, ...], rows: int) -> bool:
    try:
        return stored_rows(path, shape) == rows
    except (OSError, ValueError, EOFError, TypeError):
        return False


def _hash(path: Path, shape: tuple[int, ...], names: Sequence[str], whole: Contents) -> str:
    """Return the hash of a shard, empty where it cannot be read; ``whole`` gets its images too."""
    contents = Contents()
    try:
        for pixels, galaxy_id in zip(ShardedImages([ShardFile(path, len(names))], shape), names, strict=True):
            for one in (contents, whole):
                one.add(galaxy_id, pixels_hash(pixels))
    except (InputError, OSError, ValueError, EOFError, TypeError):
        return ""
    return contents.hash()
