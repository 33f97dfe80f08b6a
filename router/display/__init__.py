"""How results look: colours, words for figures, SVG, and what a notebook shows of the public objects.

Everything here is made for other people's screens: texts are escaped and bounded, pictures are small and inside the document, and
nothing is loaded from elsewhere.
"""
