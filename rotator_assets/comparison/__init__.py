"""Comparisons of the recipes of a dataset, of one recipe on several datasets, and of any trainings."""
