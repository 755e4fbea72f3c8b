"""The scores against redrawn labels."""
