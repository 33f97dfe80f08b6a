"""The search model of the quality search: measuring curves, fitting it, and counting the encodings that a search takes with
it."""
