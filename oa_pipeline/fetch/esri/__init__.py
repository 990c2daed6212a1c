"""ArcGIS layers: `dump` brings a whole one, `probe` asks whether it has changed.

client    one layer's address; refusals become errors       answers   the server's JSON, repaired where it must be
layer     what the layer says it can do                     choosing  which plans suit it, best first
plans     row numbers, id windows, id lists, boxes          paging    several pages in flight, written in order
pace      pages in flight, features a page, pauses          troubles  what a failed page means
watch     is it getting anywhere?                           cache     the growing file and its checkpoint
"""

from __future__ import annotations

from .dump import dump, probe

__all__ = ["dump", "probe"]
