"""Checks of the metrics that everything else is matched by."""
