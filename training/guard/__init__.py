"""Calibrating the guard, and measuring what it finds and what it misses."""
