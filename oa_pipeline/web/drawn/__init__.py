"""What pages draw: maps of coverage as SVG, the style of maps with MapLibre, and small curves."""
