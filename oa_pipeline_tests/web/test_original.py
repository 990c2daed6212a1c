"""What programs have read for years is there under the same names, in the same columns and keys."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from oa_pipeline.web.site import Site

from .filled import KEY, SOURCE

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
