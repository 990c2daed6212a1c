"""Pages of jobs: how each data source stands, what is to be mended, and how it differs from what is published."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.tables import job_members, jobs
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, job, propose, run

from .checked import PUSHED
from .filled import KEY, SCRIPT, SOURCE, Filled, outputs
from .reading import parsed
from .test_pages import page

HEAD = "a" * 40


def test_a_job_shows_its_pull_request_and_each_data_source(reader: FlaskClient, filled: Filled) -> None:
    document = page(reader, f"/jobs/{filled.job_id}")
    text = " ".join(document.all("main")[0].text.split())

    assert "https://github.com/o/r/pull/7" in document.links()
    assert f"/runs/{filled.proposed}/" in document.links()
    assert "1 being checked, 1 fine; 2 data sources in all" in text
    assert "−1 234 564 >99 %" in text  # three rows instead of 1,234,567
    assert "Would be held. It loses so much" in text
    assert "1,234,567 rows before, 3 now (-100.0%)" in text
    assert "Another licence. not stated instead of CC BY 4.0." in text
    assert [one.attributes["id"] for one in document.elements if one.attributes.get("aria-live")] == ["progress"]


def test_what_is_to_be_mended_is_said_with_its_place_and_cure(reader: FlaskClient, filled: Filled) -> None:
    document = page(reader, f"/jobs/{filled.pushed}")
    text = document.all("main")[0].text

    assert "not a valid source" in text
    assert "not read" in text
    assert "… and 10 more." in " ".join(text.split())
    lines = [one for one in document.links() if one.endswith("#L3")]
    assert len(lines) == 50
    assert all(one.startswith(f"https://github.com/o/r/blob/{PUSHED}/sources/%3Cscript%3E") for one in lines)
    assert text.count("What to do:") >= 51
    assert not document.all("script")
    assert not document.all("img")
    assert SCRIPT in text


def test_the_twin_has_the_same_facts(reader: FlaskClient, filled: Filled) -> None:
    data = reader.get(f"/jobs/{filled.job_id}.json").get_json()

    assert (data["status"], data["pull_request"], data["total"]) == ("pending", 7, 2)
    assert data["outcomes"] == {"pending": 1, "good": 1}
    fine = data["data_sources"][1]
    assert (fine["key"], fine["outcome"], fine["rows"], fine["change"]) == (KEY, "good", 3, 3 - 1234567)
    assert fine["published"]["rows"] == 1234567
    assert fine["would_be_held"][0] == "1,234,567 rows before, 3 now (-100.0%)"
    assert data["data_sources"][0]["would_be_held"] == []
    assert {one["field"]: one["share_published"] for one in fine["fields"]}["street"] == pytest.approx(0.9995, abs=1e-3)


@pytest.mark.parametrize(
    ("address", "location"),
    [
        (f"/jobs/{HEAD}", "/jobs/job-7-aaa"),
        (f"/jobs/{HEAD}.json", "/jobs/job-7-aaa.json"),
        (f"/jobs/{PUSHED.upper()}", "/jobs/job-push"),
    ],
)
def test_a_commit_leads_to_its_newest_job(reader: FlaskClient, address: str, location: str) -> None:
    answer = reader.get(address)

    assert (answer.status_code, answer.headers["Location"]) == (302, location)


@pytest.mark.parametrize("name", ["nothing", "c" * 40, "..", "a" * 101, "%00", "a%2Fb"])
def test_what_is_no_job_is_not_found(reader: FlaskClient, name: str) -> None:
    for extension in ("", ".json"):
        assert reader.get(f"/jobs/{name}{extension}").status_code == 404


def test_the_list_goes_on_under_the_names_it_always_had(engine: sa.Engine, settings: Settings) -> None:
    ids = [job(engine, pull_request=n, head=f"{n:040x}") for n in range(100, 130)]
    reader = create_app(site=Site(settings, catalogue_seconds=0)).test_client()

    first = reader.get("/jobs.json").get_json()
    assert [one["id"] for one in first["jobs"]] == ids[:4:-1]
    assert first["next"] == f"https://site.example/jobs.json?past={ids[5]}&n=26"
    older = reader.get(f"/jobs.json?past={ids[5]}&n=26").get_json()
    assert [one["id"] for one in older["jobs"]] == ids[4::-1]
    assert "next" not in older
    assert reader.get(f"/jobs/?past={ids[0]}").status_code == 200
    assert [reader.get(f"/jobs/?{wrong}").status_code for wrong in ("past=nothing", "n=x")] == [400, 400]


@pytest.fixture
def proposed(engine: sa.Engine, settings: Settings) -> dict[str, Any]:
    """A pull request's run with files in the store, and a preview."""
    declare(engine, KEY)
    run(engine, KEY, rows=100)
    conform = {"format": "csv", "number": "NUM", "street": "STREET", "lon": "X", "lat": "Y"}
    declared = {"name": "county", "protocol": "http", "data": "https://x.example/a.csv", "conform": conform}
    key = propose(engine, KEY, declared=declared)
    made = outputs("pr/2/", SOURCE, preview={"key": "pr/2/preview.png", "size": 1, "sha256": "x", "rows": None})
    made["sample"]["size"] = made["geojson"]["size"] = 200
    number = run(engine, key, job_id=job(engine), at=NOW + MINUTE, rows=110, outputs=made)
    folder = settings.home / "store/pr/2"
    folder.mkdir(parents=True)
    (folder / "sample.json").write_text(json.dumps([["NUM", "STREET", "X"], ["1", SCRIPT, "7.5"], ["2", None, "\x07"]]))
    feature = {"type": "Feature", "properties": {"number": "1", "street": SCRIPT}, "geometry": None}
    (folder / "out.geojson.gz").write_bytes(gzip.compress(f"{json.dumps(feature)}\n".encode()))
    member = {"job_id": "job-7-aaa", "key": KEY, "partition": key, "run_id": number, "ended_at": NOW}
    with engine.begin() as connection:
        connection.execute(sa.insert(job_members).values(member))
        ended = {"status": "success", "ended_at": NOW}
        connection.execute(sa.update(jobs).values(ended))
    return {"folder": folder, "number": number}


def test_rows_of_a_proposal_are_shown_as_given_and_as_they_would_be_published(
    proposed: dict[str, Any], settings: Settings
) -> None:
    reader = create_app(site=Site(settings, catalogue_seconds=0)).test_client()
    document = page(reader, "/jobs/job-7-aaa")
    text = document.all("main")[0].text
    captions = [one.text for one in document.all("caption")]

    assert "The first rows, as the publisher has them" in captions
    assert "The first rows, as they would be published" in captions
    assert [one.text for one in document.all("td")].count(SCRIPT) == 2
    assert "+10 10 %" in " ".join(text.split())
    assert [one.attributes["src"] for one in document.all("img")] == ["/files/pr/2/preview.png"]
    assert [one.attributes["alt"] for one in document.all("img")] == [f"Map of the data of {KEY}"]
    assert "/files/pr/2/output.txt" in document.links()
    assert not document.unclosed


def test_rows_that_were_read_once_are_not_read_again(
    proposed: dict[str, Any], settings: Settings, engine: sa.Engine
) -> None:
    reader = create_app(site=Site(settings, catalogue_seconds=0)).test_client()
    reader.get("/jobs/job-7-aaa")
    for path in proposed["folder"].iterdir():
        path.unlink()
    run(engine, KEY, at=NOW + 9 * MINUTE, rows=100)

    again = parsed(reader.get("/jobs/job-7-aaa").text)
    assert "The first rows, as the publisher has them" in [one.text for one in again.all("caption")]
    elsewhere = create_app(site=Site(settings, catalogue_seconds=0)).test_client()
    assert "cannot be shown: its file is not kept any more" in elsewhere.get("/jobs/job-7-aaa").text
