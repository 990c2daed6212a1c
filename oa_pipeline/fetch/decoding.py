"""HTTP content codings, undone in pieces of bounded size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ..errors import FetchError, Truncated

PIECE = 1024 * 1024
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Decoder:
    """Undoes one `Content-Encoding`. A bomb comes out in pieces of a MiB, so the reader can stop at any."""

    def __init__(self, encoding: str) -> None:
        """Raises FetchError for a coding that was not asked for."""
        self.name = encoding.strip().lower()
        if self.name in {"", "identity", "none"}:
            self.name = ""
        elif self.name not in _WINDOW:
            raise FetchError(
                f"the answer is in the coding {self.name[:60]!r}, which was not asked for",
                cure="ask the publisher for a file that is plain or gzip",
            )
        self._inflate = zlib.decompressobj(_WINDOW[self.name]) if self.name else None
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes of `data`, none of the pieces larger than a MiB."""
        if self._inflate is None:
            yield data
            return
        while True:
            piece = self._step(data)
            if piece:
                yield piece
            data = self._rest()
            # A piece of full length may have left more inside the decompressor.
            if not data and len(piece) < PIECE:
                return

    def _step(self, data: bytes) -> bytes:
        assert self._inflate is not None
        first, self._fed = not self._fed, self._fed or bool(data)
        try:
            return self._inflate.decompress(data, PIECE)
        except zlib.error:
            if self.name != "deflate" or not first:
                raise self._broken() from None
        # Many servers say deflate and leave zlib's header out.
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._inflate.decompress(data, PIECE)
        except zlib.error:
            raise self._broken() from None

    def _rest(self) -> bytes:
        assert self._inflate is not None
        if not self._inflate.eof:
            return self._inflate.unconsumed_tail
        more = self._inflate.unused_data
        # Further gzip members belong to the body; anything else after the end is padding.
        if not self.name.endswith("gzip") or not more.startswith(b"\x1f\x8b"):
            return b""
        self._inflate = zlib.decompressobj(_WINDOW[self.name])
        return more

    def finish(self) -> None:
        """Raises Truncated when the coding says that more should have come."""
        if self._inflate is not None and self._fed and not self._inflate.eof:
            raise Truncated(f"the {self.name} answer ends in the middle", transient=True)

    def _broken(self) -> FetchError:
        return FetchError(
            f"the answer says that it is {self.name} and is not",
            cure="tell the publisher that its server is set wrongly",
        )
