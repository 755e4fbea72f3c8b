"""Folds, network, training, evaluation and attributions. TensorFlow and alibi are imported only inside functions."""
