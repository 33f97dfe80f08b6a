"""The detector's scores of all images, and how well they tell domains apart."""
