"""Which bytes of a file a request asks for, and whether it needs them at all."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from flask import Request

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII | re.IGNORECASE)


class Part(NamedTuple):
    """What is to be sent: bytes `start` to `stop` with 200 or 206; with the other statuses none at all."""

    status: HTTPStatus
    start: int = 0
    stop: int = 0


def part(request: Request, *, size: int, tag: str, modified: datetime) -> Part:
    """The part of a file of `size` bytes; `tag` is its strong ETag, `modified` when it changed, in whole seconds.

    A header Range that asks for several parts, or that cannot be read, is as good as none.
    """
    if not _still_meant(request, tag, modified):
        return Part(HTTPStatus.PRECONDITION_FAILED)
    if _known(request, tag, modified):
        return Part(HTTPStatus.NOT_MODIFIED)
    asked = _ONE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", "") or not _same(request, tag, modified):
        return Part(HTTPStatus.OK, 0, size)
    first, last = (int(text) if text else None for text in asked.groups())
    if first is None:
        start, stop = max(0, size - (last or 0)), size
    else:
        start, stop = first, size if last is None else min(last + 1, size)
    if first is not None and last is not None and last < first:
        return Part(HTTPStatus.OK, 0, size)
    return Part(HTTPStatus.PARTIAL_CONTENT, start, stop) if start < stop else Part(_OUTSIDE)


_OUTSIDE = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def _still_meant(request: Request, tag: str, modified: datetime) -> bool:
    if "If-Match" in request.headers:
        return request.if_match.contains(tag)
    since = request.if_unmodified_since
    return since is None or modified <= since


def _known(request: Request, tag: str, modified: datetime) -> bool:
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(tag)
    since = request.if_modified_since
    return since is not None and modified <= since


def _same(request: Request, tag: str, modified: datetime) -> bool:
    """Whether the file is the one of which the asker has other parts already."""
    if "If-Range" not in request.headers:
        return True
    known = request.if_range
    if known.date is not None:
        return known.date == modified
    return known.etag == tag and not request.headers["If-Range"].startswith("W/")
