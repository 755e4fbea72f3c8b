"""Cut-outs of which one kills its process."""

import os
import signal

from rotator_assets.imaging import cutout_worker
from rotator_assets.imaging.cutout_worker import cutouts_of as whole

make = cutout_worker.make_cutout


def cutouts_of(*request):
    cutout_worker.make_cutout = _failing
    cutout_worker.plain_cutouts = lambda files, *_: [None] * len(files)
    return whole(*request)


def _failing(source, galaxy_id, *rest):
    if galaxy_id == "1-5":
        os.kill(os.getpid(), signal.SIGKILL)
    if galaxy_id == "1-11":
        raise KeyError("a mistake")
    return make(source, galaxy_id, *rest)
