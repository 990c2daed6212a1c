"""Objects of the store at `/files/`: a folder's are sent from here, in parts where parts are asked for.

A bucket's are sent by the bucket: whoever asks is led to its public address, or, where it has none, to one that is
signed for a short while. That works for closed buckets, costs no request of ours more than the look whether the object
is there, and keeps the bytes of large downloads out of the few processes that make pages. Pictures alone are sent from
here whatever the store is: pages show them, and load nothing from other hosts.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flask import Blueprint, Response, request
from werkzeug.http import http_date

from ...errors import PublishError
from ...publish.folder import FolderStore
from ...publish.public import is_public, never_changes
from ...publish.saved import disposition
from ...publish.store import MissingObject, content_type
from ..answering.caching import led_to
from ..endpoints import Cache, NotFound
from ..site import Site, here
from .ranges import Part, part

if TYPE_CHECKING:
    from ...publish.store import Store

BLOCK = 256 * 1024
SIGNED_SECONDS = 3600  # from the first byte's request to the last's: a download that goes on is not broken off
PICTURE = ".png"
LARGEST_PICTURE = 16 * 1024 * 1024  # bytes
MISSING = "There is no such file"
BLUEPRINT = Blueprint("files", __name__)


@BLUEPRINT.get("/files/<path:key>")
def file(key: str) -> Response:
    """The object of this key. Raises NotFound for what is not there, and for what is not the public's."""
    site = here()
    if not is_public(key):
        raise NotFound(MISSING)
    try:
        store = site.store()
        return _sent(site, store, key) if isinstance(store, FolderStore) else _led(site, store, key)
    except MissingObject:
        raise NotFound(MISSING, cure="it may have been removed to keep the store small") from None


def _led(site: Site, store: Store, key: str) -> Response:
    from ...publish.s3 import S3Store

    if store.size(key) <= LARGEST_PICTURE and key.endswith(PICTURE):
        return _picture(store, key)
    location, cache = store.url(key), Cache.POINTER
    if isinstance(store, S3Store) and not site.settings.store_url:
        head = request.method == "HEAD"
        saved = disposition(key, site.naming.whose(site, key) or "")
        location = store.signed_url(key, seconds=SIGNED_SECONDS, head=head, disposition=saved)
        cache = Cache.NEVER
    return led_to(location, cache.value)


def _picture(store: Store, key: str) -> Response:
    body = store.read(key, 0, LARGEST_PICTURE)
    response = Response(body, content_type=content_type(key))
    response.headers["Cache-Control"] = (Cache.IMMUTABLE if never_changes(key) else Cache.POINTER).value
    response.set_etag(hashlib.sha256(body).hexdigest()[:16])
    response.make_conditional(request)
    return response


def _sent(site: Site, store: FolderStore, key: str) -> Response:
    path = store.file(key)
    whose = site.naming.whose(site, key)
    opened = _opened(path, key)
    facts = os.fstat(opened.fileno())
    tag = f"{facts.st_size:x}-{facts.st_mtime_ns:x}"
    modified = datetime.fromtimestamp(int(facts.st_mtime), UTC)
    wanted = part(request, size=facts.st_size, tag=tag, modified=modified)
    response = _response(wanted, opened, facts.st_size)
    headers = response.headers
    headers["ETag"] = f'"{tag}"'
    headers["Last-Modified"] = http_date(modified)
    headers["Accept-Ranges"] = "bytes"
    if wanted.status < HTTPStatus.MULTIPLE_CHOICES:
        headers["Content-Type"] = content_type(key)
        if saved := disposition(key, whose or ""):
            headers["Content-Disposition"] = saved
    # Without its name it is kept for a short while only: nobody in between shall send it so for a year.
    headers["Cache-Control"] = (Cache.IMMUTABLE if never_changes(key) and whose is not None else Cache.POINTER).value
    return response


def _response(wanted: Part, opened: BinaryIO, size: int) -> Response:
    """With the bytes that are wanted; the file is closed when they are sent, or at once where there are none."""
    response = Response(status=wanted.status)
    del response.headers["Content-Type"]
    if wanted.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.headers["Content-Range"] = f"bytes */{size}"
    if wanted.status >= HTTPStatus.MULTIPLE_CHOICES or request.method == "HEAD":
        opened.close()
    else:
        response.response = _Bytes(opened, wanted.start, wanted.stop)
        response.direct_passthrough = True
    if wanted.status < HTTPStatus.MULTIPLE_CHOICES:
        response.content_length = wanted.stop - wanted.start
    if wanted.status == HTTPStatus.PARTIAL_CONTENT:
        response.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return response


class _Bytes:
    """Bytes `start` to `stop` of a file, which is closed with it."""

    def __init__(self, opened: BinaryIO, start: int, stop: int) -> None:
        self._file, self._left = opened, stop - start
        opened.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0:
            block = self._file.read(min(BLOCK, self._left))
            if not block:  # the connection ends: the next answer on it would be read as the rest of this one
                raise OSError("a file of the store has become shorter while it was sent")
            self._left -= len(block)
            yield block

    def close(self) -> None:
        """Called by the server when all was sent, or the reader has gone."""
        self._file.close()


def _opened(path: Path, key: str) -> BinaryIO:
    """The regular file, which no link can have taken the place of."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(MISSING) from None
    except OSError as error:
        raise PublishError(f"a file of the store cannot be read: {error.strerror}", place=key) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise NotFound(MISSING)
    return os.fdopen(number, "rb")
