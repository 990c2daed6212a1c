"""The small parts: content codings, Retry-After, patience, places at hosts, cookies, what is counted."""

from __future__ import annotations

import gzip
import threading
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from oa_pipeline.errors import FetchError, OverBudget
from oa_pipeline.fetch.cookies import Cookies
from oa_pipeline.fetch.decoding import PIECE, Decoder
from oa_pipeline.fetch.hosts import Hosts
from oa_pipeline.fetch.meter import Meter, Pace
from oa_pipeline.fetch.model import Budget
from oa_pipeline.fetch.retry import Patience
from oa_pipeline.fetch.statuses import failure, retry_after

from .wishes import Clock, Naps

# ---- codings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 10**9])
def test_a_bomb_comes_out_in_pieces_that_can_be_stopped_at(step: int) -> None:
    data = bytes(3 * PIECE + 5)
    packed = gzip.compress(data)
    decoder = Decoder("gzip")
    pieces = [p for at in range(0, len(packed), step) for p in decoder.feed(packed[at : at + step])]
    decoder.finish()
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE


def test_a_body_of_exactly_one_piece_is_whole() -> None:
    for size in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE):
        decoder = Decoder("deflate")
        assert sum(map(len, decoder.feed(zlib.compress(bytes(size))))) == size
        decoder.finish()


def test_what_the_decompressor_still_holds_at_the_end_is_not_lost() -> None:
    for size in range(PIECE, PIECE + 300, 7):
        raw = zlib.compressobj(1, wbits=-15)
        decoder = Decoder("deflate")
        assert sum(map(len, decoder.feed(raw.compress(bytes(size)) + raw.flush()))) == size
        decoder.finish()


def test_padding_after_the_end_is_no_data() -> None:
    decoder = Decoder("gzip")
    assert b"".join(decoder.feed(gzip.compress(b"a") + bytes(100))) == b"a"
    decoder.finish()


def test_what_is_not_in_the_coding_it_claims_is_an_error() -> None:
    for coding in ("gzip", "deflate"):
        with pytest.raises(FetchError, match=f"says that it is {coding} and is not"):
            list(Decoder(coding).feed(b"\xff plain text"))


# ---- waiting ---------------------------------------------------------------------------------------------

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 01:02:00 +0100", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("", None),
        (None, None),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("٣", None),
        ("9" * 400, 999_999_999_999),
        ("Thu, 99 Jan 2026 00:02:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


def test_every_status_has_words_and_a_cure() -> None:
    for status in range(200, 600):
        error = failure(status, "https://host/")
        assert error.cure
        assert str(status) in str(error)
        assert error.retryable == (status in {408, 425, 429} or status >= 500)


def patience(attempts: int, sleep: Naps, chance: float = 1.0, seconds: float = 1e9) -> Patience:
    return Patience(Meter(Budget(seconds=seconds), Clock()), attempts, sleep, lambda: chance)


def test_pauses_double_up_to_a_minute_and_are_jittered_down_to_half() -> None:
    for chance, share in ((1.0, 1.0), (0.0, 0.5)):
        naps = Naps()
        tries = patience(9, naps, chance)
        error = FetchError("x", transient=True)
        for _ in range(8):
            tries.again(error)
        assert naps.taken == [share * pause for pause in (1, 2, 4, 8, 16, 32, 60, 60)]
        with pytest.raises(FetchError):
            tries.again(error)


def test_progress_renews_the_patience() -> None:
    naps = Naps()
    tries = patience(2, naps)
    for _ in range(20):
        tries.again(FetchError("x", transient=True), progress=True)
    with pytest.raises(FetchError):
        tries.again(FetchError("x", transient=True))


def test_what_will_not_pass_is_not_waited_for() -> None:
    naps = Naps()
    with pytest.raises(FetchError):
        patience(5, naps).again(FetchError("x"))
    with pytest.raises(FetchError):
        patience(5, naps, seconds=100).again(FetchError("x", transient=True, retry_after=100))
    assert naps.taken == []


# ---- hosts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "limit"),
    [
        ("data.example", 2),
        ("services.arcgis.com", 4),
        ("services9.arcgis.com", 4),
        ("services.arcgis.com.evil.example", 2),
        ("arcgis.com", 2),
    ],
)
def test_a_host_has_as_many_places_as_it_can_bear(host: str, limit: int) -> None:
    assert Hosts().limit(host) == limit


def test_waiting_for_a_place_is_bounded_and_other_hosts_are_free() -> None:
    hosts = Hosts(limit=1)
    with hosts.slot("a", 1), hosts.slot("b", 0):
        with pytest.raises(FetchError, match="no free place") as full, hosts.slot("a", 0.01):
            pass
        assert full.value.retryable
    with hosts.slot("a", 0):
        pass


def test_a_place_is_given_back_when_its_holder_fails() -> None:
    hosts = Hosts(limit=1)
    with pytest.raises(ZeroDivisionError), hosts.slot("a", 1):
        raise ZeroDivisionError
    got = threading.Event()

    def take() -> None:
        with hosts.slot("a", 1):
            got.set()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert got.is_set()


def test_the_longest_pause_asked_for_counts_and_ends() -> None:
    clock = Clock()
    hosts = Hosts(clock=clock)
    hosts.rest("a", 10)
    hosts.rest("a", 5)
    assert (hosts.resting("a"), hosts.resting("b")) == (10, 0)
    clock.now = 11
    assert hosts.resting("a") == 0


# ---- cookies and counts ----------------------------------------------------------------------------------


def test_cookies_go_back_to_their_origin_only() -> None:
    home, other, plain = ("https", "h", 443), ("https", "o", 443), ("http", "h", 80)
    cookies = Cookies()
    cookies.take(home, ["a=1; Domain=.example; Path=/", "b=2; Secure", "nonsense", "=3", "c=" + "x" * 5000])
    assert (cookies.header(home), cookies.header(other), cookies.header(plain)) == ("a=1; b=2", "", "")
    cookies.take(home, ["a=; Max-Age=0", "b=3"])
    assert cookies.header(home) == "b=3"
    cookies.take(home, [f"n{n}=x" for n in range(1000)])
    assert cookies.header(home).count("=") == 50


def test_time_spent_waiting_for_our_own_other_downloads_is_not_counted() -> None:
    clock = Clock()
    meter = Meter(Budget(seconds=10), clock)
    clock.now = 25
    with pytest.raises(OverBudget):
        meter.seconds_left()
    meter.excuse(20)
    assert meter.seconds_left() == 5


def test_the_rate_is_judged_over_whole_windows_each_for_itself() -> None:
    clock = Clock()
    pace = Pace(Meter(replace(Budget(), rate_window=60, minimum_rate=10), clock))
    pace.take(0)
    clock.now = 59
    pace.take(0)
    clock.now = 60
    pace.take(600)
    clock.now = 121
    with pytest.raises(OverBudget, match="bytes a second"):
        pace.take(600)
