"""Pages of sets: how far one is, why data sources failed and what can be done, and all of them in parts."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger import builds
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.gate import accept
from oa_pipeline.ledger.tables import RunStatus, set_members, sets
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import asset, create_app
from oa_pipeline.web.pages import sets as pages
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, run
from oa_pipeline_tests.servers import nobody

from .answering.test_caching import counted
from .filled import KEY, SCRIPT, Filled
from .reading import parsed
from .test_pages import page


def test_a_set_tells_how_its_data_sources_ended_and_why(reader: FlaskClient, filled: Filled) -> None:
    data = reader.get(f"/sets/{filled.set_id}.json").get_json()

    assert (data["status"], data["total"], data["ended"]) == ("complete", 8, 8)
    assert data["outcomes"] == {"succeeded": 1, "unchanged": 1, "held": 1, "failed": 3, "skipped": 1, "lost": 1}
    assert data["rows"] == {"addresses": 1234570}
    causes = {one["problem"]: one for one in data["problems"]}
    assert causes["Could not download source data"]["data_sources"] == 1
    assert causes["Could not download source data"]["cure"].startswith("See whether the address still works")
    assert {one["host"] for one in data["hosts"]} == {"p.example", "l.example", SCRIPT}
    by_key = {one["key"]: one for one in data["data_sources"]}
    assert by_key["fr/paris/addresses/city"]["problem"] == {
        "text": "Could not download source data", "detail": "https://p.example/ said 503", "cure": "ask them",
    }  # fmt: skip
    assert by_key[KEY]["problem"] is None
    assert by_key["at/wien/addresses/city"]["problem"]["cure"].startswith("Nothing: its process went away")


def test_the_rows_of_a_set_that_has_ended_are_those_that_were_let_through_since_too(
    engine: sa.Engine, settings: Settings
) -> None:
    declare(engine, KEY)
    with engine.begin() as connection:
        values = {"status": "complete", "repository": "o/r", "started_at": NOW, "deadline_at": NOW, "ended_at": NOW}
        number = connection.execute(sa.insert(sets).values(values).returning(sets.c.id)).scalar_one()
    held = run(engine, KEY, RunStatus.HELD, set_id=number, rows=40)
    member = {"set_id": number, "key": KEY, "position": 0, "step": "ended", "outcome": "held", "run_id": held}
    with engine.begin() as connection:
        connection.execute(sa.insert(set_members).values(**member, moved_at=NOW))
    reader = create_app(site=Site(settings)).test_client()

    assert reader.get(f"/sets/{number}.json").get_json()["rows"] == {}
    accept(engine, held, "me", now=NOW + MINUTE)
    assert reader.get(f"/sets/{number}.json").get_json()["rows"] == {"addresses": 40}


def test_the_page_says_it_in_words_and_shows_no_script_when_all_is_over(reader: FlaskClient, filled: Filled) -> None:
    document = page(reader, f"/sets/{filled.set_id}/")
    text = " ".join(document.all("main")[0].text.split())

    for said in ("8 of 8 data sources have ended", "Why there is no new result", "https://p.example/ said 503"):
        assert said in text
    assert "What to do: ask them" in text
    assert text.count("Add a conform object that says") == 1
    assert f"/sets/{filled.set_id}/state.txt" in document.links()
    assert not document.all("script")
    assert not [one for one in document.elements if "data-live" in one.attributes]


def test_a_set_at_work_shows_how_far_it_is_and_looks_again_by_itself(reader: FlaskClient, filled: Filled) -> None:
    document = page(reader, f"/sets/{filled.open_set_id}/")
    text = " ".join(document.all("main")[0].text.split())

    assert "3 of 8 data sources have ended" in text
    assert "2 to be asked about, 1 being asked about, 1 due, 1 queued or at work" in text
    bar = document.all("progress")[0].attributes
    assert (bar["max"], bar["value"]) == ("8", "3")
    live = [one.attributes for one in document.elements if "data-live" in one.attributes]
    assert all(one["id"] for one in live)
    assert [one["id"] for one in live if one.get("aria-live") == "polite"] == ["progress"]
    assert [one.attributes["src"] for one in document.all("script")] == [asset("progress.js")]
    answer = reader.get(asset("progress.js"))
    assert answer.mimetype == "text/javascript"
    assert len(answer.data) <= 2048


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("outcome=held", ["de/berlin/buildings/city"]),
        ("outcome=succeeded", [KEY]),
        ("problem=Could+not+download+source+data", ["fr/paris/addresses/city"]),
        ("problem=" + quote(SCRIPT), None),
        ("outcome=skipped&problem=Could+not+download+source+data", []),
    ],
)
def test_data_sources_of_a_set_are_filtered(
    reader: FlaskClient, filled: Filled, query: str, keys: list[str] | None
) -> None:
    found = [one["key"] for one in reader.get(f"/sets/{filled.set_id}.json?{query}").get_json()["data_sources"]]

    assert found == keys if keys is not None else len(found) == 1


def test_parts_are_the_whole_forwards_and_back(
    reader: FlaskClient, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [one["key"] for one in reader.get(f"/sets/{filled.set_id}.json").get_json()["data_sources"]]
    monkeypatch.setattr(pages, "PER_MEMBERS", 3)
    there, back = [], []
    part = reader.get(f"/sets/{filled.set_id}.json?page=%3E").get_json()  # another address than the one that is kept
    while True:
        there += [one["key"] for one in part["data_sources"]]
        if "next" not in part:
            break
        part = reader.get(part["next"].removeprefix("https://site.example")).get_json()
    while True:
        back = [one["key"] for one in part["data_sources"]] + back
        if "prev" not in part:
            break
        part = reader.get(part["prev"].removeprefix("https://site.example")).get_json()

    assert len(whole) == 8
    assert there == whole
    assert back == whole


def test_the_list_goes_on_under_the_names_it_always_had(engine: sa.Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        for _ in range(30):
            values = {
                "status": "cancelled",
                "repository": "o/r",
                "started_at": NOW,
                "deadline_at": NOW,
                "ended_at": NOW,
            }
            connection.execute(sa.insert(sets).values(values))
    reader = create_app(site=Site(settings, catalogue_seconds=0)).test_client()

    first = reader.get("/sets.json").get_json()
    assert [one["id"] for one in first["sets"]] == list(range(30, 5, -1))
    assert first["next"] == "https://site.example/sets.json?past=6&n=26"
    older = reader.get("/sets.json?past=6&n=26").get_json()
    assert [one["id"] for one in older["sets"]] == [5, 4, 3, 2, 1]
    assert "next" not in older
    assert reader.get("/sets/?past=1").status_code == 200  # an empty page, as it was
    for wrong in ("past=x", "past=-1", "n=0", "n=x", "past=99999999999999999999"):
        assert reader.get(f"/sets/?{wrong}").status_code == 400


def test_what_a_set_came_to_is_asked_once_when_it_has_ended(reader: FlaskClient, filled: Filled, site: Site) -> None:
    reader.get(f"/sets/{filled.set_id}/?outcome=failed")
    with counted(site) as asked:
        reader.get(f"/sets/{filled.set_id}/?outcome=lost")
    assert len(asked) == 4  # the version, the set, its data sources, and its maps


def test_a_folder_of_the_operator_is_not_named(engine: sa.Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        values = {"status": "open", "repository": "/home/somebody/sources", "started_at": NOW, "deadline_at": NOW}
        connection.execute(sa.insert(sets).values(values))
    reader = create_app(site=Site(settings)).test_client()

    assert reader.get("/sets/1.json").get_json()["repository"] == ""
    assert "somebody" not in reader.get("/sets/1/").text


def test_maps_of_a_set_are_named_once_they_are_there_whether_the_store_answers_or_not(
    engine: sa.Engine, settings: Settings
) -> None:
    with engine.begin() as connection:
        values = {"status": "complete", "repository": "o/r", "started_at": NOW, "deadline_at": NOW, "ended_at": NOW}
        connection.execute(sa.insert(sets).values(values))
    with nobody() as away:
        closed = replace(settings, store="s3://bucket/", s3_endpoint=away)
        reader = create_app(site=Site(closed, catalogue_seconds=0)).test_client()
        assert reader.get("/sets/1.json").get_json()["render_world_url"] is None
        assert reader.get("/sets/1/render-world.png").status_code == 404

        build = builds.begin_build(engine, "coverage", run_ids=(), now=NOW)
        keys = [f"sets/1/{name}" for name in pages.RENDERED.values()]
        builds.publish_artifacts(engine, build, [builds.Artifact(key, key, 9, "b" * 64) for key in keys], {}, now=NOW)

        data = reader.get("/sets/1.json").get_json()
        assert data["render_world_url"] == "https://site.example/files/sets/1/render-world.png"
        assert data["render_geojson_url"] == "https://site.example/files/sets/1/render-world.geojson"
        assert reader.get("/sets/1/render-world.png").headers["Location"] == "/files/sets/1/render-world.png"
        assert reader.get("/sets/1/other.png").status_code == 404
        assert "<strong>Old page.</strong>" not in reader.get("/sets/1/").text


def test_progress_is_there_without_script_after_a_reload(reader: FlaskClient, filled: Filled, site: Site) -> None:
    address = f"/sets/{filled.open_set_id}/"
    before = reader.get(address)
    with ledger_engine(site.settings.database_url).begin() as connection:
        change = "UPDATE oa.set_members SET step = 'ended', outcome = 'lost' WHERE set_id = :n AND key LIKE 'at/wien%'"
        connection.execute(sa.text(change), {"n": filled.open_set_id})
        connection.execute(sa.text("UPDATE oa.pointers SET swapped_at = now()"))
    after = reader.get(address)

    assert after.headers["ETag"] != before.headers["ETag"]
    assert "4 of 8 data sources have ended" in " ".join(parsed(after.text).all("main")[0].text.split())
    assert "max-age=5" in after.headers["Cache-Control"]
    json.loads(reader.get(f"/sets/{filled.open_set_id}.json").text)
