"""Charts as Vega-Lite specifications, drawn to SVG when the site is built: what charts share, and those of metrics."""
