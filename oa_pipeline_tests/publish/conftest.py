from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from oa_pipeline.publish.store import Store
from oa_pipeline_tests.database import database, engine, ledger_template, server
from oa_pipeline_tests.publish.place import Place

__all__ = ["database", "engine", "ledger_template", "server"]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 server on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where an empty store is: a test that asks runs on a folder and on an S3 server over HTTP."""
    if request.param == "folder":
        return Place(str(tmp_path / "store"), "")
    return Place(f"s3://{request.getfixturevalue('bucket')}/some/prefix", request.getfixturevalue("s3_server"))


@pytest.fixture
def store(place: Place) -> Store:
    """The store there."""
    return place.open()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_server: str, credentials: None) -> str:
    """An empty bucket of this test's own."""
    name = f"b-{secrets.token_hex(6)}"
    client = boto3.client("s3", endpoint_url=s3_server)
    client.create_bucket(Bucket=name)
    everybody_reads = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
    }  # fmt: skip
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody_reads]}))
    return name
