"""Image readers, cut-outs, mock observation, neighbours, normalization. NumPy in, NumPy out; no Dagster."""
