"""What coding costs on this machine: measured once, stored, and asked before a codec starts. docs/internals/costs.md explains it.

In the order of the data: `picture.py` makes what is measured on, `benchmark.py` measures, `fit.py` draws lines, `model.py` holds
them, `store.py` keeps them for a machine, `predict.py` answers for one codec and image, `budget.py` watches one image's time.
Nothing is ever measured while an image is compressed.
"""
