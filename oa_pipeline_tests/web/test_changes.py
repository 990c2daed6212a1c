"""What runs have made different."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger import changes
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.ledger.life import NOW, declare, job, propose, run

KEY = "fr/paris/addresses/city"
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
