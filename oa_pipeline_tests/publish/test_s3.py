"""What only a bucket has: parts, answers that refuse, an address."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.s3 import MIB, S3Store, Sizes
from oa_pipeline.publish.s3.bucket import GIB
from oa_pipeline_tests.publish.faulty import Fault, proxy_before, refuse

TIB = 1024 * GIB
ONCE = {"mode": "standard", "total_max_attempts": 1}
TWICE = {"mode": "standard", "total_max_attempts": 2}
SHA = hashlib.sha256(b"data").hexdigest()


def test_ten_thousand_parts_hold_the_biggest_object_that_there_may_be() -> None:
    sizes = [Sizes().part_number(number) for number in range(1, 10_001)]
    assert sum(sizes) > 5 * TIB
    assert sum(sizes[:1000]) > 7 * GIB  # of what we publish, all parts are small
    assert min(sizes) == sizes[0] == 8 * MIB
    assert max(sizes) <= 5 * GIB
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("size", [5 * GIB + 1, 6 * GIB, 5 * TIB])
def test_parts_of_a_copy_meet_and_are_few_and_small_enough(size: int) -> None:
    parts = Sizes().copy_parts(size)
    assert parts[0][0] == 0
    assert parts[-1][1] == size
    assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    assert len(parts) <= 10_000
    assert max(stop - start for start, stop in parts) <= 5 * GIB


def test_a_bucket_that_does_not_exist_is_one_clear_error(s3_server: str, credentials: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    store = S3Store("s3://no-such-bucket-here", endpoint=s3_server)
    with pytest.raises(PublishError, match="OA_STORE"):
        store.put("x", tmp_path / "file", content_type="", sha256=SHA)


@pytest.mark.parametrize(
    ("status", "code", "cure", "asked"),
    [
        pytest.param(403, "AccessDenied", "s3:PutObject", 1, id="the policy denies"),
        pytest.param(403, "RequestTimeTooSkewed", "clock", 1, id="our clock is wrong"),
        pytest.param(403, "InvalidAccessKeyId", "not known", 1, id="nobody knows us"),
        pytest.param(400, "ExpiredToken", "expired", 1, id="we are too late"),
        pytest.param(503, "SlowDown", "run again later", 2, id="the bucket is overloaded"),
        pytest.param(500, "InternalError", "run again later", 2, id="the server fails"),
        pytest.param(418, "Teapot", "settings", 1, id="nobody knows what"),
    ],
)
def test_a_refusal_is_one_error_with_its_cure(
    s3_server: str, credentials: None, tmp_path: Path, status: int, code: str, cure: str, asked: int
) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with proxy_before(s3_server) as proxy:
        proxy.faults = [Fault("PUT", refuse(status, code), times=100)]
        store = S3Store("s3://bucket", endpoint=proxy.url, retries=TWICE)
        with pytest.raises(PublishError) as caught:
            store.put("x", tmp_path / "file", content_type="", sha256=SHA)
    assert code in str(caught.value)
    assert cure in caught.value.cure
    assert "s3cr3t-w0rd" not in str(caught.value)
    assert len(proxy.asked) == asked


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "not an address"])
def test_a_server_that_is_not_there_is_one_clear_error(credentials: None, endpoint: str) -> None:
    store = S3Store("s3://bucket", endpoint=endpoint, retries=ONCE)
    with pytest.raises(PublishError, match=r"could not be asked.*OA_S3_ENDPOINT"):
        store.exists("x")


def test_without_credentials_the_error_says_so(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(PublishError, match="credentials"):
        S3Store("s3://bucket", endpoint=s3_server, retries=ONCE).exists("x")
