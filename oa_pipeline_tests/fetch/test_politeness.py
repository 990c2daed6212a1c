"""One host's requests at a time, and its pauses."""

from __future__ import annotations

import threading
import time

import pytest

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.hosts import Hosts

from ..servers import Request, Response, serve
from .wishes import Clock, Naps, transport

# ---- politeness -----------------------------------------------------------------------------------------


def most_at_once(hosts: Hosts, count_: int) -> int:
    """How many of them it lets through at once; the first ones wait for each other, where two may be there."""
    busy, most, lock, met = 0, 0, threading.Lock(), threading.Event()

    def handler(_: Request) -> Response:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
            if busy > 1:
                met.set()
        met.wait(60)
        time.sleep(0.05)  # for one too many
        with lock:
            busy -= 1
        return Response(body=b"x")

    with serve(handler) as server:

        def ask() -> None:
            with transport(hosts=hosts) as here:
                here.request("GET", server.url)

        threads = [threading.Thread(target=ask) for _ in range(count_)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.log) == count_
    return most


def test_data_sources_of_one_host_share_its_places() -> None:
    assert most_at_once(Hosts(limit=2), 6) == 2


def test_a_host_that_asked_for_a_pause_gets_it_from_everybody_and_others_are_not_concerned() -> None:
    hosts, naps = Hosts(clock=Clock()), Naps()
    with serve(lambda _: Response(429, headers={"Retry-After": "30"})) as busy, serve(lambda _: Response()) as idle:
        with transport(hosts=hosts, sleep=naps) as first, pytest.raises(FetchError):
            first.request("GET", busy.url, attempts=1)
        # The name, not the number, is the host here.
        with transport(hosts=hosts, sleep=naps) as second:
            second.request("GET", idle.url.replace("127.0.0.1", "localhost"))
            assert naps.taken == []
            with pytest.raises(FetchError):
                second.request("GET", busy.url, attempts=1)
            assert naps.taken == [30]


def test_one_transport_is_used_from_many_threads() -> None:
    with serve(lambda request: Response(body=request.path.encode())) as server, transport() as here:
        found: list[bytes] = []

        def ask(number: int) -> None:
            found.extend(here.request("GET", f"{server.url}/{number}/{n}").body for n in range(10))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted(f"/{a}/{b}".encode() for a in range(4) for b in range(10))
    assert here.spent.requests == 40
