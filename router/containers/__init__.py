"""The bytes of each file format, parsed and written in one place; no pixels are decoded here."""
