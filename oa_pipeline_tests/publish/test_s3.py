from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.s3 import MIB, S3Store, Sizes, a_day_before

TWICE = {"mode": "standard", "total_max_attempts": 2}


def big(folder: Path, letter: bytes = b"x") -> tuple[Path, str]:
    data = letter * (11 * MIB)
    path = folder / "big"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


@pytest.fixture
def parts(s3_server: str, bucket: str) -> S3Store:
    return S3Store(f"s3://{bucket}/p", endpoint=s3_server, sizes=Sizes(put=MIB, part=5 * MIB))


def test_a_big_file_goes_up_in_parts_and_never_replaces(parts: S3Store, tmp_path: Path) -> None:
    path, sha256 = big(tmp_path)
    parts.put("runs/1/x", path, content_type="application/zip", sha256=sha256)
    parts.put("runs/1/x", path, content_type="application/zip", sha256=sha256)
    other, other_sha256 = big(tmp_path, b"y")
    with pytest.raises(PublishError, match="already holds"):
        parts.put("runs/1/x", other, content_type="application/zip", sha256=other_sha256)
    with parts.open("runs/1/x") as held:
        assert hashlib.sha256(held.read()).hexdigest() == sha256
    assert parts.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_a_big_file_that_changed_meanwhile_is_not_stored(parts: S3Store, tmp_path: Path) -> None:
    path, _ = big(tmp_path)
    with pytest.raises(PublishError, match="changed"):
        parts.put("runs/1/x", path, content_type="application/zip", sha256="0" * 64)
    assert not parts.exists("runs/1/x")
    assert parts.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_an_upload_cut_off_is_no_object_and_is_swept_after_a_day(
    parts: S3Store, s3_server: str, bucket: str, tmp_path: Path
) -> None:
    client = boto3.client("s3", endpoint_url=s3_server)
    upload = client.create_multipart_upload(Bucket=bucket, Key="p/runs/1/x")["UploadId"]
    client.upload_part(Bucket=bucket, Key="p/runs/1/x", UploadId=upload, PartNumber=1, Body=b"x" * 5 * MIB)
    assert not parts.exists("runs/1/x")
    assert list(parts.list()) == []
    assert parts.sweep(a_day_before(datetime(2009, 1, 1, tzinfo=UTC))) == 0
    assert parts.sweep(datetime.now(UTC) + timedelta(days=1)) == 1


def test_a_bucket_that_does_not_exist_is_one_clear_error(s3_server: str, credentials: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    store = S3Store("s3://no-such-bucket-here", endpoint=s3_server)
    with pytest.raises(PublishError, match="OA_STORE"):
        store.put("x", tmp_path / "file", content_type="", sha256=hashlib.sha256(b"data").hexdigest())


class Refusing(BaseHTTPRequestHandler):
    """An S3 server that answers everything with the server's `code` and `status`."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked += 1  # type: ignore[attr-defined]
        body = f"<Error><Code>{self.server.code}</Code><Message>no</Message></Error>".encode()  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.asked = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "code", "cure", "asked"),
    [
        pytest.param(403, "AccessDenied", "s3:PutObject", 1, id="the policy denies"),
        pytest.param(403, "RequestTimeTooSkewed", "clock", 1, id="our clock is wrong"),
        pytest.param(503, "SlowDown", "run again later", 2, id="the bucket is overloaded"),
        pytest.param(500, "InternalError", "run again later", 2, id="the server fails"),
    ],
)
def test_a_refusal_is_one_error_with_its_cure(
    refusing: ThreadingHTTPServer, credentials: None, tmp_path: Path, status: int, code: str, cure: str, asked: int
) -> None:
    refusing.status, refusing.code = status, code  # type: ignore[attr-defined]
    store = S3Store("s3://bucket", endpoint=f"http://127.0.0.1:{refusing.server_port}", retries=TWICE)
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError) as caught:
        store.put("x", tmp_path / "file", content_type="", sha256=hashlib.sha256(b"data").hexdigest())
    assert code in str(caught.value)
    assert cure in caught.value.cure
    assert "s3cr3t-w0rd" not in str(caught.value)
    assert refusing.asked == asked  # type: ignore[attr-defined]


def test_a_server_that_is_not_there_is_one_clear_error(credentials: None, tmp_path: Path) -> None:
    store = S3Store("s3://bucket", endpoint="http://127.0.0.1:1", retries={"mode": "standard", "total_max_attempts": 1})
    with pytest.raises(PublishError, match="reached"):
        store.exists("x")
