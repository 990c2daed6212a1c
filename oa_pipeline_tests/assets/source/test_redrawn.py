"""A map that failed once is drawn by a later run that finds nothing changed, beside the result that it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.orchestration.carry_out import Order, carry_out
from oa_pipeline.orchestration.redrawn import lacking
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.process import Wanted
from oa_pipeline.publish.prune import Wish, prune
from oa_pipeline.settings import Settings
from oa_pipeline_tests.assets.materialized import data_version, metadata
from oa_pipeline_tests.ledger.life import job

from .told import HARBOUR, latest

pytestmark = pytest.mark.usefixtures("one_converter")

Row = dict[str, Any]


@pytest.fixture
def drawing(workplace: Workplace) -> Workplace:
    return Workplace(replace(workplace.settings, previews=True, slippy_maps=True))


@pytest.fixture
def failing(drawing: Workplace, tmp_path: Path) -> Workplace:
    """Where every slippy map fails."""
    program = tmp_path / "tippecanoe"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    return Workplace(replace(drawing.settings, tippecanoe=str(program)))


def told(row: Row) -> list[str]:
    """What is said about maps that are not there."""
    return [warning for warning in row["warnings"] if "There is no" in warning]


def stored(workplace: Workplace) -> dict[str, Any]:
    """When each object was written, by key."""
    return {found.key: found.modified for found in workplace.store().list()}


def test_a_map_that_failed_is_drawn_by_the_next_run_and_kept_by_those_after(
    run: Callable[..., Any], drawing: Workplace, failing: Workplace, engine: sa.Engine
) -> None:
    made = run(HARBOUR, at=failing)
    one, before = latest(engine, HARBOUR), stored(drawing)
    assert told(one) == ["There is no slippy map: tippecanoe ended with status 3. The data are not affected"]

    drawn = run(HARBOUR, at=drawing)
    two = latest(engine, HARBOUR)
    assert (two["status"], two["copy_of"], told(two)) == ("succeeded", one["id"], [])
    key = f"runs/{one['id']}/slippymap.{two['id']}.pmtiles"
    assert (two["outputs"]["pmtiles"]["key"], two["outputs"]["pmtiles"]["rows"]) == (key, 239)
    assert {kind: held for kind, held in two["outputs"].items() if kind != "pmtiles"} == one["outputs"]
    assert "tiles" in two["seconds"]
    assert stored(drawing).keys() - before.keys() == {key}
    assert {k: at for k, at in stored(drawing).items() if k in before} == before, "nothing of it was written again"
    assert drawing.store().size(key) == two["outputs"]["pmtiles"]["size"]
    assert data_version(made) == data_version(drawn)
    assert metadata(drawn)["status"] == f"unchanged since run {one['id']}"

    run(HARBOUR, at=drawing)
    three = latest(engine, HARBOUR)
    assert (three["copy_of"], three["outputs"], three["seconds"]) == (one["id"], two["outputs"], {})
    assert list((drawing.settings.home / "work").iterdir()) == []
    later = Wish(timedelta(days=1), dry=True)
    pruned = prune(engine, drawing.store(), later, now=datetime.now(UTC) + timedelta(days=60))
    assert (pruned.results, pruned.orphans.count) == ({}, 0), "it is kept with the result that it is of"


def test_a_map_that_fails_again_costs_the_run_nothing_else(
    run: Callable[..., Any], drawing: Workplace, failing: Workplace, engine: sa.Engine
) -> None:
    run(HARBOUR, at=drawing)
    one = latest(engine, HARBOUR)
    without = {kind: held for kind, held in one["outputs"].items() if kind != "pmtiles"}
    forget(engine, one["id"], without)
    for words in ("There is no slippy map: tippecanoe ended with status 3. The data are not affected",) * 2:
        assert run(HARBOUR, at=failing).success
        again = latest(engine, HARBOUR)
        assert (again["copy_of"], again["outputs"], told(again)) == (one["id"], without, [words])


def test_a_result_whose_rows_are_not_what_was_stored_has_no_map_of_them(
    run: Callable[..., Any], workplace: Workplace, drawing: Workplace, engine: sa.Engine
) -> None:
    run(HARBOUR, at=workplace)
    one = latest(engine, HARBOUR)
    path = Path(drawing.store().location, one["outputs"]["parquet"]["key"])
    path.chmod(0o644)
    path.write_bytes(b"PAR1")
    assert run(HARBOUR, at=drawing).success
    again = latest(engine, HARBOUR)
    assert (again["copy_of"], again["outputs"]) == (one["id"], one["outputs"])
    assert [words.partition(": ")[0] for words in told(again)] == ["There is no preview", "There is no slippy map"]
    assert all("out.parquet is not what was stored there" in words for words in told(again))


def test_github_does_not_wait_for_it(
    run: Callable[..., Any], workplace: Workplace, drawing: Workplace, engine: sa.Engine
) -> None:
    run(HARBOUR, at=workplace)
    carried = carry_out(drawing, Order(HARBOUR, job_id=job(engine)), say=lambda _: None)
    assert carried.unchanged
    assert "preview" not in carried.ending.outputs


def forget(engine: sa.Engine, number: int, outputs: Row) -> None:
    """As if these had been all that the run made."""
    change = sa.text("UPDATE oa.runs SET outputs = :outputs WHERE id = :number")
    with engine.begin() as connection:
        connection.execute(change.bindparams(sa.bindparam("outputs", outputs, sa.JSON())), {"number": number})


ALL = {"parquet": {}, "preview": {}, "pmtiles": {}}


@pytest.mark.parametrize(
    ("made", "bounds", "settings", "expected"),
    [
        (ALL, (1, 2, 3, 4), {}, Wanted()),
        ({"parquet": {}}, (1, 2, 3, 4), {}, Wanted(preview=True, tiles=True)),
        ({"parquet": {}, "preview": {}}, (1, 2, 3, 4), {}, Wanted(tiles=True)),
        ({"parquet": {}}, (1, 2, 3, 4), {"previews": False, "slippy_maps": False}, Wanted()),
        ({"parquet": {}}, (1, 2, 3, 4), {"tippecanoe": "/nowhere/tippecanoe"}, Wanted(preview=True)),
        ({"parquet": {}}, (5, 89, 6, 90), {}, Wanted(preview=True)),
        ({"parquet": {}}, (5, -90, 6, -89), {}, Wanted(preview=True)),
        ({"parquet": {}}, None, {}, Wanted()),
        ({"csv": {}}, (1, 2, 3, 4), {}, Wanted()),
    ],
    ids=[
        "nothing is missing", "both are", "one is", "none is made here", "no tippecanoe here", "the north pole",
        "the south pole", "no row has a place", "no GeoParquet",
    ],
)  # fmt: skip
def test_what_is_drawn_is_what_can_be(tmp_path: Path, made: Row, bounds: Any, settings: Row, expected: Wanted) -> None:
    result = {"outputs": made, "bounds": bounds, "prefix": "runs/1/"}
    assert lacking(result, Settings(home=tmp_path, **settings)) == expected
