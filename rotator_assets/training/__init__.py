"""Networks and their cross-validated training."""
