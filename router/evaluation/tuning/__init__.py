"""Thresholds of a policy, chosen from a report: fewest bytes, with harm bounded at a stated confidence. docs/guide/tuning.md."""
