"""The asset on real samples: real conversion, real PostgreSQL, a store in a folder, Dagster in this process."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetKey,
    DagsterInstance,
)

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.ledger import queries
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline_tests.assets.materialized import data_version, metadata

from .told import CSV, HARBOUR, add, checks, latest

pytestmark = pytest.mark.usefixtures("one_converter")


def test_a_source_is_published_and_shows_what_a_person_wants_to_see(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    result = run(HARBOUR)
    assert result.success
    row = latest(engine, HARBOUR)
    assert (row["status"], row["rows"], row["tests_passed"], row["copy_of"]) == ("succeeded", 239, True, None)
    number = row["id"]
    keys = {found.key for found in workplace.store().list()}
    assert keys == {
        f"runs/{number}/{name}"
        for name in (
            "cache.csv", "index.json", "out.geojson.gz", "out.parquet", "output.txt", "sample.json", "xx/harbour.zip",
        )
    }  # fmt: skip
    shown = metadata(result)
    assert (shown["dagster/row_count"], shown["rows read"], shown["rows dropped"]) == (239, 240, 1)
    assert (shown["status"], shown["licence"]) == ("succeeded", "Public domain")
    assert [r.data for r in shown["dropped by cause"]] == [{"cause": "bad-coordinates", "rows": 1}]
    shares = {r.data["field"]: r.data["share"] for r in shown["fields filled"]}
    assert (shares["street"], shares["unit"]) == ("100.0%", "not mapped")
    assert shown["sample"][0].data["STREET"] == "Anchor Lane"
    assert Path(shown["GeoJSON"]).is_file()
    assert {r.data["file"]: r.data["bytes"] for r in shown["sizes"]}["GeoJSON"] == Path(shown["GeoJSON"]).stat().st_size
    stages = [r.data["stage"] for r in shown["seconds by stage"]]
    assert (stages[0], stages[-2:]) == ("download", ["publish", "total"])
    assert "in GeoJSON only" not in shown, "an empty table tells nothing"
    assert checks(result) == {
        "acceptance_tests": True, "declared_coverage": True, "not_empty": True, "number_and_street": True,
        "publication_gate": True,
    }  # fmt: skip
    assert list((workplace.settings.home / "work").iterdir()) == []


def test_maps_of_a_run_are_stored_recorded_and_shown_and_kept_while_nothing_changes(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    drawing = Workplace(replace(workplace.settings, previews=True, slippy_maps=True))
    result = run(HARBOUR, at=drawing)
    row = latest(engine, HARBOUR)
    outputs, number = row["outputs"], row["id"]
    assert (outputs["preview"]["key"], outputs["preview"]["content_type"]) == (
        f"runs/{number}/preview.png",
        "image/png",
    )
    assert outputs["pmtiles"]["key"] == f"runs/{number}/slippymap.pmtiles"
    assert (outputs["pmtiles"]["rows"], outputs["pmtiles"]["content_type"]) == (239, "application/vnd.pmtiles")
    assert workplace.store().size(outputs["pmtiles"]["key"]) == outputs["pmtiles"]["size"]
    assert {"preview", "tiles"} <= set(row["seconds"])
    shown = metadata(result)
    assert shown["map"].startswith("![where its rows are](data:image/png;base64,")
    assert len(shown["map"]) < 32 * 1024
    assert {"preview", "slippy map"} <= set(shown)

    run(HARBOUR, at=drawing)
    again = latest(engine, HARBOUR)
    assert (again["copy_of"], again["outputs"]) == (number, outputs)


def test_a_run_whose_maps_cannot_be_made_is_published_and_says_so(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    settings = replace(workplace.settings, previews=True, slippy_maps=True, tippecanoe="/nowhere/tippecanoe")
    result = run(HARBOUR, at=Workplace(settings))
    assert result.success
    row = latest(engine, HARBOUR)
    assert row["status"] == "succeeded"
    assert "pmtiles" not in row["outputs"]
    assert "preview" in row["outputs"]
    assert any("There is no slippy map: there is no program" in warning for warning in row["warnings"])
    assert "There is no slippy map" in metadata(result)["warnings"]


def test_the_log_of_a_run_is_its_standard_output(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(HARBOUR)
    assert "done: 239 rows" in capsys.readouterr().out


def test_an_unchanged_source_is_what_it_was_and_is_not_converted_again(run: Any, engine: sa.Engine) -> None:
    first = run(HARBOUR)
    one = latest(engine, HARBOUR)
    second = run(HARBOUR)
    two = latest(engine, HARBOUR)
    third = run(HARBOUR)
    three = latest(engine, HARBOUR)
    assert data_version(first) == data_version(second) == data_version(third)
    assert (two["copy_of"], three["copy_of"]) == (one["id"], one["id"])
    assert two["outputs"] == one["outputs"]
    assert metadata(second)["status"] == f"unchanged since run {one['id']}"
    assert metadata(second)["sample"] == metadata(first)["sample"]
    assert two["seconds"] == {}
    assert queries.latest_good_run(engine, HARBOUR)["id"] == three["id"]  # type: ignore[index]


def test_a_new_time_stamp_with_the_same_bytes_is_no_change(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    key = add(workplace, "own", data.as_uri())
    first = run(key)
    data.write_text("n,s,x,y\n1,A,2,3\n")
    second = run(key)
    assert latest(engine, key)["copy_of"] is not None
    assert data_version(first) == data_version(second)


@pytest.mark.parametrize("what", ["force", "source file", "object deleted"])
def test_it_is_converted_again_when_asked_or_when_the_result_would_not_stand(
    run: Any, workplace: Workplace, engine: sa.Engine, what: str
) -> None:
    first = run(HARBOUR)
    if what == "source file":
        path = Path(workplace.settings.sources) / "sources/xx/harbour.json"
        path.write_text(path.read_text().replace('"postcode": "ZIP"', '"postcode": "ZIP", "city": "STREET"'))
    if what == "object deleted":
        Path(workplace.store().location, latest(engine, HARBOUR)["outputs"]["csv"]["key"]).unlink()
    second = run(HARBOUR, force=what == "force")
    assert latest(engine, HARBOUR)["copy_of"] is None
    assert (data_version(first) == data_version(second)) is (what != "source file")


def test_the_second_addresses_of_a_file_have_a_csv_of_their_own(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    path = Path(workplace.settings.sources) / "sources/xx/two.json"
    both = [{"name": name, "protocol": "http", "data": data.as_uri(), "conform": CSV} for name in ("one", "two")]

    def csv_of(name: str) -> list[str]:
        run(f"xx/two/addresses/{name}")
        stored = latest(engine, f"xx/two/addresses/{name}")["outputs"]["csv"]["key"]
        with zipfile.ZipFile(Path(workplace.store().location, stored)) as held:
            return [member for member in held.namelist() if member.endswith(".csv") and "summary" not in member]

    for order, expected in ((both, "xx/two-two.csv"), (both[1:], "xx/two.csv")):
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": order}}
        path.write_text(json.dumps(text))
        assert csv_of("two") == [expected], "also once it has become the first"


def test_the_pieces_of_dagsters_events_are_few(run: Any, instance: DagsterInstance) -> None:
    result = run(HARBOUR)
    logs = instance.all_logs(result.run_id)
    assert sum(1 for entry in logs if not entry.is_dagster_event) <= 12
    assert instance.get_latest_materialization_event(AssetKey("source")) is not None
    assert PARTITIONS == "sources"
