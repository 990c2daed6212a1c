"""What went wrong below HTTP, in words for whoever keeps the source."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from http.client import IncompleteRead

from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationValueError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from ..errors import FetchError, Truncated
from .redact import place


def no_answer(error: Exception, url: str) -> FetchError:
    """The error of a request that got no answer."""
    for kind, made in _NO_ANSWER.items():
        if isinstance(error, kind):
            return made(error, place(url))
    return FetchError(f"the request failed: {place(str(error))}", place=place(url))


def broken_answer(error: Exception) -> Truncated:
    """The error of a body that broke off."""
    cause = _innermost(error)
    if isinstance(cause, IncompleteRead):
        missing = f", {cause.expected:,} bytes are missing" if cause.expected else ""
        return Truncated(f"the connection ended before the file did{missing}", transient=True)
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return Truncated("the server stopped sending", cure="try again later", transient=True)
    return Truncated(f"the connection broke: {type(cause).__name__}", cure="try again later", transient=True)


def _innermost(error: BaseException) -> BaseException:
    for held in error.args:
        if isinstance(held, BaseException):
            return _innermost(held)
    return error


def _slow(error: Exception, where: str) -> FetchError:
    return FetchError("the server did not answer in time", place=where, cure="try again later", transient=True)


def _unreachable(error: Exception, where: str) -> FetchError:
    return FetchError(
        f"nobody answers there: {error.__cause__ or error}",
        place=where,
        cure="try again later; if it stays so, the publisher has moved",
        transient=True,
    )


def _hung_up(error: Exception, where: str) -> FetchError:
    return FetchError("the server hung up without an answer", place=where, cure="try again later", transient=True)


def _tls(error: Exception, where: str) -> FetchError:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchError(
            f"the server's certificate is not valid: {cause.verify_message}",
            place=where,
            cure="tell the publisher; an operator can add the host to the list of hosts whose TLS is not verified",
        )
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return _hung_up(error, where)
    reason = getattr(cause, "reason", None) or type(cause).__name__
    return FetchError(
        f"no secure connection can be made: {reason}",
        place=where,
        cure="the publisher's TLS is too old or broken; an operator can add the host to the list of hosts whose TLS is"
        " not verified",
    )


def _unusable(error: Exception, where: str) -> FetchError:
    return FetchError("the address or a header of the request cannot be sent", place=where, cure="correct it")


# First hit wins: the particular ones come before those they are kinds of.
_NO_ANSWER: Mapping[type[Exception], Callable[[Exception, str], FetchError]] = {
    NewConnectionError: _unreachable,
    ConnectTimeoutError: _slow,
    ReadTimeoutError: _slow,
    SSLError: _tls,
    ProtocolError: _hung_up,
    TimeoutError: _slow,
    LocationValueError: _unusable,
    UnicodeError: _unusable,
    ValueError: _unusable,
    OSError: _unreachable,
}
