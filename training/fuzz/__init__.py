"""Parsers of foreign input under random input: `python -m training.fuzz TARGET --minutes N`.

A target is a module here with `TARGET: Target`. Its `run` takes any bytes and raises for whatever must not happen: an error that
is no `RouterError`, or a result that breaks a law. Hangs and memory are watched by the runner.
"""
