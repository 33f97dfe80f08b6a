"""One process on its machine: its memory, its threads and its forks."""
