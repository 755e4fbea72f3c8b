"""Slow and fast rotators, told apart by their images. Importing this settles the environment of the process."""

from rotator_assets.core import environment as environment
