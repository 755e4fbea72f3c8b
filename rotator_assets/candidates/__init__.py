"""Slow-rotator candidates: every galaxy with an image, ranked by networks that have not seen it."""
