"""Nested feature sets, matched pairs and bins: is it only ellipticity?"""
