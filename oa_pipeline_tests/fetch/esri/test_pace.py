"""How fast a host is asked, and what trouble does to it."""

from __future__ import annotations

import random

import pytest

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.esri.pace import GOOD_PAGES_TO_GROW, Pace, PageSize
from oa_pipeline.fetch.model import Budget

from ...arcgis import Layer, error, metadata, points, serving, status


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def pace(ceiling: int = 4) -> Pace:
    return Pace(ceiling, clock=Clock(), spread=lambda: 1.0)


def answer(paced: Pace, times: int, seconds: float = 0.1, asked: int = 1000) -> None:
    for _ in range(times):
        paced.answered(asked, seconds)


def test_it_starts_with_one_and_grows_by_one_to_the_ceiling() -> None:
    paced = pace(3)
    seen = [paced.allowed]
    for _ in range(4):
        answer(paced, GOOD_PAGES_TO_GROW)
        seen.append(paced.allowed)
    assert seen == [1, 2, 3, 3, 3]


def test_latency_twice_the_best_seen_halves_it() -> None:
    paced = pace(4)
    answer(paced, 40)
    assert paced.allowed == 4
    paced.answered(1000, 0.201)
    assert paced.allowed == 2
    answer(paced, 1, 0.19)
    assert paced.allowed == 2


def test_pages_of_another_size_are_not_compared() -> None:
    paced = pace(4)
    answer(paced, 40, 0.1, asked=10)
    paced.answered(2000, 5.0)
    assert paced.allowed == 4


def test_noise_of_milliseconds_is_not_load() -> None:
    paced = pace(4)
    answer(paced, 40, 0.001)
    paced.answered(1000, 0.09)
    assert paced.allowed == 4


def test_failures_halve_it_and_pause_ever_longer_until_an_answer_comes() -> None:
    paced = pace(4)
    answer(paced, 40)
    pauses = []
    for _ in range(3):
        paced.failed()
        pauses.append(paced.pause)
    assert paced.allowed == 1
    assert pauses == [1.0, 2.0, 4.0]
    answer(paced, 1)
    paced._clock.now += 4  # type: ignore[attr-defined]
    paced.failed()
    assert paced.pause == 1.0


def test_a_servers_own_pause_is_kept_and_an_absurd_one_cut() -> None:
    paced = pace()
    paced.failed(37.0)
    assert paced.pause == 37.0
    paced.failed(1e9)
    assert paced.pause == 600.0


def test_pauses_differ_between_clients() -> None:
    chance = random.Random(1)
    paused = []
    for _ in range(5):
        paced = Pace(2, clock=Clock(), spread=chance.random)
        paced.failed()
        paused.append(paced.pause)
    assert len(set(paused)) == 5
    assert all(0.5 <= p < 1.0 for p in paused)


def test_a_page_size_halves_and_grows_back_more_slowly_each_time() -> None:
    size = PageSize(1000)
    size.too_much(1000)
    assert size.now == 500
    for _ in range(16):
        size.fits()
    assert size.now == 625
    size.too_much(625)
    for _ in range(31):
        size.fits()
    assert size.now == 312
    size.fits()
    assert size.now == 390


def test_a_page_size_never_leaves_one_and_the_limit() -> None:
    size = PageSize(3)
    for _ in range(5):
        size.too_much(size.now)
    assert size.now == 1
    for _ in range(3000):
        size.fits()
    assert size.now == 3


# ---- against a server ---------------------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 2, 4])
def test_a_host_never_sees_more_requests_at_once_than_it_may(in_flight: int, bench) -> None:
    with serving(Layer(points(300), metadata(maxRecordCount=10), seconds=0.01)) as served:
        bench.dump(served.url, in_flight=in_flight)
    assert min(in_flight, 2) <= served.most_at_once <= in_flight


def test_a_good_server_makes_nobody_wait(bench) -> None:
    with serving(Layer(points(300), metadata(maxRecordCount=10))) as served:
        bench.dump(served.url)
    assert bench.pauses == []


@pytest.mark.parametrize("failures", [1, 2, 3, 4])
def test_a_page_that_fails_at_first_is_asked_for_again_as_it_was(failures: int, bench, read) -> None:
    layer = Layer(points(40), metadata(maxRecordCount=20))
    tried: dict[str, int] = {}

    def failing(params: dict[str, str]) -> object:
        tried[str(params)] = tried.get(str(params), 0) + 1
        return status(500) if tried[str(params)] <= failures and params["resultOffset"] == "0" else None

    layer.intercept = failing  # type: ignore[assignment]
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == layer.features
    assert len(bench.pauses) == failures
    assert tried[next(iter(tried))] == failures + 1


def test_a_server_that_breaks_over_large_pages_soon_gets_only_smaller_ones(bench, read) -> None:
    layer = Layer(points(320), metadata(maxRecordCount=32))
    layer.intercept = lambda p: status(504) if int(p["resultRecordCount"]) > 8 else None
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == layer.features
    too_large = [p for p in served.pages if int(p["resultRecordCount"]) > 8]
    assert 0 < len(too_large) <= 10


def test_a_server_that_is_down_is_given_up_after_few_tries_with_growing_pauses(bench) -> None:
    with serving(Layer(points(10), intercept=lambda _: status(503))) as served, pytest.raises(FetchError) as caught:
        bench.dump(served.url, in_flight=1)
    assert caught.value.retryable
    assert "503" in str(caught.value)
    assert len(served.pages) <= 10
    assert bench.pauses == sorted(bench.pauses)


def test_too_many_requests_and_retry_after_are_honoured(bench, read) -> None:
    layer = Layer(points(40), metadata(maxRecordCount=10))
    answers = iter([None, status(429, Retry_After="17")])
    layer.intercept = lambda _: next(answers, None)
    with serving(layer) as served:
        assert read(bench.dump(served.url, in_flight=1))[1] == layer.features
    assert sum(bench.pauses) == pytest.approx(17)


def test_an_error_object_in_the_middle_is_a_hiccup(bench, read) -> None:
    layer = Layer(points(40), metadata(maxRecordCount=10))
    answers = iter([None, error(400, "Failed to execute query."), error(500, "Error performing query operation")])
    layer.intercept = lambda _: next(answers, None)
    with serving(layer) as served:
        assert read(bench.dump(served.url, in_flight=1))[1] == layer.features


def test_a_plain_refusal_in_the_middle_is_not_asked_for_again(bench) -> None:
    layer = Layer(points(40), metadata(maxRecordCount=10))
    answers = iter([None, status(403)])
    layer.intercept = lambda _: next(answers, None)
    with serving(layer) as served, pytest.raises(FetchError, match="403"):
        bench.dump(served.url, Budget(attempts=5), in_flight=1)
    assert len(served.pages) == 2
