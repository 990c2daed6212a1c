"""What requests may cost: bytes, time, and how many there are."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace

import pytest

from oa_pipeline.errors import FetchError, OverBudget, Oversized, Truncated

from ..servers import Liar, Response, answer, drip, endless, hang, serve
from .wishes import SMALL, transport

# Little patience, many tries: a good answer, too, may be late on a machine that has much to do.
HURRIED = replace(SMALL, read_seconds=0.4, attempts=50)

# ---- budgets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate"])
def test_a_compressed_answer_is_unpacked(coding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(b"text"),
        "x-gzip": gzip.compress(b"te") + gzip.compress(b"xt"),
        "deflate": zlib.compress(b"text"),
        "raw deflate": raw.compress(b"text") + raw.flush(),
    }[coding]
    with serve(lambda _: Response(body=packed, headers={"Content-Encoding": coding.split()[-1]})) as server:
        with transport() as here:
            assert here.request("GET", server.url).body == b"text"
            assert here.spent.bytes == 4


def test_a_coding_that_was_not_asked_for_is_an_error_and_not_data() -> None:
    with serve(lambda _: Response(body=b"\x8b\x02", headers={"Content-Encoding": "br"})) as server:
        with transport() as here, pytest.raises(FetchError, match="'br'"):
            here.request("GET", server.url)


def test_a_compressed_answer_that_ends_early_is_not_taken_for_whole() -> None:
    half = gzip.compress(bytes(range(256)) * 100)[:-20]
    with Liar(answer(half, length=-1, Content_Encoding="gzip")) as liar, transport() as here:
        with pytest.raises(Truncated, match="middle"):
            here.request("GET", liar.url)
        assert len(liar.requests) == SMALL.attempts


def test_one_answer_may_be_no_larger_than_its_reader_can_hold() -> None:
    with serve(lambda _: Response(body=b"x" * 1001)) as server, transport() as here:
        assert len(here.request("GET", server.url, max_bytes=1001).body) == 1001
        with pytest.raises(Oversized, match="1,000 bytes"):
            here.request("GET", server.url, max_bytes=1000)


def test_all_answers_together_cost_no_more_than_the_budget() -> None:
    with serve(lambda _: Response(body=b"x" * 1000)) as server, transport(budget=replace(SMALL, bytes=2500)) as here:
        here.request("GET", server.url)
        here.request("GET", server.url)
        with pytest.raises(OverBudget, match="OA_DOWNLOAD_MIB"):
            here.request("GET", server.url)


def test_requests_are_counted_and_end() -> None:
    with serve(lambda _: Response(body=b"x")) as server, transport(budget=replace(SMALL, requests=3)) as here:
        for _ in range(3):
            here.request("GET", server.url)
        with pytest.raises(OverBudget, match="3 requests"):
            here.request("GET", server.url)
    assert len(server.log) == 3


def test_headers_that_never_end_do_not_hold_the_connection() -> None:
    slow = drip(b"HTTP/1.1 200 OK\r\nX: ", b"x", every=0.05)
    with Liar(slow, answer(b"whole")) as liar, transport(budget=HURRIED) as here:
        assert here.request("GET", liar.url).body == b"whole"


def test_interim_answers_that_never_end_do_not_hold_the_connection() -> None:
    flood = drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.02)
    with Liar(flood, answer(b"whole")) as liar, transport(budget=HURRIED) as here:
        assert here.request("GET", liar.url).body == b"whole"


def test_a_silent_server_is_left_after_a_while() -> None:
    with Liar(hang(b""), answer(b"whole")) as liar, transport(budget=HURRIED) as here:
        assert here.request("GET", liar.url).body == b"whole"


def test_a_body_without_end_stops_at_the_budget() -> None:
    with Liar(endless(answer(length=-1), b"x" * 65536)) as liar, transport() as here, pytest.raises(OverBudget):
        here.request("GET", liar.url, max_bytes=10**9)
    assert here.spent.bytes <= SMALL.bytes + 1024 * 1024
