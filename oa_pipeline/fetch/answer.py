"""An answer that has begun: its status and headers, and its body piece by piece as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ..errors import FetchError, OAError, Oversized, Truncated
from .decoding import Decoder
from .guard import Target
from .meter import Meter, Pace
from .redact import place
from .statuses import failure, retry_after
from .troubles import broken_answer

READ = 256 * 1024


class Answer:
    """An answer whose status and headers have come and whose body is still to be read. Close it."""

    def __init__(self, method: str, raw: BaseHTTPResponse, target: Target, meter: Meter, held: ExitStack) -> None:
        """`held` is what has to be given back at the end."""
        self.method = method
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.target = target
        self._raw = raw
        self._meter = meter
        self._held = held

    @property
    def coded(self) -> bool:
        """Whether the bytes on the way are not the file's own, so that places in one mean nothing in the other."""
        return self.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}

    @property
    def length(self) -> int | None:
        """How many decoded bytes are announced; None where that is not known."""
        text = self.headers.get("content-length", "").strip()
        return None if self.coded or not (text.isascii() and text.isdigit()) else int(text[:18])

    @property
    def _framed(self) -> bool:
        """Whether the end of the body is marked by something else than the end of the connection."""
        return self.method == "HEAD" or "content-length" in self.headers or "transfer-encoding" in self.headers

    @property
    def failure(self) -> FetchError:
        """The error that this answer is."""
        wait = retry_after(self.headers.get("retry-after"))
        return failure(self.status, self.target.url, wait)

    def pieces(self) -> Iterator[bytes]:
        """The decoded body, counted against the budget; raises Truncated when it breaks off."""
        decoder = Decoder(self.headers.get("content-encoding", ""))
        pace = Pace(self._meter)
        total = 0
        try:
            while data := self._read():
                total += len(data)
                came = 0
                for piece in decoder.feed(data):
                    self._meter.take(len(piece))
                    came += len(piece)
                    yield piece
                pace.take(came)
                self._meter.seconds_left()
            decoder.finish()
            if not total and not self._framed:
                # A connection that ended in the headers looks exactly like this.
                raise Truncated("the server hung up before it sent anything", transient=True)
        except OAError as error:
            error.place = error.place or place(self.target.url)
            raise

    def _read(self) -> bytes:
        try:
            return self._raw.read1(READ, decode_content=False) or b""
        except (HTTPError, OSError) as error:
            raise broken_answer(error) from error

    def body(self, most: int) -> bytes:
        """The whole decoded body; raises Oversized beyond `most` bytes."""
        held = bytearray()
        for piece in self.pieces():
            held += piece
            if len(held) > most:
                raise Oversized(
                    f"one answer is larger than {most:,} bytes",
                    place=place(self.target.url),
                    cure="ask for less at a time",
                )
        return bytes(held)

    def close(self) -> None:
        """Gives the connection back when the body was read to its end, else ends it."""
        self._held.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
