"""ROC curves, intervals, calibration and baselines of one training."""
