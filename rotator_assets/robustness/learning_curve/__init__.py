"""AUC against the number of training galaxies."""
