"""The images of a dataset as one tensor, and the labelled galaxies in it."""
