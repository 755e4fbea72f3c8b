"""Nested feature sets, matched pairs and bins: the part of the AUC that ellipticity and other features explain."""
