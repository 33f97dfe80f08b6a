"""How good the cost model's predictions are: `python -m training.costs.check`.

In the order of the data: `pictures.py` makes photographs of a size, `measure.py` holds predicted against real time on them for as
long as it may, in a process of its own for each number of threads, `table.py` shows what came of it, `check.py` is the command.
"""
