"""What programs have read for years is there under the same names, in the same columns and keys."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.site import Site

from .filled import KEY, SCRIPT, SOURCE, Filled
from .reading import parsed

HEADER = (
    "source\tcache\tsample\tgeometry type\taddress count\tversion\tfingerprint\tcache time\tprocessed\tprocess time\t"
    "process hash\toutput\tattribution required\tattribution name\tshare-alike\tcode version\r\n"
)
BASE = "https://site.example/files"


def test_the_index_has_the_keys_it_always_had(reader: FlaskClient, site: Site) -> None:
    assert reader.get("/index.json").get_json() == {
        "run_states_url": "https://site.example/state.txt",
        "latest_run_processed_url": "https://site.example/latest/run/{source}.zip",
        "tileindex_url": "https://site.example/tiles/{lon}/{lat}.zip",
        "licenses_url": "https://site.example/latest/licenses.json",
        "latest_set_url": "https://site.example/sets/1.json",
        "render_world_url": f"{BASE}/render-world.png",
        "render_europe_url": f"{BASE}/render-europe.png",
        "render_usa_url": f"{BASE}/render-usa.png",
        "render_geojson_url": f"{BASE}/render-world.geojson",
        "collections": {
            "global": {
                "": {
                    "url": f"{BASE}/collections/1/openaddr-collected-global.zip",
                    "content_length": 5000000,
                    "license": "Freely Shareable",
                },
                "sa": {
                    "url": f"{BASE}/collections/1/openaddr-collected-global.zip",
                    "content_length": 5000,
                    "license": "Share-Alike Required",
                },
            }
        },
    }


def test_the_state_has_the_columns_it_always_had(reader: FlaskClient) -> None:
    answer = reader.get("/state.txt")
    lines = answer.data.decode().split("\r\n")

    assert re.fullmatch(r"text/plain; charset=utf-?8", answer.content_type)
    assert lines[0] + "\r\n" == HEADER
    assert (lines[-1], len(lines)) == ("", 8)  # two files have no addresses that were run, or none at all
    row = dict(zip(HEADER.strip().split("\t"), lines[4].split("\t"), strict=True))
    assert row == {
        "source": f"{SOURCE}.json",
        "cache": f"{BASE}/runs/1/cache.csv",
        "sample": f"{BASE}/runs/1/sample.json",
        "geometry type": "Point",
        "address count": "1234567",
        "version": "",
        "fingerprint": "ef" * 16,
        "cache time": "0:00:03.500000",
        "processed": f"{BASE}/runs/1/{SOURCE}.zip",
        "process time": "0:00:07",
        "process hash": "ab" * 32,
        "output": f"{BASE}/runs/1/output.txt",
        "attribution required": "true",
        "attribution name": "Alameda County",
        "share-alike": "false",
        "code version": "1",
    }
    assert [line.split("\t")[0] for line in lines[1:5]] == [
        "at/graz.json",
        "fr/lyon.json",
        "fr/paris.json",
        f"{SOURCE}.json",
    ]


def test_health_is_a_word_and_true(reader: FlaskClient) -> None:
    answer = reader.get("/health")

    assert (answer.status_code, answer.mimetype, answer.text.strip()) == (200, "text/plain", "OK")


def test_a_source_is_found_by_its_path_and_by_its_key(reader: FlaskClient) -> None:
    assert reader.get(f"/sources/{SOURCE}").status_code == reader.get(f"/sources/{KEY}").status_code == 200
    missing = reader.get("/sources/us/ca/nowhere")
    assert missing.status_code == 404
    assert missing.get_json()["error"]["message"] == "Source us/ca/nowhere does not exist"


HTML, JSON, TEXT = "text/html", "application/json", "text/plain"
KEPT = [
    ("/", 200, HTML),
    ("/?runs=all", 200, HTML),
    ("/health", 200, TEXT),
    ("/jobs/", 200, HTML),
    ("/jobs/?n=26&past=job-7-aaa", 200, HTML),
    ("/jobs/job-7-aaa", 200, HTML),
    ("/sets/", 200, HTML),
    ("/sets/?n=26&past=2", 200, HTML),
    ("/sets/1/", 200, HTML),
    ("/sets/1.json", 200, JSON),
    ("/sets/1/state.txt", 200, TEXT),
    ("/state.txt", 200, TEXT),
    ("/latest/set", 302, "/sets/1/"),
    (f"/latest/run/{SOURCE}.zip", 302, f"/files/runs/1/{SOURCE}.zip"),
    ("/latest/licenses.json", 200, JSON),
    ("/index.json", 200, JSON),
    ("/runs/1/sample.html", 200, HTML),
    ("/runs/1/dotmap/index.html", 302, "/runs/1/map/"),
    (f"/sources/{SOURCE}", 200, HTML),
    ("/dashboard", 302, "/statistics/"),
    ("/robots.txt", 200, TEXT),
]


@pytest.mark.parametrize(("address", "status", "what"), KEPT, ids=[address for address, *_ in KEPT])
def test_every_address_that_is_kept_answers_as_it_did(
    reader: FlaskClient, address: str, status: int, what: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = reader.open(address, method=method, headers={"Accept": "text/html,*/*;q=0.8"})
        assert answer.status_code == status
        assert (answer.headers["Location"] if status == 302 else answer.mimetype) == what
    refused = reader.post(address)
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/jobs/nothing", "Job nothing not found"),
        ("/sets/99/", "Set 99 does not exist"),  # a mistake of ours was the answer once, as to the two that follow
        ("/sets/99.json", "Set 99 does not exist"),
        ("/sets/99/state.txt", "Set 99 does not exist"),
        ("/runs/99/sample.html", "Run 99 does not exist"),
        ("/sources/us/ca/nowhere", "Source us/ca/nowhere does not exist"),
        ("/latest/run/us/ca/nowhere.zip", "No latest run found"),
        ("/tiles/x/y.zip", '"x" and "y" must both be numeric.'),
        ("/tiles/200/0.zip", '"200" and "0" must both be on earth.'),
    ],
)
def test_what_does_not_exist_is_said_in_the_words_it_always_was(
    reader: FlaskClient, address: str, message: str
) -> None:
    answer = reader.get(address)
    assert (answer.status_code, answer.get_json()["error"]["message"]) == (404, message)
    if not address.endswith((".json", ".txt")):
        page = reader.get(address, headers={"Accept": "text/html"})
        assert (page.status_code, page.mimetype) == (404, HTML)
        assert message in parsed(page.text).all("main")[0].text


def test_a_set_has_the_keys_it_always_had(reader: FlaskClient, filled: Filled) -> None:
    ended = reader.get(f"/sets/{filled.set_id}.json").get_json()
    going = reader.get(f"/sets/{filled.open_set_id}.json").get_json()

    always = {
        "id": filled.set_id,
        "commit_sha": "d" * 40,
        "datetime_start": "2026-03-01 12:00:00+00:00",
        "datetime_end": "2026-03-01 12:00:00+00:00",
        "render_world_url": None,
        "render_europe_url": None,
        "render_usa_url": None,
        "render_geojson_url": None,
    }
    assert {name: ended[name] for name in always} == always
    assert (going["commit_sha"], going["datetime_end"]) == (None, "None")


def test_the_state_of_a_set_is_of_its_own_runs(reader: FlaskClient, filled: Filled) -> None:
    answer = reader.get(f"/sets/{filled.set_id}/state.txt")
    lines = answer.data.decode().split("\r\n")

    assert re.fullmatch(r"text/plain; charset=utf-?8", answer.content_type)
    assert lines[0] + "\r\n" == HEADER
    rows = [dict(zip(HEADER.strip().split("\t"), line.split("\t"), strict=True)) for line in lines[1:-1]]
    known = ["at/graz.json", "fr/lyon.json", "fr/paris.json", f"{SOURCE}.json", "us/ca/berkeley.json"]
    assert [row["source"] for row in rows][:5] == known
    assert [row["processed"] for row in rows][3] == f"{BASE}/runs/1/{SOURCE}.zip"
    assert reader.get(f"/sets/{filled.open_set_id}/state.txt").data.decode() == HEADER


def test_a_sample_is_a_table_with_a_column_for_each_row(reader: FlaskClient, filled: Filled) -> None:
    document = parsed(reader.get("/runs/1/sample.html").text)

    assert [one.text for one in document.all("th")] == ["Column", "Row 1", "Row 2", "NUM", "STREET"]
    assert [one.text for one in document.all("td")] == ["1", "2", "Main St", ""]
    assert not document.all("html")
    hostile = parsed(reader.get(f"/runs/{filled.hostile - 1}/sample.html").text)
    assert not hostile.all("script")
    assert SCRIPT in [one.text for one in hostile.all("td")]
    assert "There is no sample data." in reader.get(f"/runs/{filled.failed}/sample.html").text


@pytest.mark.parametrize(
    "address", ["/index.json", "/state.txt", "/latest/licenses.json", "/sets/1.json", "/latest/set"]
)
def test_programs_of_any_site_may_read_what_is_for_programs(reader: FlaskClient, address: str) -> None:
    answer = reader.get(address, headers={"Origin": "https://elsewhere.example"})

    assert answer.headers.get("Access-Control-Allow-Origin") == "*"


def test_templates_of_the_index_lead_somewhere(reader: FlaskClient) -> None:
    index = reader.get("/index.json").get_json()

    address = index["latest_run_processed_url"].replace("{source}", SOURCE).removeprefix("https://site.example")
    assert reader.get(address).status_code == 302
    address = index["tileindex_url"].replace("{lon}", "1").replace("{lat}", "1").removeprefix("https://site.example")
    assert reader.get(address).get_json()["error"]["message"] == "There is no index of tiles yet"
    for name in ("run_states_url", "licenses_url", "latest_set_url"):
        assert reader.get(index[name].removeprefix("https://site.example")).status_code == 200
