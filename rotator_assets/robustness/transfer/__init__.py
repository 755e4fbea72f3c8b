"""Networks trained on another survey."""
