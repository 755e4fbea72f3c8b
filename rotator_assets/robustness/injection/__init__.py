"""Injection-recovery test: networks and maps on synthetic galaxies of known differences."""
