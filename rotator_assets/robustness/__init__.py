"""Robustness checks: explanations of a training's AUC other than rotation."""
