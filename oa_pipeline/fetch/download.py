"""One file over http: streamed once, resumed after a broken connection, complete or not there at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import FetchError, Truncated
from .answer import Answer
from .client import Client
from .model import OnProgress, Validators
from .partial import Partial
from .progress import Reporter
from .redact import place
from .reply import Download
from .retry import Patience

PROGRESS = 1024 * 1024  # a try that brought less than this counts as a failed one
RESTARTS = 3
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be downloaded, where to, and what the asker already has."""

    url: str
    to: Path
    private: Mapping[str, str]
    validators: Validators | None = None
    on_progress: OnProgress | None = None


def download(client: Client, patience: Patience, wish: Wish) -> Download:
    """The file at `wish.to`; raises FetchError, and then leaves nothing but what a later try can resume."""
    with Partial(wish.to, wish.url).one_try() as partial:
        return _Downloading(client, patience, wish, partial).run()


class _Downloading:
    def __init__(self, client: Client, patience: Patience, wish: Wish, partial: Partial) -> None:
        self.client = client
        self.patience = patience
        self.wish = wish
        self.partial = partial
        self.restarts = 0
        self.began = client.meter.clock()
        self.reporter = Reporter(wish.on_progress, client.meter.clock)

    def run(self) -> Download:
        while True:
            before = self.partial.size
            try:
                return self._once()
            except FetchError as error:
                self.patience.again(error, progress=self.partial.size - before >= PROGRESS)

    def _once(self) -> Download:
        with self.client.open("GET", self.wish.url, headers=self._headers(), private=self.wish.private) as answer:
            take = _BY_STATUS.get(answer.status)
            if take is None:
                raise answer.failure
            return take(self, answer)

    @property
    def _resuming(self) -> bool:
        return bool(self.partial.size and self.partial.version and self.partial.version.condition)

    def _headers(self) -> dict[str, str]:
        held = self.wish.validators
        if self._resuming:
            assert self.partial.version
            return {
                "Range": f"bytes={self.partial.size}-",
                "If-Range": self.partial.version.condition,
                "Accept-Encoding": "identity",
            }
        return conditions(held) if held else {}

    # ---- one function per status --------------------------------------------------------------------

    def whole(self, answer: Answer) -> Download:
        """200: everything, from the first byte."""
        if self.partial.size:
            self._restart()
        headers = answer.headers
        # Bytes of a coded answer cannot be counted on the other side, so such a one is never resumed.
        self.partial.begin(
            "" if answer.coded else headers.get("etag", ""),
            "" if answer.coded else headers.get("last-modified", ""),
            answer.length,
        )
        return self._stream(answer)

    def rest(self, answer: Answer) -> Download:
        """206: what was missing, if it really joins on."""
        version, found = self.partial.version, _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if not self._resuming or version is None:
            raise answer.failure
        total = int(found[3]) if found and found[3] != "*" else version.total
        another = total != version.total and version.total is not None
        if not found or int(found[1]) != self.partial.size or another or answer.coded:
            self._restart()
            self.partial.begin()
            raise Truncated("the server resumed at another place than asked", transient=True)
        self.partial.expect(total)
        return self._stream(answer)

    def unchanged(self, answer: Answer) -> Download:
        """304: an answer to a condition, or nonsense."""
        if self._resuming or not self._headers():
            raise answer.failure
        assert self.wish.validators
        return Download(
            path=self.wish.to,
            size=0,
            sha256="",
            md5="",
            url=answer.target.url,
            content_type="",
            validators=self.wish.validators,
            seconds=self.client.meter.clock() - self.began,
            not_modified=True,
        )

    def unresumable(self, answer: Answer) -> Download:
        """416: the file is not what it was; begin anew."""
        if not self._resuming:
            raise answer.failure
        self._restart()
        self.partial.begin()
        raise Truncated("the server could not resume", transient=True)

    # ---- the body -------------------------------------------------------------------------------------

    def _restart(self) -> None:
        self.restarts += 1
        if self.restarts > RESTARTS:
            raise Truncated(
                f"the download broke off {self.restarts} times and the server cannot resume",
                place=place(self.wish.url),
                cure="try again when the connection is better",
            )

    def _stream(self, answer: Answer) -> Download:
        partial, version = self.partial, self.partial.version
        assert version
        if version.total is not None:
            self.client.meter.expect(version.total - partial.size)
        for piece in answer.pieces():
            partial.write(piece)
            self.reporter.at(partial.size, version.total)
        if version.total is not None and partial.size != version.total:
            raise Truncated(
                f"{partial.size:,} bytes came of {version.total:,}", place=place(answer.target.url), transient=True
            )
        if not partial.size:
            raise FetchError(
                "the file is empty", place=place(answer.target.url), cure="ask the publisher", status=answer.status
            )
        self.reporter.at(partial.size, partial.size, end=True)
        headers = answer.headers
        return partial.downloaded(
            answer.target.url,
            Validators(headers.get("etag", ""), headers.get("last-modified", "")),
            self.client.meter.clock() - self.began,
            headers.get("content-type", ""),
        )


_BY_STATUS: Mapping[int, Callable[[_Downloading, Answer], Download]] = {
    200: _Downloading.whole,
    206: _Downloading.rest,
    304: _Downloading.unchanged,
    416: _Downloading.unresumable,
}


def conditions(held: Validators) -> dict[str, str]:
    """The headers that ask for the file only if it is another one than `held` describes."""
    asked = {}
    if held.etag and not held.etag.startswith("W/"):
        asked["If-None-Match"] = held.etag
    if held.last_modified:
        asked["If-Modified-Since"] = held.last_modified
    return asked
