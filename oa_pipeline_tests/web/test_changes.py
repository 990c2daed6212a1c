"""What runs have made different."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger import changes, partitions
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.ledger.life import NOW, declare, job, propose, run

KEY, OLD, OLDEST = "fr/paris/addresses/city", "fr/75/addresses/city", "fr/lutetia/addresses/city"
G, F, H, S, L = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.HELD, RunStatus.SKIPPED, RunStatus.LOST)


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ([(G, 100)], ["new"]),
        ([(F, 0)], [None]),
        ([(F, 0), (G, 100)], [None, "new"]),
        ([(G, 100), (G, 100)], ["new", None]),
        ([(G, 100), (G, 119)], ["new", None]),
        ([(G, 100), (G, 120)], ["new", "jump"]),
        ([(G, 100), (G, 80)], ["new", "jump"]),
        ([(G, 3), (G, 20)], ["new", None]),
        ([(G, 100), (F, 0), (F, 0), (G, 100)], ["new", "lost", None, "recovered"]),
        ([(G, 100), (F, 0), (G, 10)], ["new", "lost", "recovered"]),
        ([(G, 100), (L, 0), (G, 100)], ["new", None, None]),
        ([(G, 100), (L, 0), (F, 0)], ["new", None, "lost"]),
        ([(G, 100), (S, 0), (G, 100)], ["new", "lost", "recovered"]),
        ([(G, 100), (H, 10), (H, 10), (G, 100)], ["new", "held", None, None]),
        ([(G, 100), (H, 10), (F, 0)], ["new", "held", "lost"]),
    ],
    ids=lambda value: " ".join(f"{one[0]} {one[1]}" for one in value) if value and isinstance(value[0], tuple) else "",
)
def test_a_run_is_compared_with_those_before(
    engine: sa.Engine, life: list[tuple[RunStatus, int]], expected: list[str | None]
) -> None:
    declare(engine, KEY)
    numbers = [
        run(engine, KEY, status, at=NOW + timedelta(days=n), rows=rows or None) for n, (status, rows) in enumerate(life)
    ]

    found = {one["id"]: one["kind"] for one in changes.changes(engine).found}

    assert [found.get(number) for number in numbers] == expected


def test_what_it_was_before_is_of_the_last_good_run(engine: sa.Engine) -> None:
    declare(engine, KEY)
    for n, (status, rows) in enumerate(((G, 100), (F, None), (G, 90))):
        run(engine, KEY, status, at=NOW + timedelta(days=n), rows=rows)

    newest, lost, first = changes.changes(engine).found

    assert (newest["rows"], newest["rows_before"]) == (90, 100)
    assert (lost["problem"], lost["rows_before"]) == ("Could not download source data", 100)
    assert first["rows_before"] is None


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def renamed(engine: sa.Engine, old: str, new: str, at: datetime) -> None:
    """As the look at the repository does it that finds the same declaration under another key."""
    declare(engine, new)
    partitions.record_renames(engine, {old: new}, commit_sha="c", now=at)
    partitions.mark_removed(engine, [old], now=at)


def kinds(engine: sa.Engine) -> list[tuple[str, str | None, int | None]]:
    """Of all changes, the oldest first: kind, former key, and rows before."""
    found = reversed(changes.changes(engine).found)
    return [(one["kind"], one["former_key"], one["rows_before"]) for one in found]


@pytest.mark.parametrize(
    ("former", "life", "expected"),
    [
        ([(G, 100)], [(G, 100), (G, 100)], [("renamed", OLD, 100)]),
        ([(G, 100)], [(G, 119), (G, 119)], [("renamed", OLD, 100)]),
        ([(G, 100)], [(G, 300), (G, 300)], [("jump", OLD, 100)]),
        ([(G, 100)], [(F, 0), (G, 100)], [("lost", OLD, 100), ("recovered", None, 100)]),
        ([(G, 100)], [(H, 10), (G, 100)], [("held", OLD, 100)]),
        ([(G, 100)], [(L, 0), (G, 100)], [("renamed", OLD, 100)]),
        ([(G, 100), (F, 0)], [(G, 100)], [("lost", None, 100), ("recovered", OLD, 100)]),
        ([(G, 100), (F, 0)], [(F, 0), (F, 0)], [("lost", None, 100), ("renamed", OLD, 100)]),
        ([(F, 0)], [(G, 100)], [("new", OLD, None)]),
    ],
    ids=[
        "the same", "a few rows more", "many rows more", "fails", "held", "after a lost run", "works again",
        "goes on failing", "its first result",
    ],
)  # fmt: skip
def test_the_history_of_a_data_source_goes_on_under_another_key(
    engine: sa.Engine,
    former: list[tuple[RunStatus, int]],
    life: list[tuple[RunStatus, int]],
    expected: list[tuple[str, str | None, int | None]],
) -> None:
    declare(engine, OLD)
    for n, (status, rows) in enumerate(former):
        run(engine, OLD, status, at=day(n), rows=rows or None)
    renamed(engine, OLD, KEY, day(10))
    for n, (status, rows) in enumerate(life):
        run(engine, KEY, status, at=day(20 + n), rows=rows or None)

    assert [one for one in kinds(engine) if one != ("new", None, None)] == expected


def test_a_key_that_changed_twice_leads_back_to_the_first(engine: sa.Engine) -> None:
    declare(engine, OLDEST)
    run(engine, OLDEST, rows=100)
    renamed(engine, OLDEST, OLD, day(10))
    renamed(engine, OLD, KEY, day(20))
    run(engine, KEY, at=day(21), rows=100)

    assert kinds(engine)[1:] == [("renamed", OLDEST, 100)]


def test_a_key_that_was_taken_back_is_told_each_time(engine: sa.Engine) -> None:
    declare(engine, OLD)
    run(engine, OLD, rows=100)
    renamed(engine, OLD, KEY, day(10))
    run(engine, KEY, at=day(11), rows=300)
    renamed(engine, KEY, OLD, day(20))
    run(engine, OLD, at=day(21), rows=300)
    run(engine, OLD, at=day(22), rows=300)

    assert kinds(engine)[1:] == [("jump", OLD, 100), ("renamed", KEY, 300)]


def test_who_has_the_former_key_now_is_somebody_else(engine: sa.Engine) -> None:
    declare(engine, OLD)
    run(engine, OLD, rows=100)
    renamed(engine, OLD, KEY, day(10))
    run(engine, KEY, at=day(11), rows=100)
    declare(engine, OLD)
    run(engine, OLD, at=day(12), rows=9_000)
    run(engine, KEY, at=day(13), rows=100)

    assert [one["kind"] for one in changes.changes(engine, area="fr").found if one["key"] == KEY] == ["renamed"]


def test_changes_of_a_kind_are_those_that_are_shown(engine: sa.Engine) -> None:
    declare(engine, OLD)
    run(engine, OLD)
    renamed(engine, OLD, KEY, day(10))
    number = run(engine, KEY, at=day(11))

    assert [one["id"] for one in changes.changes(engine, kind="renamed").found] == [number]
    assert number not in [one["id"] for one in changes.changes(engine, kind="new").found]


def test_runs_of_pull_requests_are_no_changes(engine: sa.Engine) -> None:
    declare(engine, KEY)
    proposal = propose(engine, KEY)
    run(engine, proposal, job_id=job(engine))

    assert changes.changes(engine).found == []


@pytest.mark.parametrize(("asked", "count"), [({"layer": "parcels"}, 0), ({"area": "fr"}, 4), ({"area": "f"}, 0)])
def test_changes_are_filtered(engine: sa.Engine, asked: dict[str, str], count: int) -> None:
    for n in range(4):
        run(engine, declare(engine, f"fr/x{n}/addresses/city"))

    assert len(changes.changes(engine, **asked).found) == count


def test_parts_are_the_whole_and_quiet_years_end(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LOOKED_AT", 3)
    declare(engine, KEY)
    wanted = {run(engine, KEY, rows=10)}
    for n in range(1, 11):
        run(engine, KEY, at=NOW + timedelta(days=n), rows=10)
    wanted.add(run(engine, KEY, at=NOW + timedelta(days=20), rows=100))

    seen: set[int] = set()
    before, parts = None, 0
    while parts < 20:
        part = changes.changes(engine, before=before, limit=1)
        seen |= {one["id"] for one in part.found}
        before, parts = part.before, parts + 1
        if before is None:
            break

    assert seen == wanted
    assert parts < 10


def test_the_page_tells_what_is_new_held_and_lost(reader: FlaskClient) -> None:
    told = {one["key"]: one for one in reader.get("/changes.json?country=de").get_json()["changes"]}
    assert told["de/berlin/buildings/city"]["kind"] in {"held", "new"}
    kinds = [one["kind"] for one in reader.get("/changes.json").get_json()["changes"]]
    assert {"new", "held", "lost"} <= set(kinds)
    assert [one["problem"] for one in reader.get("/changes.json?kind=held").get_json()["changes"]] == [
        "lost half of its rows"
    ]
    text = reader.get("/changes/", headers={"Accept": "text/html"}).text
    assert "lost half of its rows" in text


def test_pages_and_their_twins_name_the_former_key(client: FlaskClient, engine: sa.Engine) -> None:
    for n, (old, new) in enumerate(((OLD, KEY), ("us/ca/x/addresses/a", "us/ca/x/addresses/b"))):
        declare(engine, old)
        run(engine, old, rows=100)
        renamed(engine, old, new, day(10))
        run(engine, new, G if n else F, at=day(11), rows=100)

    told = {one["kind"]: one for one in client.get("/changes.json").get_json()["changes"]}
    assert (told["renamed"]["key"], told["renamed"]["former_key"]) == ("us/ca/x/addresses/b", "us/ca/x/addresses/a")
    assert told["lost"]["former_key"] == OLD
    assert told["new"]["former_key"] is None
    feed = client.get("/changes.atom").text
    assert "<title>us/ca/x/addresses/b: renamed from us/ca/x/addresses/a</title>" in feed
    assert f"lost: Could not download source data; formerly {OLD}" in feed
    for address in ("/changes/?kind=renamed", "/"):
        shown = client.get(address, headers={"Accept": "text/html"}).text.replace("<wbr>", "")
        assert "formerly us/ca/x/addresses/a" in shown


def test_a_part_goes_on_where_the_last_one_ended(reader: FlaskClient) -> None:
    whole = [one["run_id"] for one in reader.get("/changes.json").get_json()["changes"]]
    there: list[int] = []
    address = "/changes.json?per=2"
    while address:
        part = reader.get(address).get_json()
        there += [one["run_id"] for one in part["changes"]]
        address = part.get("next", "").removeprefix("https://site.example")

    assert there == whole
    assert len(whole) > 4
