"""Measuring in which two galaxies end badly."""

import os
import signal
import time


def measure(job):
    if job.galaxy_id == "8000-1901":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.galaxy_id == "8000-1903":
        time.sleep(600)
    return {"usable": True, "reason": None, "lambda_r": 0.5}
