"""What is computed from measured points: bytes at matched quality, the router's walk, its rivals, the oracle, BD-rates."""
