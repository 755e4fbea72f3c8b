"""Chaos: commands are killed anywhere, and given again. Results must be those of an undisturbed run.

`python -m rotator_assets_tests.chaos` runs everything, and `make chaos` calls it; see `docs/durability.md`.
"""
