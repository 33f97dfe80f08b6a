"""The page of a report: one HTML file without network, scripts or fonts from elsewhere, opened from disk.

Figures are static SVG written by `svg` and `plots`, a few hundred lines here, and not by a plotting library. What decides is that
the page must be read with scripts off and on paper, in light and dark: static SVG inside the page inherits its colours from the
page's style sheet, so that one figure serves both themes and print. Matplotlib's SVG has its colours and outlines of glyphs
built in (50 to 100 kB a panel, and no dark theme); uPlot draws on a canvas, which is empty without scripts and coarse on paper;
Vega and Plotly are 1 to 4 MB. The kinds of figure are few: lines, steps, bars, and a dot with its interval.

Data flow: the tables of a report -> `mean_curves`, `comparison`, `cases`, `survival` (numbers)
-> `plots` (SVG) -> `sections/` (what the template shows) -> `build` (HTML). Every text that comes from folders, files or policies
passes jinja2's or markupsafe's escaping. Without scripts everything is shown; the script hides what is not selected, and adds
sorting, tooltips and magnification.
"""
