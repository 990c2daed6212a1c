"""Stable addresses lead to what is current, and files are sent whole or in parts, and nothing but files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.builds import Artifact, Tile, begin_build, publish_artifacts, publish_tiles
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.partitions import record_renames
from oa_pipeline.ledger.tables import RunStatus, sets
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, run

from .filled import KEY, SOURCE, Filled, outputs

BODY = bytes(range(256)) * 40
OBJECT = "runs/1/us/ca/alameda.zip"


@pytest.fixture(scope="module")
def world(site: Site, filled: Filled) -> sa.Engine:
    """The ledger and the store, with what these addresses are about."""
    engine = ledger_engine(site.settings.database_url)
    skipped = declare(engine, "us/tx/skips/addresses/county")
    run(engine, skipped, outputs=outputs("runs/50/", "us/tx/skips"))
    run(engine, skipped, RunStatus.SKIPPED, at=NOW + MINUTE)
    run(engine, skipped, RunStatus.FAILED, at=NOW + 2 * MINUTE)
    mapped = outputs("runs/51/", "us/tx/maps")
    mapped["pmtiles"] = {"key": "runs/51/slippymap.pmtiles", "size": 1, "sha256": "x", "rows": 1}
    run(engine, declare(engine, "us/tx/maps/addresses/county", first=False), outputs=outputs("runs/52/", "us/tx/maps"))
    run(engine, declare(engine, "us/tx/maps/addresses/city"), outputs=mapped)
    old = declare(engine, "us/tx/old/addresses/county")
    run(engine, old, outputs=outputs("runs/53/", "us/tx/old"))
    declare(engine, "us/tx/renamed/addresses/county")
    record_renames(engine, {old: "us/tx/renamed/addresses/county"}, commit_sha="c", now=NOW)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.partitions SET removed_at = now() WHERE key = :key"), {"key": old})
        for only, status in (("us/ca/*", "complete"), ("", "cancelled")):
            values = {"status": status, "only": only, "repository": "o/r"}
            values |= dict.fromkeys(("started_at", "deadline_at", "ended_at"), NOW)
            connection.execute(sa.insert(sets).values(values))
    build = begin_build(engine, "tiles", run_ids=[], now=NOW)
    made = [
        Tile(-124, 37, "tiles/9/-124.0/37.0.zip", 1, "x", 1, "f"),
        Tile(0, -1, "tiles/9/0.0/-1.0.zip", 1, "x", 1, "f"),
    ]
    publish_tiles(engine, build, made, [], {}, now=NOW)
    build = begin_build(engine, "coverage", run_ids=[], now=NOW)
    publish_artifacts(engine, build, [Artifact("render-usa.png", "coverage/9/usa.png", 1, "x")], {}, now=NOW)
    store = site.settings.home / "store"
    for key in (OBJECT, "render-usa.png", "logs/secret.txt", "config/environment.txt", "pr/3/output.txt"):
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        (store / key).write_bytes(BODY)
    return engine


class Reading(FlaskClient):
    """Reads every answer to its end, as a server does."""

    def open(self, *given: Any, **more: Any) -> Any:
        return super().open(*given, **{"buffered": True, **more})


@pytest.fixture(scope="module")
def visitor(site: Site, world: sa.Engine) -> FlaskClient:
    app = create_app(site=site)
    app.testing = True
    app.test_client_class = Reading
    return app.test_client()


@pytest.mark.parametrize(
    ("address", "location"),
    [
        (f"/latest/run/{SOURCE}.zip", f"/files/{OBJECT}"),
        (f"/latest/run/{KEY}.zip", f"/files/{OBJECT}"),
        (f"/latest/run/{SOURCE}.geojson.gz", "/files/runs/1/out.geojson.gz"),
        (f"/latest/run/{KEY}.parquet", "/files/runs/1/out.parquet"),
        ("/latest/run/us/tx/skips.zip", "/files/runs/50/us/tx/skips.zip"),
        ("/latest/run/us/tx/maps.zip", "/files/runs/51/us/tx/maps.zip"),
        ("/latest/run/us/tx/maps/addresses/county.zip", "/files/runs/52/us/tx/maps.zip"),
        ("/latest/run/us/tx/maps.pmtiles", "/files/runs/51/slippymap.pmtiles"),
        ("/latest/run/us/tx/old.zip", "/files/runs/53/us/tx/old.zip"),
        ("/latest/run/us/tx/old/addresses/county.parquet", "/files/runs/53/out.parquet"),
        ("/latest/run/us/tx/renamed.zip", "/files/runs/53/us/tx/old.zip"),
        ("/latest/set", "/sets/1/"),
        ("/tiles/-123.001/37.99.zip", "/files/tiles/9/-124.0/37.0.zip"),
        ("/tiles/-124/37.zip", "/files/tiles/9/-124.0/37.0.zip"),
        ("/tiles/0.5/-0.5.zip", "/files/tiles/9/0.0/-1.0.zip"),
        ("/latest/collections/openaddr-collected-asia.zip", "/files/collections/1/openaddr-collected-asia.zip"),
        ("/render-usa.png", "/files/coverage/9/usa.png"),
    ],
)
def test_a_stable_address_leads_to_what_is_current(visitor: FlaskClient, address: str, location: str) -> None:
    answer = visitor.get(address)

    assert (answer.status_code, answer.headers["Location"]) == (302, location)
    assert "max-age=300" in answer.headers["Cache-Control"]
    assert visitor.head(address).headers["Location"] == location


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/latest/run/us/ca/nowhere.zip", "No latest run found"),
        ("/latest/run/fr/paris.zip", "No latest run found"),  # never a good one
        ("/latest/run/at/graz.zip", "No latest run found"),  # skipped from the beginning
        ("/latest/run/at/wien.zip", "No latest run found"),  # never run
        ("/latest/run/de/berlin.zip", "No latest run found"),  # no addresses, so the file's name means nothing
        (f"/latest/run/{SOURCE}.pmtiles", "No latest run found"),
        (f"/latest/run/7/{'a' * 40}/{KEY}.zip", "No latest run found"),  # proposed only
        ("/tiles/x/y.zip", '"x" and "y" must both be numeric.'),
        ("/tiles/1_0/0.zip", '"1_0" and "0" must both be numeric.'),
        ("/tiles/181/0.zip", '"181" and "0" must both be on earth.'),
        ("/tiles/0/-90.1.zip", '"0" and "-90.1" must both be on earth.'),
        ("/tiles/nan/inf.zip", '"nan" and "inf" must both be on earth.'),
        ("/tiles/10/10.zip", "No addresses between 10 and 11 degrees east, 10 and 11 degrees north"),
        ("/latest/collections/nothing.zip", "No collection nothing.zip found"),
        ("/render-world.png", "There is no render-world.png yet"),
        ("/files/runs/1/nothing.zip", "There is no such file"),
    ],
)
def test_what_is_not_there_is_said_in_the_known_words(visitor: FlaskClient, address: str, message: str) -> None:
    answer = visitor.get(address)

    assert (answer.status_code, answer.get_json()["error"]["message"]) == (404, message)
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_a_complete_set_there_is_no_latest_one(client: FlaskClient) -> None:
    answer = client.get("/latest/set")

    assert (answer.status_code, answer.get_json()["error"]["message"]) == (404, "No latest set found")
    assert client.get("/index.json").get_json()["latest_set_url"] is None


def test_a_redirect_costs_few_questions_and_none_when_it_is_known(visitor: FlaskClient) -> None:
    tagged = visitor.get("/index.json").headers["Last-Modified"]
    assert visitor.get("/latest/set").status_code == 302
    assert visitor.get("/latest/set", headers={"If-Modified-Since": tagged}).status_code == 304


def test_downloads_go_on_while_the_database_is_away(engine: sa.Engine, settings: Settings) -> None:
    run(engine, declare(engine, KEY), outputs=outputs("runs/1/", SOURCE))
    reader = create_app(site=Site(settings)).test_client()
    address = f"/latest/run/{SOURCE}.zip"
    location = reader.get(address).headers["Location"]
    with engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE oa.runs IN ACCESS EXCLUSIVE MODE"))
        restarted = create_app(site=Site(settings)).test_client()  # what is on disk is left
        for each in (reader, restarted):
            answer = each.get(address)
            assert (answer.status_code, answer.headers["Location"]) == (302, location)
            assert "max-age=15" in answer.headers["Cache-Control"]
        assert reader.get(f"/latest/run/{SOURCE}.parquet").status_code == 503


WHOLE = {"Content-Length": str(len(BODY)), "Accept-Ranges": "bytes", "Content-Type": "application/zip"}


def test_a_file_is_sent_whole_and_may_be_kept_for_ever(visitor: FlaskClient) -> None:
    answer = visitor.get(f"/files/{OBJECT}")

    assert (answer.status_code, answer.data) == (200, BODY)
    assert {name: answer.headers[name] for name in WHOLE} == WHOLE
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Disposition"] == "attachment; filename=alameda.zip"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Encoding" not in answer.headers
    head = visitor.head(f"/files/{OBJECT}")
    assert head.data == b""
    assert {n: v for n, v in head.headers if n != "Date"} == {n: v for n, v in answer.headers if n != "Date"}


def test_pictures_are_shown_and_what_is_replaced_is_asked_for_again(visitor: FlaskClient) -> None:
    answer = visitor.get("/files/render-usa.png")

    assert "Content-Disposition" not in answer.headers
    assert answer.content_type == "image/png"
    assert "immutable" not in answer.headers["Cache-Control"]


SIZE = len(BODY)
RANGES = [
    ("bytes=0-0", 206, (0, 1)),
    ("bytes=0-99", 206, (0, 100)),
    ("bytes=100-", 206, (100, SIZE)),
    ("bytes=-7", 206, (SIZE - 7, SIZE)),
    (f"bytes=-{SIZE + 5}", 206, (0, SIZE)),
    (f"bytes=5-{SIZE * 9}", 206, (5, SIZE)),
    ("BYTES=1-2", 206, (1, 3)),
    (f"bytes={SIZE}-", 416, None),
    (f"bytes={SIZE}-{SIZE + 1}", 416, None),
    ("bytes=-0", 416, None),
    ("bytes=9999999999999999999-", 416, None),
    ("bytes=5-2", 200, (0, SIZE)),
    ("bytes=0-1,5-6", 200, (0, SIZE)),
    ("bytes=-", 200, (0, SIZE)),
    ("lines=1-2", 200, (0, SIZE)),
    ("bytes=a-b", 200, (0, SIZE)),
    ("bytes=" + "9" * 3000 + "-", 200, (0, SIZE)),
]


@pytest.mark.parametrize(("asked", "status", "sent"), RANGES, ids=[r[0][:30] for r in RANGES])
def test_parts_are_sent_as_http_says(
    visitor: FlaskClient, asked: str, status: int, sent: tuple[int, int] | None
) -> None:
    for method in ("GET", "HEAD"):
        answer = visitor.open(f"/files/{OBJECT}", method=method, headers={"Range": asked})

        assert answer.status_code == status
        if sent is None:
            assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
            continue
        start, stop = sent
        assert answer.headers["Content-Length"] == str(stop - start)
        assert answer.headers.get("Content-Range") == (f"bytes {start}-{stop - 1}/{SIZE}" if status == 206 else None)
        assert answer.data == (BODY[start:stop] if method == "GET" else b"")


def test_parts_of_another_version_are_not_mixed(visitor: FlaskClient) -> None:
    whole = visitor.get(f"/files/{OBJECT}")
    tag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]

    def status(**headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return visitor.get(f"/files/{OBJECT}", headers=given).status_code

    assert not tag.startswith("W/")
    assert status(Range="bytes=0-1", If_Range=tag) == 206
    assert status(Range="bytes=0-1", If_Range=modified) == 206
    assert status(Range="bytes=0-1", If_Range='"other"') == 200
    assert status(Range="bytes=0-1", If_Range=f"W/{tag}") == 200
    assert status(Range="bytes=0-1", If_Range="Thu, 01 Jan 1970 00:00:00 GMT") == 200
    assert status(If_None_Match=tag) == status(If_None_Match=f'"x", W/{tag}') == status(If_None_Match="*") == 304
    assert status(If_None_Match='"x"', If_Modified_Since=modified) == 200
    assert status(If_Modified_Since=modified) == 304
    assert status(Range="bytes=0-1", If_None_Match=tag) == 304
    assert status(If_Match='"x"') == status(If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT") == 412
    assert status(If_Match=tag) == status(If_Match="*") == 200


SECRET = [
    "logs/secret.txt", "config/environment.txt", "../pages/x", "runs/../logs/secret.txt",
    "runs/1/../../logs/secret.txt",
    "runs/%2e%2e/logs/secret.txt", "..%2fpages", "/etc/passwd", "%2fetc%2fpasswd", "runs//1/us/ca/alameda.zip",
    "runs/1/us/ca/alameda.zip/", "runs/1", "runs", "runs/1/", "runs/1/.partial-00", ".hidden", "runs/1/%00",
    "runs/1/a%0ab", "runs/1/%ff", "runs/" + "x" * 300, "runs/1/" + "x/" * 600 + "x", "runs/1/link.txt", "runs/2/x.txt",
    "runs/1/pipe", "runs/1/folder", "RUNS/1/us/ca/alameda.zip", "render-usa.png/x", "openaddr-collected-../x.zip",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRET, ids=[key[:40] for key in SECRET])
def test_nothing_but_public_files_is_sent(site: Site, visitor: FlaskClient, key: str) -> None:
    store = site.settings.home / "store"
    if not (store / "runs/1/link.txt").is_symlink():
        (store / "runs/1/link.txt").symlink_to(store / "logs/secret.txt")
        (store / "runs/2").symlink_to(store / "logs")
        (store / "logs/x.txt").write_bytes(BODY)
        (store / "runs/1/.partial-00").write_bytes(BODY)
        os.mkfifo(store / "runs/1/pipe")
        (store / "runs/1/folder").mkdir()

    answer = visitor.get(f"/files/{key}")

    assert answer.status_code == 404
    assert BODY not in answer.data


def test_logs_of_proposed_sources_are_public(visitor: FlaskClient) -> None:
    assert visitor.get("/files/pr/3/output.txt").data == BODY


@pytest.mark.parametrize("name", ["Zürich „x“.zip", 'a"b;c.zip', "c d.html", "é.svg"])
def test_a_file_of_any_name_is_saved_and_never_opened_as_a_page(site: Site, visitor: FlaskClient, name: str) -> None:
    (site.settings.home / "store/runs/1" / name).write_bytes(b"<script>alert(1)</script>")

    answer = visitor.get(f"/files/runs/1/{name}")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.mimetype in {"application/zip", "application/octet-stream"}
    answer.headers["Content-Disposition"].encode("ascii")


def test_licences_have_the_keys_and_the_order_they_always_had(visitor: FlaskClient) -> None:
    found = visitor.get("/latest/licenses.json").get_json()

    assert set(found) == {"licenses"}
    assert {frozenset(one) for one in found["licenses"]} == {frozenset({"license", "attribution", "sources"})}
    assert [one for one in found["licenses"] if one["license"] == "CC BY 4.0"] == [
        {
            "license": "CC BY 4.0",
            "attribution": "Alameda County",
            "sources": [[f"{SOURCE}.json", "https://ac.example/"]],
        }
    ]
    named = [source for one in found["licenses"] for source, _ in one["sources"]]
    assert len(named) == len(set(named)) == 5  # the first addresses of each file that has a good result
    orders = [repr((one["license"], one["attribution"])) for one in found["licenses"]]
    assert orders == sorted(orders)


@pytest.fixture
def closed(s3_server: str, bucket: str, site: Site, world: sa.Engine) -> Site:
    """A site whose store is a bucket without a public address."""
    boto3.client("s3", endpoint_url=s3_server).put_object(Bucket=bucket, Key=f"some/prefix/{OBJECT}", Body=BODY)
    store = f"s3://{bucket}/some/prefix"
    return Site(replace(site.settings, store=store, s3_endpoint=s3_server), catalogue_seconds=0)


def test_a_bucket_without_a_public_address_lends_signed_ones(closed: Site) -> None:
    reader = create_app(site=closed).test_client()
    assert reader.get(f"/latest/run/{SOURCE}.zip").headers["Location"] == f"/files/{OBJECT}"

    answer = reader.get(f"/files/{OBJECT}")
    head = reader.head(f"/files/{OBJECT}")

    assert answer.status_code == head.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in answer.headers["Location"]
    lent = requests.get(answer.headers["Location"], headers={"Range": "bytes=5-9"}, timeout=60)
    assert (lent.status_code, lent.content) == (206, BODY[5:10])
    assert requests.head(head.headers["Location"], timeout=60).status_code == 200
    assert reader.get("/files/runs/1/nothing.zip").status_code == 404
    assert reader.get("/files/logs/secret.txt").status_code == 404


def test_pictures_are_sent_from_here_whatever_the_store_is(closed: Site) -> None:
    reader = create_app(site=closed).test_client()
    store = closed.store()
    with store.writer("runs/1/preview.png", content_type="image/png") as out:
        out.write(BODY)

    answer = reader.get("/files/runs/1/preview.png")

    assert (answer.status_code, answer.data, answer.content_type) == (200, BODY, "image/png")
    assert "immutable" in answer.headers["Cache-Control"]
    known = {"If-None-Match": answer.headers["ETag"]}
    assert reader.get("/files/runs/1/preview.png", headers=known).status_code == 304
    assert closed.picture_url("runs/1/preview.png") == "/files/runs/1/preview.png"


def test_a_bucket_with_a_public_address_is_named_by_it(closed: Site) -> None:
    public = Site(replace(closed.settings, store_url="https://data.example/x"), catalogue_seconds=0)
    reader = create_app(site=public).test_client()

    assert reader.get(f"/latest/run/{SOURCE}.zip").headers["Location"] == f"https://data.example/x/{OBJECT}"
    assert reader.get(f"/files/{OBJECT}").headers["Location"] == f"https://data.example/x/{OBJECT}"


def test_a_file_that_is_replaced_has_another_tag(site: Site, visitor: FlaskClient) -> None:
    path: Path = site.settings.home / "store" / "machine-stats.json"
    path.write_bytes(b"{}")
    first = visitor.get("/files/machine-stats.json").headers["ETag"]
    path.unlink()
    path.write_bytes(b"[]")
    os.utime(path, ns=(1, 10**18 + 1))

    assert visitor.get("/files/machine-stats.json").headers["ETag"] != first
