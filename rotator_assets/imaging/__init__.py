"""Image readers, crops, mock observations, removal of neighbours and normalization. NumPy in, NumPy out; no Dagster."""
