"""Spin parameter, stellar maps and star particles. NumPy in, NumPy out; no Dagster."""
