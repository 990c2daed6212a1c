"""Whose runs are asked for first, and how many."""

from __future__ import annotations

from oa_pipeline.automation.checking import FEW, MOST_REQUESTS
from oa_pipeline.ledger import heartbeats
from oa_pipeline.ledger.heartbeats import Beat

from .desk import Desk

# many at once


def test_one_look_asks_for_no_more_than_so_many_runs(desk: Desk) -> None:
    heartbeats.beat(desk.engine, Beat("worker", "host", 1, 100))
    desk.open(*(f"n{number:03}" for number in range(MOST_REQUESTS + 5)))
    assert [len(desk.go()), len(desk.go()), len(desk.go())] == [MOST_REQUESTS, 5, 0]


def test_an_author_has_no_more_in_the_queue_than_keeps_the_workers_busy(desk: Desk) -> None:
    desk.open(*(f"n{number:03}" for number in range(FEW + 2)))
    runs = desk.go()
    assert (len(runs), desk.look()) == (FEW, [])
    desk.end(runs[0])
    desk.look()
    assert len(desk.go()) <= 1


def test_whoever_comes_after_an_author_with_many_pull_requests_does_not_wait_for_them(desk: Desk) -> None:
    for number in range(40):
        desk.open("a", "b", "c", pull=1000 + number, author="busy")
    desk.go()
    job = desk.open("z", pull=5000, author="quiet")

    asked = desk.look()

    assert [request.tags["oa/job"] for request in asked] == [job]
    assert len(desk.queue.submitted) == FEW
