"""Spin parameter, kinemetry, DAP maps and star particles. NumPy in, NumPy out; no Dagster."""
