"""An object of a bucket as a file that is open for reading."""

from __future__ import annotations

import contextlib
import io
import os
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from ...errors import PublishError
from .bucket import Bucket
from .faults import PAST_END, TAKEN, code, unanswered

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TRIES = 5  # to go on after an answer broke off, without a byte in between
PAUSE = 0.2  # seconds before the second, twice as many before each that follows


class Stream(io.RawIOBase):
    """Asks for the bytes from where it stands when they are wanted. An answer that breaks off is asked for again.

    It is of one version of the object: one that was replaced meanwhile is an error, not a mixture.
    """

    def __init__(self, bucket: Bucket, key: str, start: int = 0, stop: int | None = None) -> None:
        """Of bytes `start` to `stop`, else to the object's end. Raises MissingObject."""
        self._bucket, self._key, self._stop = bucket, key, stop
        self._at = start
        self._body: Any = None
        self._etag = ""
        self._size = 0
        with bucket.failing(key):
            self._ask()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, at the cost of another request."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes there without asking for anything yet."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"{self._key} has no byte {base + offset}")
        if base + offset != self._at:
            self._drop()
            self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As many bytes as there are at once. Raises PublishError where they cannot be had."""
        view = memoryview(buffer).cast("B")
        if not view or self._at >= self._end:
            return 0
        with self._bucket.failing(self._key):
            count = self._patiently(view)
        self._at += count
        return count

    def close(self) -> None:
        """Ends it."""
        self._drop()
        super().close()

    @property
    def _end(self) -> int:
        return self._size if self._stop is None else min(self._stop, self._size)

    def _patiently(self, view: memoryview) -> int:
        for again in range(TRIES):
            try:
                if self._body is None:
                    self._ask()
                count = int(self._body.readinto(view[: self._end - self._at]))
                if count:
                    return count
            except (BotoCoreError, HTTPError, OSError) as error:
                if again == TRIES - 1:
                    raise unanswered(error, self._key, self._bucket.location) from error
            self._drop()
            time.sleep(PAUSE * 2**again)
        raise PublishError(f"the store {self._bucket.location} breaks its answers off", place=self._key)

    def _ask(self) -> None:
        wanted = {"Range": f"bytes={self._at}-{'' if self._stop is None else self._stop - 1}"}
        if self._at == 0 and self._stop is None:
            wanted = {}
        if self._etag:
            wanted["IfMatch"] = self._etag
        try:
            answer = self._bucket.client.get_object(**self._bucket.at(self._key), **wanted)
        except ClientError as error:
            if code(error) in PAST_END:
                self._size = self._bucket.head(self._key)["ContentLength"]
                return
            if code(error) in TAKEN:
                raise PublishError(
                    f"{self._key} in {self._bucket.location} was replaced while it was read", cure="read it again"
                ) from error
            raise
        self._body, self._etag = answer["Body"], answer["ETag"]
        said = answer.get("ContentRange")
        self._size = int(said.rpartition("/")[2]) if said else answer["ContentLength"]

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            with contextlib.suppress(Exception):  # it is not wanted any more, whatever it says
                body.close()
