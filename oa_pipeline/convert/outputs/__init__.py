"""Published rows into files: GeoJSON lines, the csv in its zip, GeoParquet.

    block = make_block(attributes, names, layer, located)   # text, hash and geometry of the rows that are kept
    writers = open_writers(folder, source, layer, name, names, ...)
    for writer in writers.values(): writer.write(block)      # each writer by one thread only
    outputs = {kind: writer.close() for kind, writer in writers.items()}

The same blocks give the same bytes: no file holds a clock, a path or a random number.
"""

from __future__ import annotations

from .block import Block, count_filled, make_block
from .rowhash import ContentHash
from .sample import write_sample
from .writers import Writer, open_writers

__all__ = ["Block", "ContentHash", "Writer", "count_filled", "make_block", "open_writers", "write_sample"]
