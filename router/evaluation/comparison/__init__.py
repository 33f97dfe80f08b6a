"""What is computed from measured points: bytes at matched quality, the router's fallback, its baselines, the oracle, BD-rates."""
