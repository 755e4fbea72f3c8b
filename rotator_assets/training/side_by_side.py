"""Trainings of several networks at a time, in threads of one process.

One network leaves cores idle: its operations wait for each other, and all of them for Python between two steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from rotator_assets.core.recipes import Recipe

MOST = 2
"""Networks that train at a time, each with its own memory; more were not measured to be faster."""
LEAST_PIXELS = 2**26
"""Pixels shown in a training that is worth a second network, whose compilation takes one or two seconds."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """The training of this network ends, because that of another one has failed or was interrupted."""


def networks_at_a_time(recipe: Recipe, n_trainings: int, n_images: int, size_px: int) -> int:
    """Return the number of networks to train at a time.

    Parameters
    ----------
    recipe
        The recipe of the training.
    n_trainings
        Number of networks to train.
    n_images
        Number of images that each of them learns from.
    size_px
        Side of the images, pixels.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shown = n_trainings * recipe.members * recipe.epochs * n_images * size_px**2
    return min(MOST, cores, n_trainings) if shown >= LEAST_PIXELS else 1


def in_order(work: Callable[[Item], Result], items: Sequence[Item], at_a_time: int, stop: Event) -> Generator[Result]:
    """Yield the result of each item in order, while threads work on the next ones.

    Parameters
    ----------
    work
        What is done with an item. It raises `Stopped` soon after ``stop`` is set.
    items
        The items.
    at_a_time
        Number of threads; one item at a time is done by the caller itself.
    stop
        Set when an item fails, or when the generator is closed or interrupted before its end.
    """
    if at_a_time == 1:
        yield from map(work, items)
        return
    failures: list[BaseException] = []

    def attempted(item: Item) -> Result:
        if stop.is_set():
            raise Stopped
        try:
            return work(item)
        except BaseException as error:
            failures.append(error)
            stop.set()
            raise

    with ThreadPoolExecutor(at_a_time) as pool:
        futures = [pool.submit(attempted, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        except BaseException as error:
            stop.set()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, Stopped):
                raise failures[0] from None
            raise
