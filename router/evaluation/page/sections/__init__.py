"""What each section of the page shows, from the tables of a report: plain values, texts and SVG for the template."""
