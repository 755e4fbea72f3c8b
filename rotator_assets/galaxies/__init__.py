"""Matched galaxies and their labels."""
