"""A bucket behind a network that loses answers, and a server that is slow, wrong or refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.s3 import MIB, S3Store, Sizes, reading
from oa_pipeline.publish.store import MissingObject
from oa_pipeline_tests.publish.faulty import (
    Exchange,
    Fault,
    Proxy,
    alter,
    half,
    hang,
    lose_answer,
    proxy_before,
    refuse,
    through,
)

PATIENT = {"mode": "standard", "total_max_attempts": 3}
ONCE = {"mode": "standard", "total_max_attempts": 1}
SMALL, BIG = b"x" * 1000, b"x" * (11 * MIB)
COMPLETE = "uploadId="
A_DAY = timedelta(days=1)


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    with proxy_before(s3_server) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy, bucket: str) -> S3Store:
    return opened(proxy, bucket)


def opened(proxy: Proxy, bucket: str, retries: dict[str, Any] = PATIENT, read_seconds: float = 60) -> S3Store:
    sizes = Sizes(put=MIB, part=5 * MIB, copy=MIB, copy_part=6 * MIB)
    return S3Store(f"s3://{bucket}/p", endpoint=proxy.url, retries=retries, read_seconds=read_seconds, sizes=sizes)


def put(store: S3Store, folder: Path, data: bytes, key: str = "x") -> None:
    (folder / "file").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    store.put(key, folder / "file", content_type="text/plain", sha256=sha256)


def write(store: S3Store, data: bytes, key: str = "x") -> None:
    with store.writer(key, content_type="text/plain") as out:
        out.write(data)


def held(store: S3Store, key: str = "x") -> bytes:
    with store.open(key) as found:
        return found.read()


LOST = [
    pytest.param(SMALL, [Fault("PUT", lose_answer)], id="of a put"),
    pytest.param(BIG, [Fault("PUT", lose_answer, "partNumber=2")], id="of a part"),
    pytest.param(BIG, [Fault("POST", lose_answer, COMPLETE)], id="of a completion"),
    pytest.param(
        BIG,
        [Fault("POST", lose_answer, COMPLETE), Fault("POST", refuse(404, "NoSuchUpload"), COMPLETE)],
        id="of a completion, and the upload is gone",
    ),
    pytest.param(
        BIG,
        [Fault("POST", lose_answer, COMPLETE), Fault("POST", refuse(412, "PreconditionFailed"), COMPLETE)],
        id="of a completion, and the key is taken",
    ),
    pytest.param(
        BIG,
        [Fault("POST", refuse(409, "ConditionalRequestConflict"), COMPLETE)],
        id="or somebody else is writing the key",
    ),
]


@pytest.mark.parametrize(("data", "faults"), LOST)
@pytest.mark.parametrize("how", [put, write], ids=["file", "stream"])
def test_an_answer_that_was_lost_is_no_failure(
    store: S3Store, proxy: Proxy, tmp_path: Path, how: Any, data: bytes, faults: list[Fault]
) -> None:
    proxy.faults = [Fault(f.method, f.does, f.text) for f in faults]
    if how is put:
        put(store, tmp_path, data)
    else:
        write(store, data)
    assert all(fault.times == 0 for fault in proxy.faults)
    assert held(store) == data
    assert store.sweep(datetime.now(UTC) + A_DAY) == 0


def test_a_lost_beginning_of_an_upload_is_swept_later(store: S3Store, proxy: Proxy) -> None:
    proxy.faults = [Fault("POST", lose_answer, "uploads")]
    write(store, BIG)
    assert held(store) == BIG
    assert store.sweep(datetime(2009, 1, 1, tzinfo=UTC)) == 0  # the server gives all of them a day in 2010
    assert store.sweep(datetime.now(UTC) + A_DAY) == 1


def test_an_upload_that_somebody_removed_is_a_failure_that_says_so(store: S3Store, proxy: Proxy) -> None:
    proxy.faults = [Fault("POST", refuse(404, "NoSuchUpload"), COMPLETE)]
    with pytest.raises(PublishError, match="was gone when its upload ended"):
        write(store, BIG)
    assert not store.exists("x")


@pytest.mark.parametrize("text", [COMPLETE, "partNumber=3", "uploads"])
def test_an_upload_that_fails_at_any_step_is_ended(store: S3Store, proxy: Proxy, text: str) -> None:
    proxy.faults = [Fault(method, refuse(403, "AccessDenied"), text) for method in ("POST", "PUT")]
    with pytest.raises(PublishError, match="AccessDenied"):
        write(store, BIG)
    proxy.faults = []
    assert not store.exists("x")
    assert store.sweep(datetime.now(UTC) + A_DAY) == 0


def test_an_upload_is_ended_after_the_part_that_is_on_its_way(store: S3Store, proxy: Proxy) -> None:
    """A part that arrives after the end of its upload may stay, and is paid for."""
    happened: list[str] = []

    def slow(exchange: Exchange) -> None:
        for _ in range(50):
            if not proxy.count("DELETE"):
                proxy.over.wait(0.02)
        happened.append("too late" if proxy.count("DELETE") else "sent")
        through(exchange)

    def note(exchange: Exchange) -> None:
        happened.append("ended")  # whoever asked goes on as soon as it is answered
        through(exchange)

    def break_off() -> None:
        with store.writer("x", content_type="text/plain") as out:
            out.write(b"x" * (6 * MIB))
            while not proxy.count("PUT"):
                proxy.over.wait(0.01)
            raise KeyboardInterrupt

    proxy.faults = [Fault("PUT", slow), Fault("DELETE", note)]
    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert happened == ["sent", "ended"]


def test_who_writes_on_after_an_error_publishes_nothing(store: S3Store, proxy: Proxy) -> None:
    proxy.faults = [Fault("PUT", refuse(403, "AccessDenied"), "partNumber=1")]

    def careless() -> None:
        with store.writer("x", content_type="text/plain") as out:
            out.write(b"x" * (6 * MIB))
            with pytest.raises(PublishError, match="AccessDenied"):
                out.write(BIG)

    with pytest.raises(PublishError, match="could not be written whole"):
        careless()
    assert not store.exists("x")


@pytest.mark.parametrize("size", [1000, 11 * MIB])
def test_a_copy_whose_answer_was_lost_is_made(store: S3Store, proxy: Proxy, size: int) -> None:
    write(store, b"x" * size)
    proxy.faults = [
        Fault("PUT", lose_answer, "/fixed"),
        Fault("POST", lose_answer, COMPLETE),
        Fault("POST", refuse(404, "NoSuchUpload"), COMPLETE),
    ]
    store.copy("x", "fixed")
    assert proxy.faults[0].times == 0
    assert held(store, "fixed") == b"x" * size


def test_a_copy_in_parts_that_fails_leaves_the_old_one(store: S3Store, proxy: Proxy) -> None:
    write(store, SMALL, "fixed")
    write(store, BIG)
    proxy.faults = [Fault("PUT", refuse(403, "AccessDenied"), "partNumber=2")]
    with pytest.raises(PublishError, match="AccessDenied"):
        store.copy("x", "fixed")
    assert held(store, "fixed") == SMALL
    assert store.sweep(datetime.now(UTC) + A_DAY) == 0


@pytest.mark.parametrize(
    "does",
    [
        pytest.param(refuse(503, "SlowDown"), id="it is overloaded"),
        pytest.param(refuse(500, "InternalError"), id="it fails"),
        pytest.param(hang, id="it does not answer"),
    ],
)
def test_a_bucket_that_is_in_trouble_for_a_moment_is_asked_again(
    proxy: Proxy, bucket: str, tmp_path: Path, does: Any
) -> None:
    hangs = does is hang
    # Where a second is all that it gets, a good answer may be late, too.
    store = opened(proxy, bucket, {**PATIENT, "total_max_attempts": 8}, read_seconds=1 if hangs else 60)
    proxy.faults = [Fault("PUT", does)]
    put(store, tmp_path, SMALL)
    assert proxy.count("PUT") >= 2 if hangs else proxy.count("PUT") == 2
    assert held(store) == SMALL


def test_an_error_that_comes_as_a_success_is_asked_again(store: S3Store, proxy: Proxy) -> None:
    proxy.faults = [Fault("POST", refuse(200, "InternalError"), COMPLETE)]
    write(store, BIG)
    assert held(store) == BIG


def test_a_bucket_that_never_answers_is_one_clear_error(proxy: Proxy, bucket: str, tmp_path: Path) -> None:
    store = opened(proxy, bucket, ONCE, read_seconds=0.3)
    proxy.faults = [Fault("PUT", hang)]
    with pytest.raises(PublishError, match="could not be asked: Read timeout") as caught:
        put(store, tmp_path, SMALL)
    assert "reached" in caught.value.cure


@pytest.mark.parametrize(("minutes", "said"), [(20, "slow"), (-20, "fast")])
def test_a_wrong_clock_is_said_to_be_wrong_and_by_how_much(
    store: S3Store, proxy: Proxy, tmp_path: Path, minutes: int, said: str
) -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    proxy.faults = [Fault("PUT", refuse(403, "RequestTimeTooSkewed", Date=theirs))]
    with pytest.raises(PublishError, match=rf"the clock of this machine is 1[12]\d\d seconds {said}") as caught:
        put(store, tmp_path, SMALL)
    assert "set the clock" in caught.value.cure


@pytest.mark.parametrize(
    ("data", "header", "value"),
    [
        pytest.param(SMALL, "x-amz-checksum-sha256", "A" * 43 + "=", id="checksum of a put"),
        pytest.param(SMALL, "content-length", "999", id="bytes of a put"),
        pytest.param(BIG, "x-amz-checksum-crc32", "AAAAAA==-3", id="checksum of an upload in parts"),
        pytest.param(BIG, "etag", '"0123456789abcdef0123456789abcdef-2"', id="number of parts"),
    ],
)
def test_what_reads_back_otherwise_is_a_failure(
    store: S3Store, proxy: Proxy, data: bytes, header: str, value: str
) -> None:
    proxy.faults = [Fault("HEAD", alter(header, value))]
    with pytest.raises(PublishError, match="is not what was stored"):
        write(store, data)


def test_an_object_is_read_on_where_the_answer_broke_off(
    store: S3Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0.0)
    data = bytes(range(256)) * (12 * 1024)
    write(store, data)
    proxy.asked.clear()
    proxy.faults = [Fault("GET", half, times=3), Fault("GET", refuse(503, "SlowDown"))]
    assert held(store) == data
    assert proxy.count("GET") == 5
    proxy.faults = [Fault("GET", half, times=2)]
    assert store.read("x", 100, 3_000_000) == data[100:3_000_000]


def test_an_answer_that_always_breaks_off_is_one_clear_error(
    store: S3Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0.0)
    write(store, b"x")
    proxy.faults = [Fault("GET", half, times=100)]
    with pytest.raises(PublishError, match=r"could not be asked|breaks its answers off"):
        held(store)


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(
    store: S3Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAUSE", 0.0)
    write(store, b"x" * 100_000, "1")
    write(store, b"y" * 100_000, "2")
    store.copy("1", "fixed")
    proxy.faults = [Fault("GET", half)]
    with store.open("fixed") as found:
        store.copy("2", "fixed")
        with pytest.raises(PublishError, match="was replaced while it was read"):
            found.read()


def test_a_refusal_reads_the_same_for_all_keys(store: S3Store, proxy: Proxy, tmp_path: Path) -> None:
    """So that thousands of them are one line on a page of problems."""
    methods = ("PUT", "GET", "HEAD", "POST")
    proxy.faults = [Fault(method, refuse(403, "AccessDenied"), times=100) for method in methods]
    said = set()
    for number in range(5):
        with pytest.raises(PublishError) as caught:
            put(store, tmp_path, SMALL, f"runs/{number}/x")
        said.add((caught.value.message, caught.value.cure))
        assert caught.value.place == f"runs/{number}/x"
    for question in (
        store.open,
        store.size,
        store.exists,
        lambda key: list(store.list(key)),
        lambda key: store.delete([key]),
    ):
        with pytest.raises(PublishError, match=r"403|AccessDenied") as caught:
            question("runs/1/x")
        assert not isinstance(caught.value, MissingObject)
        said.add((caught.value.message.replace("403", "AccessDenied"), caught.value.cure))
    assert len(said) == 1
    assert len(proxy.asked) == 10


def test_a_removal_that_is_refused_key_by_key_is_one_error(store: S3Store, proxy: Proxy) -> None:
    errors = "".join(f"<Error><Key>p/{n}</Key><Code>AccessDenied</Code></Error>" for n in range(500))
    body = f"<DeleteResult>{errors}</DeleteResult>".encode()
    proxy.faults = [Fault("POST", lambda exchange: exchange.answer(200, [], body), "delete", times=9)]
    with pytest.raises(PublishError, match="answered AccessDenied"):
        store.delete(str(n) for n in range(3000))
    assert proxy.count("POST") == 1
