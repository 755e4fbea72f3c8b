"""The AUC with redrawn labels."""
