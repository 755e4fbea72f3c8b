"""A worker of ``surveys.measuring`` two of whose galaxies end badly."""

import json
import os
import signal
import sys
import time

for line in sys.stdin:
    galaxy_id = json.loads(line)["galaxy_id"]
    if galaxy_id == "8000-1901":
        os.kill(os.getpid(), signal.SIGKILL)
    if galaxy_id == "8000-1903":
        time.sleep(600)
    print(json.dumps({"usable": True, "reason": None, "lambda_r": 0.5}), flush=True)
