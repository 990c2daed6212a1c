r"""What identifies a published row, and what identifies all of them together.

The row hash is the first 16 hex digits of the SHA-256 of a canonical text in UTF-8:

1. the published attributes except `hash`, in the layer's order, as one compact JSON object: null where the row has
   null, no blanks between tokens, only `"`, `\` and the control characters below U+0020 escaped
   (`json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))`);
2. directly after it, the published `coordinates` of the geometry, likewise as compact JSON (of a geometry collection
   its `geometries`); `null` where the row has no geometry.

It changes when something that is published about the row changes, and with nothing else: not with other rows, their
order, columns that nobody maps, nor the bytes of the download. Equal rows have equal hashes.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import polars as pl
import polars_hash as plh

DIGITS = 16
_ALL = 2**64


def row_hashes(members: pl.Series, coordinates: pl.Series) -> pl.Series:
    """One hash a row, from the inside of its JSON object and its coordinates (null where there are none)."""
    texts = pl.DataFrame({"m": members, "c": coordinates.fill_null("null")}).select(
        pl.concat_str(pl.lit("{"), pl.col("m"), pl.lit("}"), pl.col("c")).alias("text")
    )
    return texts.select(plh.col("text").chash.sha2_256().str.slice(0, DIGITS).alias("hash")).to_series()


class ContentHash:
    """A digest of the multiset of row hashes: the same in whatever order the rows come.

    SHA-256 of the row count, the sum of all row hashes and the sum of their mixed squares, both modulo 2**64.
    `alike`: no row so far differs from another.
    """

    def __init__(self) -> None:
        """Of no rows."""
        self._rows = self._sum = self._mixed = 0
        self._first: np.uint64 | None = None
        self.alike = True

    def add(self, hashes: pl.Series) -> None:
        """Takes in the rows of a block."""
        if not len(hashes):
            return
        values = np.frombuffer(bytes.fromhex("".join(hashes.to_list())), dtype=">u8").astype(np.uint64)
        self._first = values[0] if self._first is None else self._first
        self.alike = self.alike and bool((values == self._first).all())
        mixed = values ^ (values >> np.uint64(31))
        mixed = mixed * mixed * np.uint64(0x9E3779B97F4A7C15)
        self._rows += len(values)
        self._sum = (self._sum + int(values.sum(dtype=np.uint64))) % _ALL
        self._mixed = (self._mixed + int((mixed ^ (mixed >> np.uint64(29))).sum(dtype=np.uint64))) % _ALL

    def hexdigest(self) -> str:
        """Sixty-four hex digits."""
        return sha256(f"{self._rows} {self._sum:016x} {self._mixed:016x}".encode()).hexdigest()
