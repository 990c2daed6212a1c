"""Processes that write: killed, ended or forked in the middle, and how big they grow; each on both stores."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from oa_pipeline.publish.s3 import MIB
from oa_pipeline_tests.publish.place import Place

ROOT = Path(__file__).resolve().parents[2]
LONG_AGO = datetime(2009, 1, 1, tzinfo=UTC)


def begin(act: str, place: Place) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "oa_pipeline_tests.publish.writing", act, place.location, place.endpoint]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def unfinished(place: Place) -> int:
    """How many bytes or parts lie about of what is no object."""
    if not place.endpoint:
        return sum(path.stat().st_size for path in Path(place.location).rglob(".partial-*"))
    client = boto3.client("s3", endpoint_url=place.endpoint)
    bucket = place.location.split("/")[2]
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    named = [{"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]} for upload in uploads]
    return sum(len(client.list_parts(**upload).get("Parts", [])) for upload in named)


def test_a_writer_killed_in_the_middle_leaves_no_object_and_is_swept(place: Place) -> None:
    with begin("be_killed", place) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.kill()
    store = place.open()
    assert unfinished(place) > 0
    assert not store.exists("runs/1/x")
    assert list(store.list()) == []
    assert store.sweep(LONG_AGO) == 0
    assert unfinished(place) > 0
    assert store.sweep(soon()) == 1
    assert unfinished(place) == 0
    with store.writer("runs/1/x", content_type="text/plain") as out:
        out.write(b"again")
    assert store.size("runs/1/x") == 5


def test_what_a_process_has_in_its_making_ends_with_it(place: Place) -> None:
    with begin("exit_inside", place) as writer:
        said, _ = writer.communicate(timeout=150)
    assert (said, writer.returncode) == ("written\n", 0)
    assert not place.open().exists("runs/1/x")
    assert unfinished(place) == 0
    assert place.open().sweep(soon()) == 0


def test_a_forked_process_leaves_alone_what_its_parent_is_writing(place: Place) -> None:
    with begin("fork_inside", place) as writer:
        said, _ = writer.communicate(timeout=150)
    assert said.splitlines() == ["runs/1/x is being written by another process", "stored"]
    assert [(found.key, found.size) for found in place.open().list()] == [
        ("runs/1/child", 11 * MIB),
        ("runs/1/x", 11 * MIB),
    ]
    assert unfinished(place) == 0


def test_a_long_stream_takes_no_more_memory_than_a_short_one(place: Place) -> None:
    with begin("write_much", place) as writer:
        said, _ = writer.communicate(timeout=120)
    assert place.open().size("runs/1/x") == 80 * MIB
    assert int(said) < 16 * MIB


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_a_forked_process_shares_no_connection_with_its_parent(place: Place) -> None:
    with begin("fork_client", place) as process:
        said, _ = process.communicate(timeout=150)
    assert said == "own: True, kept: True\n"
