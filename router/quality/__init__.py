"""What was lost and whether that is allowed: metrics, the search for a quality target, the guard."""
