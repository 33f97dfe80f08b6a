"""Policies: data that says which lane an image takes. `load()` reads one, `decide()` applies it; see docs/reference/policy.md."""
