"""Slow and fast rotators from images alone. Importing this prepares the environment of the process."""

from rotator_assets.core import environment as environment
