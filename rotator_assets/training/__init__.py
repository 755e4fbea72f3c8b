"""Networks and their cross-validation."""
