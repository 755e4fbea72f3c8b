"""Tests of attribution maps: randomized networks, other methods, deletion and insertion of pixels."""
