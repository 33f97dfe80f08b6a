"""The readers of `router/images/decoders` against files of known samples: `python -m training.readers.grid`.

The guard compares an encoding with the pixels that a reader gave, so that it cannot see a reader's mistakes. Here every file is
made by hand from known samples, another library says that the file holds them, and the reader must give them back or refuse.
`cell.py` is one such file, `tiff_file.py` writes TIFF, `tiff.py`, `png.py`, `bmp.py`, `simple.py` and `coded.py` enumerate the
cells of the formats, `grid.py` is the command.
"""
