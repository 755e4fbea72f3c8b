"""Checks of what a training may owe to other things than rotation."""
