"""The search model of the quality search.

Curves are measured here, the model is fitted, and the encodings that a search takes with it are counted.
"""
