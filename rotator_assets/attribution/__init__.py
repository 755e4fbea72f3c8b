"""Integrated gradients and other methods: maps, their shape, and tests of their faithfulness."""
