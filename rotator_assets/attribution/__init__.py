"""Attribution maps by integrated gradients and other methods, their shapes, and tests of their faithfulness."""
