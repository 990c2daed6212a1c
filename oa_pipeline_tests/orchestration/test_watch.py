from __future__ import annotations

import signal
import threading
import time

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.orchestration.watch import PastDeadline, Superseded, watched


def test_a_run_that_is_fine_is_left_alone_and_beats() -> None:
    beats: list[int] = []
    enough = threading.Event()

    def beat() -> bool:
        beats.append(1)
        if len(beats) >= 3:
            enough.set()
        return True

    former = signal.getsignal(signal.SIGALRM)
    with watched(beat, every=0.05, deadline=600) as watch:
        assert enough.wait(120)
        watch.check()
    assert signal.getsignal(signal.SIGALRM) is former
    count = len(beats)
    time.sleep(0.15)
    assert len(beats) == count


def test_the_deadline_wakes_whatever_the_run_waits_in() -> None:
    with pytest.raises(PastDeadline), watched(lambda: True, every=60, deadline=0.1):
        threading.Event().wait(240)


def test_a_deadline_that_is_over_when_the_watch_begins_leaves_no_handler_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def slowly(thread: threading.Thread) -> None:
        start(thread)
        threading.Event().wait(240)

    former = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(threading.Thread, "start", slowly)
    with pytest.raises(PastDeadline), watched(lambda: True, every=60, deadline=0):
        pytest.fail("the run went on")
    assert signal.getsignal(signal.SIGALRM) is former


def test_a_lost_right_wakes_it_too() -> None:
    with pytest.raises(Superseded), watched(lambda: False, every=0.05, deadline=600):
        time.sleep(240)


def test_a_ledger_that_is_away_stops_nobody() -> None:
    def beat() -> bool:
        raise PublishError("away")

    with watched(beat, every=0.05, deadline=600) as watch:
        time.sleep(0.3)
        watch.check()


def test_outside_the_main_thread_the_run_is_told_when_it_asks() -> None:
    outcome: list[object] = []

    def run() -> None:
        try:
            with watched(lambda: False, every=0.05, deadline=600) as watch:
                for _ in range(4000):
                    time.sleep(0.05)
                    watch.check()
        except Superseded as stopped:
            outcome.append(stopped)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(250)
    assert outcome
