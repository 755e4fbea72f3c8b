"""Recipes of a dataset, and one recipe on several datasets, compared."""
