"""Who asks for too much waits; who reads what is at hand does not, and neither does anybody else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.app import create_app
from oa_pipeline.web.limits import READERS, Limits, TooMany, household
from oa_pipeline.web.site import Site

from .filled import Filled

FOUR = 4


@pytest.fixture
def limited(site: Site, filled: Filled) -> FlaskClient:
    """A site that makes four answers a minute for each."""
    return visited(site, rate_limit=FOUR)


def visited(site: Site, **settings: int) -> FlaskClient:
    """The same with other settings, at one moment, so that nothing comes back however long its answers take."""
    made = Site(replace(site.settings, **settings), catalogue_seconds=0)  # type: ignore[arg-type]
    made.limits.clock = lambda: 7.0
    return create_app(site=made).test_client()


def ask(client: FlaskClient, address: str, who: str = "192.0.2.1", **headers: str) -> int:
    return client.get(address, environ_overrides={"REMOTE_ADDR": who}, headers=headers).status_code


def test_searches_beyond_the_limit_are_told_when_to_come_back(limited: FlaskClient) -> None:
    counts = Counter(ask(limited, f"/sources/?q=a{n}") for n in range(10))
    assert counts == {200: FOUR, 429: 6}

    answer = limited.get("/sources.json?q=b", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 15
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.get_json()["error"]) == {"code", "message", "detail"}
    assert answer.get_json()["error"]["code"] == "too_many_requests"


def test_others_are_not_kept_waiting(limited: FlaskClient) -> None:
    for n in range(9):
        ask(limited, f"/sources/?q=c{n}")
    assert ask(limited, "/sources/?q=d", "192.0.2.2") == 200


@pytest.mark.parametrize(
    "address", ["/", "/sources/", "/sources/us/ca/alameda", "/runs/1/", "/healthz", "/robots.txt", "/sources/?q=e0"]
)
def test_pages_and_what_is_at_hand_are_always_given(limited: FlaskClient, address: str) -> None:
    for n in range(9):
        ask(limited, f"/sources/?q=e{n}")
    assert ask(limited, "/sources/?q=e8") == 429
    assert ask(limited, address) == 200


def test_what_has_not_changed_costs_nothing(limited: FlaskClient) -> None:
    tag = limited.get("/sources/?q=f").headers["ETag"]
    for n in range(9):
        ask(limited, f"/sources/?q=g{n}", "127.0.0.1")
    answers = [ask(limited, f"/sources/?q=h{n}", **{"If-None-Match": tag}) for n in range(9)]
    assert set(answers) == {304}


def test_a_reader_is_whom_the_trusted_proxy_names_and_nobody_else(site: Site, filled: Filled) -> None:
    def statuses(proxies: int, *said: str) -> list[int]:
        client = visited(site, rate_limit=1, proxies=proxies)
        return [ask(client, f"/sources/?q={n}", **{"X-Forwarded-For": one}) for n, one in enumerate(said)]

    assert statuses(0, "198.51.100.1", "198.51.100.2") == [200, 429]  # made up by the reader
    assert statuses(1, "198.51.100.1", "198.51.100.2") == [200, 200]
    assert statuses(1, "198.51.100.1", "203.0.113.9, 198.51.100.1") == [200, 429]  # only the last is the proxy's word
    assert statuses(2, "198.51.100.1, 10.0.0.1", "9.9.9.9, 198.51.100.1, 10.0.0.2") == [200, 429]


def test_what_was_spent_comes_back_evenly() -> None:
    now = [0.0]
    limits = Limits(60, clock=lambda: now[0])
    for _ in range(60):
        limits.spend("a")
    with pytest.raises(TooMany) as refused:
        limits.spend("a")
    assert refused.value.seconds == 1
    now[0] = 2.0
    limits.spend("a")
    limits.spend("a")
    with pytest.raises(TooMany):
        limits.spend("a")
    now[0] = 10_000.0
    for _ in range(60):
        limits.spend("a")
    with pytest.raises(TooMany):
        limits.spend("a")


def test_any_number_of_readers_takes_little_memory() -> None:
    limits = Limits(1)
    for n in range(READERS + 500):
        limits.spend(str(n))
    assert len(limits._left) == READERS


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_household_is_one_reader(address: str, who: str) -> None:
    assert household(address) == who
