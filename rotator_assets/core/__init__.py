"""Errors, files, settings and recipes: what every other package may import."""
