"""Answers to requests that cannot be read, before there is any: in the shape of all other errors, with all headers.

Of a body in chunks the application finds that out itself, in the middle: it asks for the same words, see `told`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from gunicorn.http import errors

from ..forms import JSON, json_text
from ..headers import ALWAYS, HSTS, OPEN, POLICIES

if TYPE_CHECKING:
    from ...settings import Settings

# What was wrong, and what to do; of all other errors in a request it is said that it cannot be read.
KNOWN: Mapping[type[Exception], tuple[HTTPStatus, str, str]] = {
    errors.LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "The address is too long.",
        "an address may have some 4000 characters, and a word of a search 200",
    ),
    errors.LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The headers are too many or too long.",
        "leave out cookies: no page needs them",
    ),
    errors.UnsupportedTransferCoding: (
        HTTPStatus.NOT_IMPLEMENTED,
        "This transfer coding is not known here.",
        "send the body as it is, or chunked",
    ),
    errors.ExpectationFailed: (
        HTTPStatus.EXPECTATION_FAILED,
        "What the request expects is not done here.",
        "leave out Expect, or let it be 100-continue",
    ),
}
# A header that we wanted to send, a server that is set up wrongly.
OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)
ANY = (HTTPStatus.BAD_REQUEST, "The request cannot be read.", "see RFC 9112 for how requests are written")


def code_of(status: HTTPStatus) -> str:
    """The kind of error in a word, for programs: not_found."""
    return status.phrase.lower().replace(" ", "_").replace("-", "_")


def told(error: Exception) -> tuple[HTTPStatus, str, str]:
    """The status, what was wrong, and what to do."""
    return next((said for kind, said in KNOWN.items() if isinstance(error, kind)), ANY)


def unreadable(error: Exception, settings: Settings) -> bytes | None:
    """The whole answer, which ends the connection; None where the error is not of the request."""
    if not isinstance(error, errors.ParseException) or isinstance(error, OURS):
        return None
    status, message, detail = told(error)
    body = json_text({"error": {"code": code_of(status), "message": message, "detail": detail}}).encode()
    headers = {
        **ALWAYS,
        **OPEN,
        "Content-Security-Policy": POLICIES["data"],
        **({"Strict-Transport-Security": HSTS} if settings.public_url.startswith("https://") else {}),
        "Cache-Control": "no-store",
        "Content-Type": JSON,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode("ascii") + body
