from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from oa_pipeline.ledger.partitions import (
    Declared,
    declared,
    former_keys,
    known,
    mark_removed,
    record,
    record_renames,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def source(name: str, digest: str = "d", **object_: object) -> Declared:
    return Declared(f"x/addresses/{name}", "x", "addresses", name, dict(object_), {"country": "x"}, digest)


def test_what_was_recorded_comes_back_in_the_order_of_the_file(engine: sa.Engine) -> None:
    one = source("a", conform={"zulu": 1, "alpha": 2, "mike": 3})
    record(engine, [one], now=NOW)
    held = declared(engine, one.key)
    assert held == one
    assert held is not None
    assert list(held.declared["conform"]) == ["zulu", "alpha", "mike"]
    assert declared(engine, "none") is None


def test_recording_again_updates_and_brings_back_the_removed(engine: sa.Engine) -> None:
    record(engine, [source("a"), source("b")], now=NOW)
    mark_removed(engine, ["x/addresses/b"], now=NOW)
    assert known(engine) == {"x/addresses/a": "d"}
    record(engine, [source("a", "e"), source("b", "f")], now=NOW)
    assert known(engine) == {"x/addresses/a": "e", "x/addresses/b": "f"}


def test_history_goes_on_through_renames_even_in_a_circle(engine: sa.Engine) -> None:
    record(engine, [source(n) for n in "abc"], now=NOW)
    a, b, c = (f"x/addresses/{n}" for n in "abc")
    record_renames(engine, {a: b}, commit_sha="1", now=NOW)
    record_renames(engine, {b: c}, commit_sha="2", now=NOW + timedelta(days=1))
    record_renames(engine, {b: c}, commit_sha="2", now=NOW + timedelta(days=1))
    assert former_keys(engine, c) == [b, a]
    record_renames(engine, {c: a}, commit_sha="3", now=NOW + timedelta(days=2))
    assert former_keys(engine, c) == [b, a]
    assert former_keys(engine, a) == [c, b]


def test_thousands_go_in_at_once(engine: sa.Engine) -> None:
    record(engine, [source(str(n)) for n in range(4861)], now=NOW)
    assert len(known(engine)) == 4861
