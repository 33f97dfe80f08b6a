"""What archives of encoded files need: which models they depend on (`audit.py`), and their sources back (`restoring.py`)."""
