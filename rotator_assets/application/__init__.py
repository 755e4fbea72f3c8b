"""Trained networks outside their survey: exported models, and predictions of any galaxy images."""
