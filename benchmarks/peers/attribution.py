"""Integrated gradients as alibi's documentation shows them: ``MODEL IMAGES STEPS OUTPUT``.

The baseline is alibi's own, an image of zeros. Imports and a first call are not timed.
"""

import json
import logging
import sys
import time

import keras
import numpy as np
from alibi.explainers import IntegratedGradients

model_file, image_file, steps, output = sys.argv[1:]
logging.getLogger("alibi").setLevel(logging.ERROR)  # it warns that a single output may need a target; this one does not

model = keras.models.load_model(model_file, compile=False)
images = np.load(image_file)
explainer = IntegratedGradients(model, n_steps=int(steps), method="riemann_middle")
explainer.explain(images[:1], target=None)

started = time.perf_counter(), time.process_time()
maps = explainer.explain(images, target=None).attributions[0]
seconds, processor_seconds = time.perf_counter() - started[0], time.process_time() - started[1]

np.save(output, maps)
print(json.dumps({"items": len(images), "seconds": seconds, "processor": processor_seconds, "output": output}))
