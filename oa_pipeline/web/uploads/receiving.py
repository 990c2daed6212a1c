"""A form with a file, written to the store as it comes in: no part of it waits in memory or on another disk."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Request, abort
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from ...publish.store import Store
from ...publish.writer import ObjectWriter
from ..endpoints import BadRequest
from .files import LEAST

SPARE = 64 * 1024  # bytes of a form beside its file
PARTS = 4


def receive(request: Request, store: Store, key: str, *, content_type: str, most: int) -> int:
    """Stores the one file of the form that is coming in under `key`. Returns its bytes.

    What is too large, too small, broken off or no such form is answered with 413 or 400, and nothing is stored.
    """
    if request.mimetype != "multipart/form-data":
        raise BadRequest("This is no form with a file", cure="use the one of the page")
    if (request.content_length or 0) > most + SPARE:
        abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    request.max_content_length = most + SPARE
    with store.writer(key, content_type=content_type) as out:
        into = _Into(out, most)
        _parse(request, into.begin)
        if into.files != 1 or into.bytes < LEAST:
            raise BadRequest("There is no data in the form", cure="choose a file that is not empty")
    return into.bytes


def _parse(request: Request, begin: Callable[..., Any]) -> None:
    parser = FormDataParser(
        stream_factory=begin, max_form_memory_size=SPARE, max_content_length=None, max_form_parts=PARTS, silent=False
    )
    try:
        parser.parse(request.stream, request.mimetype, request.content_length, request.mimetype_params)
    except (ValueError, ClientDisconnected) as error:
        raise BadRequest("The form did not arrive whole", cure="send it again") from error


class _Into:
    """The file's place, as the parser of forms wants to write to it."""

    def __init__(self, out: ObjectWriter, most: int) -> None:
        self._out, self._most = out, most
        self.files = self.bytes = 0

    def begin(self, *args: Any, **facts: Any) -> Any:
        self.files += 1
        if self.files > 1:
            raise BadRequest("There is more than one file in the form", cure="send one at a time")
        return self

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        if self.bytes > self._most:
            raise RequestEntityTooLarge
        self._out.write(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """What has been written is not read here."""
        return offset
