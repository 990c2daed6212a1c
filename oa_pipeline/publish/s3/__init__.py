"""The store in an S3 bucket."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import PublishError
from ..store import Listed, MissingObject, address, changed, checked_key, checked_start, span
from ..writer import ObjectWriter
from .bucket import MIB, RETRIES, Bucket, Sizes
from .faults import UPLOAD_GONE, code
from .reading import Stream
from .upload import Upload, put, told

BLOCK = MIB
DELETED_AT_ONCE = 1000


class S3Store:
    """Objects are written only where their key is free, with a checksum that the server verifies."""

    def __init__(
        self,
        location: str,
        *,
        endpoint: str = "",
        url: str = "",
        sizes: Sizes | None = None,
        retries: dict[str, Any] | None = None,
        read_seconds: float = 120,
        role: str = "",
        below: str = "",
    ) -> None:
        """`location` is `s3://bucket/prefix`, `url` where what lies there is read. Nothing is asked for yet.

        `role`: the ARN of a role to take on; with `below`, it may write below that only, whatever else it might.
        """
        name, _, prefix = location.removeprefix("s3://").partition("/")
        if not name:
            raise PublishError("the store's address names no bucket", cure="OA_STORE is s3://bucket/prefix")
        prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.bucket = Bucket(
            name, prefix, endpoint, sizes or Sizes(), retries or RETRIES, read_seconds=read_seconds, role=role,
            below=below,
        )  # fmt: skip
        self.location = self.bucket.location
        self._url = url or self.bucket.url

    def put(self, key: str, path: Path, *, content_type: str, sha256: str, disposition: str = "") -> None:
        """See Store."""
        with self.bucket.failing(key):
            size = path.stat().st_size
            if size <= self.bucket.sizes.put:
                with path.open("rb") as body:
                    # The server verifies what arrives against the checksum; we, that it is the file that was promised.
                    if hashlib.file_digest(body, "sha256").hexdigest() != sha256:
                        raise changed(path, key)
                    body.seek(0)
                    put(self.bucket, key, body, told(content_type, disposition), sha256, size)
                return
        writing = self.writer(key, content_type=content_type, disposition=disposition)
        with writing as out, self.bucket.failing(key), path.open("rb") as body:
            while block := body.read(BLOCK):
                out.write(block)
            if out.sha256 != sha256:
                raise changed(path, key)

    @contextlib.contextmanager
    def writer(self, key: str, *, content_type: str, disposition: str = "") -> Iterator[ObjectWriter]:
        """See Store."""
        upload = Upload(self.bucket, key, content_type, disposition)
        try:
            yield upload
            upload.finish()
        finally:
            upload.discard()

    def open(self, key: str, start: int = 0) -> BinaryIO:
        """See Store."""
        return cast(BinaryIO, io.BufferedReader(Stream(self.bucket, key, checked_start(start)), BLOCK))

    def read(self, key: str, start: int, stop: int) -> bytes:
        """See Store."""
        if start < 0 or stop < 0:
            start, stop = span(start, stop, self.size(key))
        if start >= stop:
            self.size(key)
            return b""
        with Stream(self.bucket, key, start, stop) as stream:
            return stream.readall()

    def copy(self, key: str, to: str) -> None:
        """See Store. The bytes do not leave the bucket."""
        with self.bucket.failing(key):
            head = self.bucket.head(key)
        with self.bucket.failing(to):
            same = {"CopySource": self.bucket.at(key), "CopySourceIfMatch": head["ETag"]}
            if head["ContentLength"] <= self.bucket.sizes.copy:
                self.bucket.client.copy_object(**self.bucket.at(to), **same)
            else:
                self._copy_parts(self.bucket.at(to), same, head)

    def _copy_parts(self, at: dict[str, str], same: dict[str, Any], head: dict[str, Any]) -> None:
        client, size = self.bucket.client, head["ContentLength"]
        same_head = told(head.get("ContentType", ""), head.get("ContentDisposition", ""))
        begun = client.create_multipart_upload(**at, **same_head, Metadata=head.get("Metadata", {}))
        upload = {**at, "UploadId": begun["UploadId"]}
        try:
            parts = []
            for number, (start, stop) in enumerate(self.bucket.sizes.copy_parts(size), 1):
                wanted = {"CopySourceRange": f"bytes={start}-{stop - 1}", "PartNumber": number}
                copied = client.upload_part_copy(**upload, **same, **wanted)["CopyPartResult"]
                parts.append({"PartNumber": number, "ETag": copied["ETag"]})
            with _lost_answer():
                client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with contextlib.suppress(ClientError, BotoCoreError):
                self.bucket.hasty().abort_multipart_upload(**upload)
            raise
        found = client.head_object(**at)
        if (found["ContentLength"], found["ETag"].count("-")) != (size, 1):
            raise PublishError(f"{at['Key']} was copied and has {found['ContentLength']:,} of {size:,} bytes")

    def exists(self, key: str) -> bool:
        """See Store."""
        try:
            self.size(key)
        except MissingObject:
            return False
        return True

    def size(self, key: str) -> int:
        """See Store."""
        with self.bucket.failing(key):
            return int(self.bucket.head(key)["ContentLength"])

    def url(self, key: str) -> str:
        """An https: address; whether the public may read there is the bucket's policy."""
        return address(self._url, checked_key(key))

    def signed_url(self, key: str, *, seconds: int, head: bool = False, disposition: str = "") -> str:
        """An address at which anybody reads the object for so long, whatever the bucket's policy says.

        `head`: with HEAD instead of GET. `disposition`: the Content-Disposition that it comes with.
        """
        wanted = {**self.bucket.at(key), **({"ResponseContentDisposition": disposition} if disposition else {})}
        with self.bucket.failing(key):
            method = "head_object" if head else "get_object"
            signed = self.bucket.client.generate_presigned_url(method, Params=wanted, ExpiresIn=seconds)
        return cast(str, signed)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See Store."""
        ours = self.bucket.prefix
        for found in self._pages("list_objects_v2", ours + prefix, "Contents"):
            yield Listed(found["Key"].removeprefix(ours), found["Size"], found["LastModified"])

    def delete(self, keys: Iterable[str]) -> int:
        """See Store."""
        named = sorted({self.bucket.full(key) for key in keys})
        for start in range(0, len(named), DELETED_AT_ONCE):
            block = [{"Key": key} for key in named[start : start + DELETED_AT_ONCE]]
            with self.bucket.failing(block[0]["Key"].removeprefix(self.bucket.prefix)):
                answer = self.bucket.client.delete_objects(
                    Bucket=self.bucket.name, Delete={"Objects": block, "Quiet": True}
                )
                # Each key is refused by itself; the first says what is wrong with all of them.
                for refused in answer.get("Errors", ())[:1]:
                    raise ClientError({"Error": refused}, "DeleteObjects")
        return len(named)

    def delete_prefix(self, prefix: str) -> int:
        """See Store."""
        if not prefix.endswith("/"):
            raise PublishError(f"{prefix!r} does not end with a slash", cure="name the folder whose objects shall go")
        checked_key(prefix.removesuffix("/"))
        return self.delete(found.key for found in self.list(prefix))

    def sweep(self, before: datetime) -> int:
        """See Store. These are uploads in parts, which nobody sees and somebody pays for."""
        old = [
            upload
            for upload in self._pages("list_multipart_uploads", self.bucket.prefix, "Uploads")
            if upload["Initiated"] < before
        ]
        for upload in old:
            with self.bucket.failing(upload["Key"]), _lost_answer():
                self.bucket.client.abort_multipart_upload(
                    Bucket=self.bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        return len(old)

    def _pages(self, question: str, prefix: str, what: str) -> Iterator[dict[str, Any]]:
        with self.bucket.failing(prefix):
            pages = self.bucket.client.get_paginator(question)
            found = iter(pages.paginate(Bucket=self.bucket.name, Prefix=prefix))
        while True:
            with self.bucket.failing(prefix):  # around the question only, not around what is done with its answer
                page = next(found, None)
            if page is None:
                return
            yield from page.get(what, ())


@contextlib.contextmanager
def _lost_answer() -> Iterator[None]:
    """An upload that is gone was ended by us, in a request whose answer was lost, or by somebody else."""
    try:
        yield
    except ClientError as error:
        if code(error) not in UPLOAD_GONE:
            raise


def a_day_before(now: datetime) -> datetime:
    """When an upload must have begun to count as abandoned."""
    return now - timedelta(hours=24)
