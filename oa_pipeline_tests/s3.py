"""A real S3 server for tests: one a test process, a bucket of its own for each test that asks."""

from __future__ import annotations

import functools
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import urllib3
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 server on this machine."""
    from moto.s3.responses import S3Response

    with pytest.MonkeyPatch.context() as patch:
        for name in ("put_object", "_key_response_post"):
            patch.setattr(S3Response, name, one_at_a_time(getattr(S3Response, name)))
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


_PUTTING = threading.RLock()


def one_at_a_time(answer: Callable[..., Any]) -> Callable[..., Any]:
    """As in S3: nobody else puts an object between the server's look whether there is one and its putting it."""

    @functools.wraps(answer)
    def answering(*asked: Any, **more: Any) -> Any:
        with _PUTTING:
            return answer(*asked, **more)

    return answering


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_server: str, credentials: None) -> Iterator[str]:
    """An empty bucket of this test's own; the server forgets it afterwards, as it holds everything in memory."""
    name = f"b-{secrets.token_hex(6)}"
    client = boto3.client("s3", endpoint_url=s3_server)
    client.create_bucket(Bucket=name)
    everybody_reads = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
    }  # fmt: skip
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody_reads]}))
    yield name
    urllib3.request("POST", f"{s3_server}/moto-api/reset")
