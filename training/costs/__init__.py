"""How good the cost model's predictions are."""
