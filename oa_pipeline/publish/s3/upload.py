"""An object of a bucket in its making."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from isal.isal_zlib import crc32

from ...errors import PublishError
from ..store import different
from ..writer import ObjectWriter
from .bucket import MIB, Bucket
from .faults import ABSENT, RACE, TAKEN, UPLOAD_GONE, code

TRIES = 3  # at a key that somebody else is writing
BREATH = 10.0  # seconds that a part on its way is waited for before its upload is ended


class Upload(ObjectWriter):
    """A stream that goes up in parts as it is written: one on its way while the next one fills.

    What fits into the first part goes up in a single request at the end.
    """

    def __init__(self, bucket: Bucket, key: str, content_type: str, disposition: str = "") -> None:
        super().__init__(key, content_type)
        self._told = told(content_type, disposition)
        self._bucket = bucket
        self._at = bucket.at(key)
        self._buffer = bytearray()
        self._upload: dict[str, str] | None = None
        self._parts: list[dict[str, Any]] = []
        self._checksums = bytearray()
        self._sender: ThreadPoolExecutor | None = None
        self._sent: Future[str] | None = None

    def _take(self, view: memoryview) -> None:
        with self._bucket.failing(self.key):
            while view:
                room = self._room()
                self._buffer += view[:room]
                view = view[room:]
                if view and not self._room():
                    self._send()

    def _room(self) -> int:
        return self._bucket.sizes.part_number(len(self._parts) + 1) - len(self._buffer)

    def _send(self) -> None:
        """Hands the buffer over. There is never more than one part on its way."""
        if self._upload is None or self._sender is None:
            self._upload = self._begin()
            self._sender = ThreadPoolExecutor(1, "upload")
        self._wait()
        part, self._buffer = self._buffer, bytearray()
        self._parts.append({"PartNumber": len(self._parts) + 1})
        self._sent = self._sender.submit(self._send_part, self._upload, part, len(self._parts))

    def _begin(self) -> dict[str, str]:
        answer = self._bucket.client.create_multipart_upload(**self._at, **self._told, ChecksumAlgorithm="CRC32")
        return {**self._at, "UploadId": answer["UploadId"]}

    def _send_part(self, upload: dict[str, str], part: bytearray, number: int) -> str:
        checksum = crc32(part).to_bytes(4, "big")
        self._checksums += checksum
        self._parts[number - 1]["ChecksumCRC32"] = _text(checksum)
        answer = self._bucket.client.upload_part(
            **upload, PartNumber=number, Body=part, ChecksumCRC32=_text(checksum), ChecksumAlgorithm="CRC32"
        )
        return str(answer["ETag"])

    def _wait(self) -> None:
        if self._sent is not None:
            self._parts[-1]["ETag"] = self._sent.result()
            self._sent = None

    def _publish(self) -> None:
        with self._bucket.failing(self.key):
            if self._upload is None:
                put(self._bucket, self.key, self._buffer, self._told, self.sha256, self._size)
                return
            if self._buffer:
                self._send()
            self._wait()
            if self._complete(self._upload):
                confirm(self._bucket, self.key, self._size, self._checksum(), self._etag())

    def _complete(self, upload: dict[str, str]) -> bool:
        """Whether the object is ours from now on; it is not where the same bytes were there."""
        for last in (False, False, True):
            try:
                self._bucket.client.complete_multipart_upload(
                    **upload, MultipartUpload={"Parts": self._parts}, IfNoneMatch="*"
                )
                self._upload = None
                return True
            except ClientError as error:
                if code(error) in RACE and not last:
                    continue
                # How an upload also looks that was completed by a request whose answer was lost.
                if code(error) not in TAKEN | RACE | UPLOAD_GONE:
                    raise
                compare(self._bucket, self.key, self._size, self.sha256, self._etag())
                if code(error) in UPLOAD_GONE:
                    self._upload = None
                return False
        raise AssertionError  # the last try returns or raises

    def _etag(self) -> str:
        """What a bucket that does not encrypt with keys of its owner calls an object of these parts."""
        parts = b"".join(_bytes(part["ETag"]) for part in self._parts)
        return f'"{hashlib.md5(parts, usedforsecurity=False).hexdigest()}-{len(self._parts)}"'

    def _checksum(self) -> dict[str, str]:
        return {"ChecksumCRC32": _text(crc32(self._checksums).to_bytes(4, "big"))}

    def _discard(self) -> None:
        """Ends an upload that was not completed; it would be paid for. What cannot be ended now, `sweep` finds."""
        upload, self._upload = self._upload, None
        self._buffer = bytearray()
        if self._sent is not None and not self._sent.cancel():
            wait([self._sent], timeout=BREATH)  # a part that arrives after the end of its upload would stay
        if self._sender is not None:
            self._sender.shutdown(wait=False)
        if upload is not None:
            with contextlib.suppress(ClientError, BotoCoreError, OSError):
                self._bucket.hasty().abort_multipart_upload(**upload)


def told(content_type: str, disposition: str) -> dict[str, str]:
    """What the bucket is told of how the object is sent; it sends no header that was not given."""
    return {"ContentType": content_type, **({"ContentDisposition": disposition} if disposition else {})}


def put(bucket: Bucket, key: str, body: Any, told: Mapping[str, str], sha256: str, size: int) -> None:
    """Stores the body, bytes or a file, in one request. The server verifies the SHA-256 of what arrives."""
    checksum = {"ChecksumSHA256": _text(bytes.fromhex(sha256))}
    for again in reversed(range(TRIES)):
        try:
            answer = bucket.client.put_object(
                **bucket.at(key),
                Body=body,
                **told,
                Metadata={"sha256": sha256},
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                **checksum,
            )
            break
        except ClientError as error:
            # Two writers of one key at the same time: the loser is told to look again.
            if code(error) in RACE and again:
                continue
            if code(error) not in TAKEN | RACE:
                raise
            # Also how a put looks whose answer was lost: then the same bytes are there.
            compare(bucket, key, size, sha256)
            return
    confirm(bucket, key, size, checksum, answer["ETag"])


def compare(bucket: Bucket, key: str, size: int, sha256: str, etag: str = "") -> None:
    """Raises PublishError where the object holds other bytes than these. It is read only where nothing else tells."""
    try:
        head = bucket.head(key)
    except ClientError as error:
        if code(error) not in ABSENT:
            raise
        raise PublishError(
            f"{key} in {bucket.location} was gone when its upload ended", cure="run again; see who removes uploads"
        ) from error
    same = head["ContentLength"] == size
    if known := head.get("Metadata", {}).get("sha256"):
        same = same and known == sha256
    elif same and head["ETag"] != etag:
        same = _sha256(bucket, key) == sha256
    if not same:
        raise different(key, bucket.location)


def confirm(bucket: Bucket, key: str, size: int, checksum: dict[str, str], etag: str) -> None:
    """Raises PublishError where the bucket does not have what was sent: as many bytes, parts, and their checksum."""
    head = bucket.head(key)
    sound = head["ContentLength"] == size and _parts(head["ETag"]) == _parts(etag)
    for name, expected in checksum.items():
        sound = sound and head.get(name, expected).partition("-")[0] == expected
    if not sound:
        raise PublishError(
            f"{key} in {bucket.location} is not what was stored: {head['ContentLength']:,} of {size:,} bytes",
            cure="run again; where it happens twice, the store is damaged",
        )


def _sha256(bucket: Bucket, key: str) -> str:
    digest = hashlib.sha256()
    with contextlib.closing(bucket.client.get_object(**bucket.at(key))["Body"]) as body:
        while block := body.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def _parts(etag: str) -> str:
    return etag.strip('"').partition("-")[2]


def _bytes(etag: str) -> bytes:
    """An ETag that is no number, which other servers than Amazon's may have, still tells parts apart."""
    bare = etag.strip('"')
    try:
        return bytes.fromhex(bare)
    except ValueError:
        return bare.encode()


def _text(checksum: bytes) -> str:
    return base64.b64encode(checksum).decode()
