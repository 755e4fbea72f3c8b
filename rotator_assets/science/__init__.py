"""Astronomy in NumPy: no Dagster, no TensorFlow, every formula with its source."""
