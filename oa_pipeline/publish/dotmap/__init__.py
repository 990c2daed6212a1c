"""The dotmap of the world, made area by area and published as one archive.

`build_dotmap` brings it up to date: only areas whose results have changed are made again. `areas` tells which area a
data source is of and when its archive still is what it would be; `making` makes one area's, `world` puts them together.
"""
