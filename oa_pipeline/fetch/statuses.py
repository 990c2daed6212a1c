"""What each HTTP status means for a fetch, and when to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ..errors import FetchError
from .redact import place

# Asking again later may help with these and with everything from 500 up.
_TRANSIENT = frozenset({408, 425, 429})

_CURES: Mapping[int, str] = {
    204: "the address gives no data; ask the publisher for the right one",
    205: "the address gives no data; ask the publisher for the right one",
    206: "the server sent a part that was not asked for; tell the publisher",
    304: "the server says 'unchanged' to somebody who has nothing; tell the publisher",
    400: "check the address and its parameters",
    401: "the publisher wants a login; look for a public address",
    403: "the publisher refuses us; it may want a Referer in request.headers, or be asked for permission",
    404: "the file has moved or is gone; look for its new address on the publisher's page",
    405: "the address is not one to download from; look for the file's own",
    406: "the address is not one to download from; look for the file's own",
    407: "a proxy in front of the publisher wants a login; tell the publisher",
    408: "the publisher's server is slow; try again later",
    410: "the publisher has withdrawn the file; look for its successor",
    414: "shorten the address",
    416: "the server cannot resume; try again",
    425: "try again later",
    429: "the publisher wants fewer requests; try again later",
    451: "the publisher may not show the file here",
    500: "the publisher's server has a fault; try again later",
    501: "the publisher's server cannot do this; look for another address",
    502: "the publisher's server is down; try again later",
    503: "the publisher's server is overloaded or being maintained; try again later",
    504: "the publisher's server is slow; try again later",
}


def failure(status: int, url: str, retry_after: float | None = None) -> FetchError:
    """The error of an answer that carries no data, whatever its body says."""
    transient = status in _TRANSIENT or status >= 500
    fallback = "try again later" if transient else "check the address"
    return FetchError(
        f"the server answered {status} {_phrase(status)}".rstrip(),
        cure=_CURES.get(status, fallback),
        place=place(url),
        transient=transient,
        status=status,
        retry_after=retry_after,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for: a number or an HTTP date; None where it says nothing usable."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - (now or datetime.now(UTC))).total_seconds(), 0.0)
