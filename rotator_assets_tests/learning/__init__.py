"""Tests of folds, network, training, evaluation and attributions."""
