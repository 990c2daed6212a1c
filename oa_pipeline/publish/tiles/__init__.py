"""The tile index: one zip for each square degree, with all freely shareable addresses in it.

`index_tiles` brings it up to date: only the tiles whose results have changed are made again. `cells` tells which tile
a place belongs to; `contributions` what each data source adds; `rows` splits a csv by cell, `spill` gathers the rows of
many sources on disk, `archive` writes one tile's zip, and `making` puts these together.
"""
