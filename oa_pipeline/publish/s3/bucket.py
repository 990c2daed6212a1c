"""A bucket: where it is, how it is asked, and how its errors are told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import PublishError
from ..store import checked_key
from .faults import answered, unanswered
from .roles import policy, session_as

MIB = 1024 * 1024
GIB = 1024 * MIB
RETRIES = {"mode": "standard", "total_max_attempts": 8}
ONCE = {"mode": "standard", "total_max_attempts": 1}
EVERY = 1000  # parts, after which they double


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes: from where on what is sent in one request and what in several."""

    put: int = 64 * MIB  # a file up to here goes up in one request
    part: int = 8 * MIB  # the first parts of a bigger one
    copy: int = 5 * GIB  # what S3 copies in one request
    copy_part: int = GIB

    def part_number(self, number: int) -> int:
        """How big a part is, counted from 1. They grow so that 10,000 of them hold any object that S3 allows."""
        return self.part << ((number - 1) // EVERY)

    def copy_parts(self, size: int) -> list[tuple[int, int]]:
        """Where each part of an object of `size` bytes starts and stops when it is copied."""
        return [(start, min(start + self.copy_part, size)) for start in range(0, size, self.copy_part)]


@dataclass
class Bucket:
    """Each process that uses it has a client of its own, so it may be forked."""

    name: str
    prefix: str
    endpoint: str
    sizes: Sizes
    retries: dict[str, Any] = field(default_factory=lambda: RETRIES)
    connect_seconds: float = 20
    read_seconds: float = 120
    role: str = ""
    below: str = ""
    _client: tuple[int, Any] = (0, None)

    @property
    def location(self) -> str:
        """Its address."""
        return f"s3://{self.name}/{self.prefix}"

    @property
    def url(self) -> str:
        """Where the public would read it."""
        if self.endpoint or "." in self.name:  # Amazon's certificate is not good for a name with dots before its own
            root = f"{(self.endpoint or 'https://s3.amazonaws.com').rstrip('/')}/{self.name}"
        else:
            root = f"https://{self.name}.s3.amazonaws.com"
        return f"{root}/{quote(self.prefix, safe='/')}"

    @property
    def client(self) -> Any:
        """The client of this process."""
        if self._client[0] != os.getpid():
            self._client = (os.getpid(), self._connect(self.retries, self.connect_seconds, self.read_seconds))
        return self._client[1]

    def hasty(self) -> Any:
        """A client for what is tried once and not waited for."""
        return self._connect(ONCE, 5, 10)

    def _connect(self, retries: dict[str, Any], connect: float, read: float) -> Any:
        config = Config(
            retries=cast(Any, retries),
            connect_timeout=connect,
            read_timeout=read,
            request_checksum_calculation="when_required",
            signature_version="s3v4",  # of signed addresses too, for which an older one is still the default
            s3={"addressing_style": "path"} if self.endpoint else {},
        )
        try:
            session = session_as(self.role, policy(self)) if self.role else boto3.session.Session()
            return session.client("s3", endpoint_url=self.endpoint or None, config=config)
        except ValueError as error:
            raise unanswered(error, "", self.location) from None

    def at(self, key: str) -> dict[str, str]:
        """The object of that key, as the client wants to hear it."""
        return {"Bucket": self.name, "Key": self.full(key)}

    def full(self, key: str) -> str:
        """Its key in the bucket."""
        return self.prefix + checked_key(key)

    def head(self, key: str) -> dict[str, Any]:
        """What the bucket knows of the object."""
        return cast(dict[str, Any], self.client.head_object(**self.at(key), ChecksumMode="ENABLED"))

    @contextlib.contextmanager
    def failing(self, key: str) -> Iterator[None]:
        """Turns what goes wrong in the block into a PublishError."""
        try:
            yield
        except ClientError as error:
            raise answered(error, key, self.location) from error
        except BotoCoreError as error:
            raise unanswered(error, key, self.location) from error
        except OSError as error:
            if error.filename is None:
                raise unanswered(error, key, self.location) from error
            raise PublishError(f"{error.filename}, to be stored as {key}: {error.strerror}") from error
