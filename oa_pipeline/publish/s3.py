"""The store in an S3 bucket."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import PublishError
from .store import Listed, MissingObject, changed, checked_key, different

MIB = 1024 * 1024
LARGEST_PUT = 64 * MIB  # bigger files go up in parts
PART = 64 * MIB
MOST_PARTS = 10_000
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"412", "PreconditionFailed"})
RACE = frozenset({"409", "ConditionalRequestConflict"})
CURES = {
    "AccessDenied": "the credentials need s3:GetObject, s3:PutObject, s3:ListBucket and s3:DeleteObject there",
    "403": "the credentials need s3:GetObject, s3:PutObject, s3:ListBucket and s3:DeleteObject there",
    "NoSuchBucket": "make the bucket, or correct OA_STORE",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "InvalidAccessKeyId": "the credentials are not known there",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "SlowDown": "the bucket is overloaded; it was tried several times: run again later",
}
RETRIES = {"mode": "standard", "total_max_attempts": 8}


class S3Store:
    """Objects are written only where their key is free, with a checksum that the server verifies."""

    def __init__(
        self,
        location: str,
        *,
        endpoint: str = "",
        largest_put: int = LARGEST_PUT,
        part: int = PART,
        retries: dict[str, Any] | None = None,
    ) -> None:
        """`location` is `s3://bucket/prefix`; files above `largest_put` bytes go up in pieces of `part` bytes."""
        self.bucket, _, prefix = location.removeprefix("s3://").partition("/")
        if not self.bucket:
            raise PublishError("the store's address names no bucket", cure="OA_STORE is s3://bucket/prefix")
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.location = f"s3://{self.bucket}/{self.prefix}"
        self.endpoint = endpoint
        self._largest_put, self._part = largest_put, part
        config = Config(
            retries=cast(Any, retries or RETRIES),
            connect_timeout=20,
            read_timeout=120,
            request_checksum_calculation="when_required",
            s3={"addressing_style": "path"} if endpoint else {},
        )
        self._client: Any = boto3.session.Session().client("s3", endpoint_url=endpoint or None, config=config)

    def put(self, key: str, path: Path, *, content_type: str, sha256: str) -> None:
        """See Store."""
        name = self._name(key)
        with self._failing(key):
            size = path.stat().st_size
            facts = {"ContentType": content_type, "Metadata": {"sha256": sha256}}
            # Two writers of one key at the same time: the loser is told to look again.
            for last in (False, False, True):
                try:
                    if size <= self._largest_put:
                        self._put_whole(name, path, sha256, facts)
                    else:
                        self._put_parts(name, path, sha256, size, facts, key)
                    break
                except ClientError as error:
                    if _code(error) in RACE and not last:
                        continue
                    if _code(error) not in TAKEN | RACE:
                        raise
                    # Also how a put looks whose answer was lost: then the same bytes are there.
                    self._compare(key, size, sha256)
                    return
            self._confirm(key, size)

    def _put_whole(self, name: str, path: Path, sha256: str, facts: dict[str, Any]) -> None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with path.open("rb") as body:
            # The server verifies what arrives against the checksum; we, that it is the file that was promised.
            if hashlib.file_digest(body, "sha256").hexdigest() != sha256:
                raise changed(path, name)
            body.seek(0)
            self._client.put_object(
                Bucket=self.bucket, Key=name, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum, **facts
            )

    def _put_parts(self, name: str, path: Path, sha256: str, size: int, facts: dict[str, Any], key: str) -> None:
        upload = self._client.create_multipart_upload(
            Bucket=self.bucket, Key=name, ChecksumAlgorithm="SHA256", **facts
        )["UploadId"]
        same = {"Bucket": self.bucket, "Key": name, "UploadId": upload}
        try:
            parts = self._send_parts(same, path, sha256, size, key)
            self._client.complete_multipart_upload(**same, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except BaseException:
            # What is not aborted is paid for; what cannot be aborted now is found by `sweep`.
            with contextlib.suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**same)
            raise

    def _send_parts(self, same: dict[str, Any], path: Path, sha256: str, size: int, key: str) -> list[dict[str, Any]]:
        length = max(self._part, -(-size // MOST_PARTS))
        whole = hashlib.sha256()
        parts: list[dict[str, Any]] = []
        with path.open("rb") as body:
            while block := body.read(length):
                whole.update(block)
                checksum = base64.b64encode(hashlib.sha256(block).digest()).decode()
                number = len(parts) + 1
                sent = self._client.upload_part(**same, PartNumber=number, Body=block, ChecksumSHA256=checksum)
                parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})
        if whole.hexdigest() != sha256:
            raise changed(path, key)
        return parts

    def _compare(self, key: str, size: int, sha256: str) -> None:
        head = self._client.head_object(Bucket=self.bucket, Key=self._name(key))
        if head["ContentLength"] != size or head.get("Metadata", {}).get("sha256") != sha256:
            raise different(key, self.location)

    def _confirm(self, key: str, size: int) -> None:
        found = self._client.head_object(Bucket=self.bucket, Key=self._name(key))["ContentLength"]
        if found != size:
            raise PublishError(f"{key} in {self.location} has {found} bytes after {size} were stored")

    def open(self, key: str) -> BinaryIO:
        """See Store."""
        with self._failing(key):
            return cast(BinaryIO, self._client.get_object(Bucket=self.bucket, Key=self._name(key))["Body"])

    def exists(self, key: str) -> bool:
        """See Store."""
        try:
            self.size(key)
        except MissingObject:
            return False
        return True

    def size(self, key: str) -> int:
        """See Store."""
        with self._failing(key):
            return int(self._client.head_object(Bucket=self.bucket, Key=self._name(key))["ContentLength"])

    def url(self, key: str) -> str:
        """An https: address; whether the public may read there is the bucket's policy."""
        path = quote(self._name(key), safe="/")
        if self.endpoint:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}/{path}"
        return f"https://{self.bucket}.s3.amazonaws.com/{path}"

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See Store."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._failing(prefix):
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                for found in page.get("Contents", ()):
                    yield Listed(found["Key"].removeprefix(self.prefix), found["Size"])

    def delete_prefix(self, prefix: str) -> int:
        """See Store."""
        if not prefix.endswith("/"):
            raise PublishError(f"{prefix!r} does not end with a slash", cure="name the folder whose objects shall go")
        checked_key(prefix.removesuffix("/"))
        keys = [self._name(found.key) for found in self.list(prefix)]
        with self._failing(prefix):
            for start in range(0, len(keys), 1000):
                block = [{"Key": key} for key in keys[start : start + 1000]]
                answer = self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": block, "Quiet": True})
                if answer.get("Errors"):
                    said = answer["Errors"][0]
                    raise PublishError(f"{said.get('Key')} could not be removed: {said.get('Code')}")
        return len(keys)

    def sweep(self, before: datetime) -> int:
        """Ends uploads in parts that were begun before `before` and never finished. Returns how many there were."""
        with self._failing("unfinished uploads"):
            pages = self._client.get_paginator("list_multipart_uploads")
            old = [
                upload
                for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix)
                for upload in page.get("Uploads", ())
                if upload["Initiated"] < before
            ]
            for upload in old:
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(old)

    def _name(self, key: str) -> str:
        return self.prefix + checked_key(key)

    @contextlib.contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = _code(error)
            if code in ABSENT:
                raise MissingObject(f"{key} is not in the store {self.location}") from error
            raise PublishError(
                f"{key} in {self.location}: the bucket answered {code}",
                cure=CURES.get(code, "see the bucket's settings"),
            ) from error
        except BotoCoreError as error:
            raise PublishError(
                f"{key} in {self.location}: {error}", cure="see whether the store can be reached and has credentials"
            ) from error
        except OSError as error:
            raise PublishError(f"{error.filename or key}, to be stored as {key}: {error.strerror or error}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def a_day_before(now: datetime) -> datetime:
    """When an upload must have begun to count as abandoned."""
    return now - timedelta(hours=24)
