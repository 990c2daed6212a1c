"""A download is complete or not there, however the server behaves."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

import gzip
import hashlib
import random
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import FetchError, OverBudget, PublishError, Refused, Truncated
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.model import Progress, Validators
from oa_pipeline.fetch.partial import Partial
from oa_pipeline.fetch.reply import Download

from ..servers import Liar, Request, Response, answer, drip, endless, hang, reset, serve
from .wishes import SMALL, Clock, transport

DATA = random.Random(7).randbytes(600_000)
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


def part(start: int, end: int = len(DATA), *, etag: str = '"v1"', data: bytes = DATA) -> bytes:
    """The 206 answer with the bytes from `start`."""
    return answer(
        data[start:end],
        status="206 Partial Content",
        length=len(data) - start,
        Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}",
        ETag=etag,
    )


def broken(at: int, **headers: str) -> Callable[..., None]:
    """200, then a reset after `at` bytes."""
    return reset(answer(DATA[:at], length=len(DATA), **headers))


def asked_range(head: bytes) -> str:
    found = re.search(rb"(?i)^range: bytes=(\d+)-", head, re.MULTILINE)
    return found[1].decode() if found else ""


def is_data(got: Download, folder: Path, data: bytes = DATA) -> bool:
    held = got.path.read_bytes()
    assert [p.name for p in folder.iterdir()] == [got.path.name]
    assert (got.size, got.sha256, got.md5) == (
        len(data),
        hashlib.sha256(data).hexdigest(),
        hashlib.md5(data).hexdigest(),
    )
    return held == data


def test_a_file_arrives_byte_for_byte_with_its_hashes_and_validators(tmp_path: Path) -> None:
    seen: list[Progress] = []
    headers = {"ETag": '"v1"', "Last-Modified": DATE, "Content-Type": "application/zip"}
    with serve(lambda _: Response(body=DATA, headers=headers)) as server, transport() as here:
        got = here.download(f"{server.url}/x", tmp_path / "new" / "cache", on_progress=seen.append)
    assert is_data(got, tmp_path / "new")
    assert (got.validators, got.content_type) == (Validators('"v1"', DATE), "application/zip")
    assert seen[-1] == Progress(len(DATA), len(DATA), "bytes")
    assert len(server.log) == 1


def test_a_broken_download_is_resumed_where_it_broke(tmp_path: Path) -> None:
    def rest(conn: Any, head: bytes) -> None:
        conn.sendall(part(int(asked_range(head))))

    with Liar(broken(400_000, ETag='"v1"'), rest) as liar, transport() as here:
        got = here.download(liar.url, tmp_path / "cache")
    assert is_data(got, tmp_path)
    assert b'If-Range: "v1"' in liar.requests[1]
    assert 0 < int(asked_range(liar.requests[1])) <= 400_000
    assert here.spent.bytes == len(DATA)


def test_a_body_shorter_than_announced_is_never_taken_for_whole(tmp_path: Path) -> None:
    with Liar(answer(DATA[:-1], length=len(DATA))) as liar, transport() as here:
        with pytest.raises(Truncated) as failure:
            here.download(liar.url, tmp_path / "cache")
    assert failure.value.retryable
    assert len(liar.requests) == SMALL.attempts
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chunked", [b"5\r\nhello\r\n", b"5\r\nhel", b"5\r\nhello\r\n5", b"zz\r\nhello\r\n"])
def test_a_chunked_body_without_its_last_chunk_is_never_taken_for_whole(chunked: bytes, tmp_path: Path) -> None:
    lie = answer(chunked, length=-1, Transfer_Encoding="chunked")
    with Liar(lie) as liar, transport() as here, pytest.raises(Truncated):
        here.download(liar.url, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_safely_be_joined_is_downloaded_again(tmp_path: Path) -> None:
    """Without a strong ETag or a date nobody knows whether the rest belongs to the same version."""
    for headers in ({}, {"ETag": 'W/"v1"'}):
        with Liar(broken(400_000, **headers), answer(DATA)) as liar, transport() as here:
            got = here.download(liar.url, tmp_path / "cache")
        assert asked_range(liar.requests[1]) == ""
        assert is_data(got, tmp_path)


def test_a_file_that_changed_in_between_is_downloaded_again(tmp_path: Path) -> None:
    fresh = DATA[::-1]
    with Liar(broken(400_000, ETag='"v1"'), answer(fresh, ETag='"v2"')) as liar, transport() as here:
        got = here.download(liar.url, tmp_path / "cache")
    assert is_data(got, tmp_path, fresh)


@pytest.mark.parametrize(
    "lie",
    [
        part(0),
        part(5),
        answer(DATA[9:], status="206 Partial Content"),
        answer(DATA[9:], status="206 Partial Content", Content_Range="bytes 9-/"),
        answer(b"", status="416 Range Not Satisfiable"),
    ],
    ids=["from the start", "from elsewhere", "without a place", "with a broken place", "not at all"],
)
def test_a_rest_that_does_not_join_on_begins_the_download_again(lie: bytes, tmp_path: Path) -> None:
    with Liar(broken(400_000, ETag='"v1"'), lie, answer(DATA, ETag='"v1"')) as liar, transport() as here:
        got = here.download(liar.url, tmp_path / "cache")
    assert is_data(got, tmp_path)
    assert asked_range(liar.requests[2]) == ""


def test_a_server_that_ignores_the_place_is_started_over_three_times_and_no_more(tmp_path: Path) -> None:
    with Liar(broken(400_000, ETag='"v1"')) as liar, transport(budget=replace(SMALL, attempts=50)) as here:
        with pytest.raises(Truncated, match="cannot resume"):
            here.download(liar.url, tmp_path / "cache")
    assert len(liar.requests) == 5  # the first, three more, and the one that is one too many
    assert list(tmp_path.iterdir()) == []


def test_tries_that_bring_much_do_not_use_up_the_patience(tmp_path: Path) -> None:
    big = random.Random(8).randbytes(8 * 1024 * 1024)
    step = len(big) // 4 + 1

    def some(conn: Any, head: bytes) -> None:
        start = int(asked_range(head) or 0)
        end = min(start + step, len(big))
        whole = answer(big[:end], length=len(big), ETag='"v1"')
        conn.sendall(part(start, end, data=big) if start else whole)

    with Liar(some) as liar, transport(budget=replace(SMALL, attempts=2, bytes=10**8)) as here:
        got = here.download(liar.url, tmp_path / "cache")
    assert is_data(got, tmp_path, big)
    assert len(liar.requests) == 4


def test_a_later_try_goes_on_where_an_earlier_one_gave_up(tmp_path: Path) -> None:
    with Liar(broken(400_000, ETag='"v1"'), answer(status="503 Busy")) as liar, transport() as here:
        with pytest.raises(FetchError):
            here.download(liar.url, tmp_path / "cache")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["cache.part", "cache.part.json"]
        held = (tmp_path / "cache.part").stat().st_size
        liar.scripts = (part(held),)
        with transport() as later:
            got = later.download(liar.url, tmp_path / "cache")
        assert is_data(got, tmp_path)
        assert later.spent.bytes == len(DATA) - held


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(tmp_path: Path) -> None:
    def held() -> int:
        kept = tmp_path / "cache.part"
        return kept.stat().st_size if kept.exists() else 0

    def rest(conn: Any, head: bytes) -> None:
        conn.sendall(part(int(asked_range(head))))

    silent = hang(answer(DATA[:400_000], length=len(DATA), ETag='"v1"'), seconds=200)
    with Liar(silent, rest) as liar:
        program = (
            "import sys, pathlib; from oa_pipeline.fetch import Budget, Guard, Transport\n"
            "Transport(Guard(allow_local=True), Budget()).download(sys.argv[1], pathlib.Path(sys.argv[2]))"
        )
        child = subprocess.Popen([sys.executable, "-c", program, liar.url, str(tmp_path / "cache")])
        try:
            deadline = time.monotonic() + 150
            while held() < 400_000 and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            child.kill()
            child.wait()
        assert not (tmp_path / "cache").exists()
        with transport() as later:
            got = later.download(liar.url, tmp_path / "cache")
    assert asked_range(liar.requests[1]) == "400000"
    assert is_data(got, tmp_path)


def test_what_another_address_left_is_not_gone_on_with(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "cache", "http://elsewhere/")
    partial.begin('"v1"', "", 10)
    partial.write(b"other")
    partial.close()
    with Liar(answer(DATA, ETag='"v1"')) as liar, transport() as here:
        got = here.download(liar.url, tmp_path / "cache")
    assert asked_range(liar.requests[0]) == ""
    assert is_data(got, tmp_path)


# ---- what it may cost ------------------------------------------------------------------------------------


def test_a_compression_bomb_stops_at_the_budget_and_leaves_nothing(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 9)
    assert len(bomb) < 100_000
    with serve(lambda _: Response(body=bomb, headers={"Content-Encoding": "gzip"})) as server, transport() as here:
        with pytest.raises(OverBudget):
            here.download(server.url, tmp_path / "cache")
    assert here.spent.bytes <= SMALL.bytes + 1024 * 1024
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_stops_at_the_budget_and_leaves_nothing(tmp_path: Path) -> None:
    with Liar(endless(answer(length=-1, ETag='"v1"'), b"x" * 65536)) as liar, transport() as here:
        with pytest.raises(OverBudget):
            here.download(liar.url, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    size = 48 * 1024 * 1024
    with Liar(endless(answer(length=size), b"x" * 65536, most=size)) as liar:
        with transport(budget=replace(SMALL, bytes=size)) as here:
            tracemalloc.start()
            try:
                assert here.download(liar.url, tmp_path / "cache").size == size
                assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
            finally:
                tracemalloc.stop()


def test_a_file_that_is_announced_too_large_is_not_begun(tmp_path: Path) -> None:
    with Liar(hang(answer(length=SMALL.bytes + 1))) as liar, transport() as here, pytest.raises(OverBudget):
        here.download(liar.url, tmp_path / "cache")
    assert here.spent.bytes == 0


def test_a_drip_is_left_by_the_minimum_rate(tmp_path: Path) -> None:
    # Each look at the clock finds nine seconds gone.
    with Liar(drip(answer(length=10_000, ETag='"v1"'), b"x", every=0.002)) as liar:
        with transport(budget=replace(SMALL, seconds=1e6), clock=Clock(9)) as here:
            with pytest.raises(OverBudget, match="bytes a second"):
                here.download(liar.url, tmp_path / "cache")
    assert here.spent.bytes < 100
    assert list(tmp_path.iterdir()) == []


def test_a_drip_that_is_just_quick_enough_is_left_at_the_end_of_the_time(tmp_path: Path) -> None:
    with Liar(drip(answer(length=10_000), b"x", every=0.002)) as liar:
        with transport(budget=replace(SMALL, seconds=3600, minimum_rate=0), clock=Clock(9)) as here:
            with pytest.raises(OverBudget, match="longer than 3,600 seconds"):
                here.download(liar.url, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_falls_silent_is_asked_again(tmp_path: Path) -> None:
    silent = hang(answer(DATA[:400_000], length=len(DATA), ETag='"v1"'))

    def rest(conn: Any, head: bytes) -> None:
        start = asked_range(head)
        conn.sendall(part(int(start)) if start else answer(DATA, ETag='"v1"'))

    # Many tries: a server that has much to do falls silent, too.
    with Liar(silent, rest) as liar, transport(budget=replace(SMALL, read_seconds=0.3, attempts=50)) as here:
        assert is_data(here.download(liar.url, tmp_path / "cache"), tmp_path)
    assert len(liar.requests) > 1


def test_a_refused_redirect_removes_what_was_there(tmp_path: Path) -> None:
    away = answer(status="302 Found", Location="http://10.0.0.1/")
    with Liar(broken(400_000, ETag='"v1"'), away) as liar:
        with transport(Guard(allowed_peers=frozenset({liar.peer}))) as here, pytest.raises(Refused):
            here.download(liar.url, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_our_fault_and_says_so() -> None:
    partial = Partial.__new__(Partial)
    with Path("/dev/full").open("wb", buffering=0) as full:
        partial._file, partial._path = full, Path("cache.part")
        with pytest.raises(PublishError, match="make room"):
            partial.write(b"x")


# ---- nothing to have -------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", [Response(200, b""), Response(204), Response(304)], ids=["empty", "204", "304"])
def test_nothing_is_a_failure_and_not_a_file_without_rows(response: Response, tmp_path: Path) -> None:
    with serve(lambda _: response) as server, transport() as here, pytest.raises(FetchError) as failure:
        here.download(server.url, tmp_path / "cache")
    assert failure.value.cure
    assert list(tmp_path.iterdir()) == []
    assert len(server.log) == 1


def test_the_body_of_a_server_fault_is_not_data(tmp_path: Path) -> None:
    with serve(lambda _: Response(503, DATA)) as server, transport() as here, pytest.raises(FetchError, match="503"):
        here.download(server.url, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_has_not_changed_is_not_sent(tmp_path: Path) -> None:
    def handler(request: Request) -> Response:
        return Response(304) if request.headers.get("if-none-match") == '"v1"' else Response(body=DATA)

    with serve(handler) as server, transport() as here:
        same = here.download(server.url, tmp_path / "cache", validators=Validators('"v1"', DATE))
        assert same.not_modified
        assert list(tmp_path.iterdir()) == []
        other = here.download(server.url, tmp_path / "cache", validators=Validators('"v0"', DATE))
    assert not other.not_modified
    assert is_data(other, tmp_path)
    assert server.log[0].headers["if-modified-since"] == DATE
