"""The dotmap: every address a dot, as vector tiles.

`lines` makes GeoJSON of results and `tiling` tiles of that, area by area; `archive` reads such archives, `merging`
makes one of many in memory that depends on neither's size, with `mvt` where a tile is of more than one; `writing`
writes what comes out as PMTiles and as MBTiles.
"""
