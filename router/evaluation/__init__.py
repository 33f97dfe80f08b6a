"""Offline evaluation: measured rate-distortion points, and what every policy, baseline and target costs by them.

Needs the extra `report`; docs/guide/evaluation.md says what is measured and how. Nothing heavy is imported here.
"""
