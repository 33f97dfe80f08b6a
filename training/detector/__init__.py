"""Fit, calibrate and evaluate the out-of-distribution detector."""
