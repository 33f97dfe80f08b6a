"""Codecs: the seam (`base`), the registry of what is installed (`registry`) and one module per family."""
