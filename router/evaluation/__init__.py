"""Offline evaluation: measured rate-distortion points, and what every policy, baseline and target costs by them.

Needs `pip install codec-router[report]`; docs/guide/evaluation.md says what is measured and how. Nothing heavy is imported here.
"""
