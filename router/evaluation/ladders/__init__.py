"""What is measured: pictures, codec families, points, ladders of them, and the cache that keeps points by content."""
