"""A browser saves a run's files under its data source's name: from a folder, and from a closed or public bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import unquote

import pytest
import requests
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.engine import ledger_engine, reader_engine
from oa_pipeline.publish.saved import disposition, plain_name, whose
from oa_pipeline.web.app import create_app
from oa_pipeline.web.commands import commands
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import declare, propose, run
from oa_pipeline_tests.publish.test_saved import HOSTILE, names

from ..filled import KEY, outputs
from ..test_downloads import Reading

STORABLE = {
    title: (f"{number}/{source}", name)
    for number, (title, (source, name)) in enumerate(HOSTILE.items())
    if not any(c in source + name for c in ("\x00", "\ud800"))  # PostgreSQL takes neither, so no run has one
}
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
BODY = b"<script>alert(1)</script>"
MINE = "us-ca-alameda-addresses-county"


@pytest.fixture(scope="module")
def numbers(site: Site) -> dict[str, int]:
    """A run of each of the hostile data sources; and of a plain one, with what is proposed of it."""
    engine = ledger_engine(site.settings.database_url)
    made = {}
    for title, (source, name) in STORABLE.items():
        key = declare(engine, f"{len(made)}/x/addresses/x", source=source, name=name)
        made[title] = run(engine, key)
    made["plain"] = run(engine, declare(engine, KEY), outputs=outputs("runs/1/", "us/ca/alameda"))
    made["proposed"] = run(engine, propose(engine, KEY))
    return made


def stored(site: Site, key: str, saved: str = "") -> str:
    with site.store().writer(key, content_type="text/html", disposition=saved) as out:
        out.write(BODY)
    return f"/files/{key}"


def visitor(site: Site) -> FlaskClient:
    app = create_app(site=site)
    app.testing = True
    app.test_client_class = Reading
    return app.test_client()


@pytest.fixture
def closed(site: Site, bucket: str, s3_server: str) -> Site:
    """A site whose store is a bucket without a public address."""
    return Site(replace(site.settings, store=f"s3://{bucket}/some/prefix", s3_endpoint=s3_server))


def test_no_name_in_the_ledger_breaks_out_of_the_header(site: Site, closed: Site, numbers: dict[str, int]) -> None:
    public = Site(replace(closed.settings, store_url=closed.store().url("x").removesuffix("/x")))
    from_folder, from_closed, from_public = visitor(site), visitor(closed), visitor(public)

    for title, (source, name) in STORABLE.items():
        key, mine = f"runs/{numbers[title]}/out.parquet", whose(source, "addresses", name)
        expected = disposition(key, mine)
        stored(closed, key, expected)
        sent = from_folder.get(stored(site, key))
        lent = requests.get(from_closed.get(f"/files/{key}").headers["Location"], timeout=60)
        led = from_public.get(f"/files/{key}").headers["Location"]
        found = requests.get(led, timeout=60)

        assert names(expected)[1] == f"{mine}.parquet", title
        assert sent.headers.get_all("Content-Disposition") == [expected], title
        assert lent.headers["Content-Disposition"] == found.headers["Content-Disposition"] == expected, title
        assert "?" not in led
        for each in (sent, lent, found):
            assert each.status_code == 200
            assert "Set-Cookie" not in each.headers, title


def test_a_closed_bucket_says_the_name_of_what_it_keeps_without_one(closed: Site, numbers: dict[str, int]) -> None:
    reader = visitor(closed)
    address = stored(closed, f"runs/{numbers['plain']}/output.txt")

    got = requests.get(reader.get(address).headers["Location"], timeout=60)
    asked = unquote(reader.head(address).headers["Location"])

    assert got.headers["Content-Disposition"] == f"attachment; filename={MINE}-log.txt"
    assert f"response-content-disposition=attachment; filename={MINE}-log.txt&" in asked


def test_what_is_proposed_is_not_saved_as_what_is_published(site: Site, numbers: dict[str, int]) -> None:
    answer = visitor(site).get(stored(site, f"pr/{numbers['proposed']}/out.geojson.gz"))

    assert answer.headers["Content-Disposition"] == f"attachment; filename=pr-7-{MINE}.geojson.gz"


def test_map_tiles_are_named_in_every_part_and_pictures_are_shown(site: Site, numbers: dict[str, int]) -> None:
    reader = visitor(site)
    tiles = reader.get(stored(site, f"runs/{numbers['plain']}/slippymap.pmtiles"), headers={"Range": "bytes=0-3"})
    picture = reader.get(stored(site, f"runs/{numbers['plain']}/preview.png"))

    assert (tiles.status_code, tiles.headers["Content-Disposition"]) == (206, f"attachment; filename={MINE}.pmtiles")
    assert "Content-Disposition" not in picture.headers


def test_a_file_of_a_run_that_the_ledger_does_not_know_has_its_plain_name(site: Site, numbers: dict[str, int]) -> None:
    answer = visitor(site).get(stored(site, "runs/987654321/out.parquet"))

    assert answer.headers["Content-Disposition"] == "attachment; filename=out.parquet"
    assert "immutable" not in answer.headers["Cache-Control"]


@contextmanager
def counted(site: Site, event: str) -> Iterator[list[str]]:
    """One entry for each such event of the connections to the ledger."""
    seen: list[str] = []
    engine = reader_engine(site.settings.database_url)

    def note(*_: object) -> None:
        seen.append(event)

    sa.event.listen(engine, event, note)
    yield seen
    sa.event.remove(engine, event, note)


def test_the_ledger_is_asked_once_a_run_and_not_for_what_is_not_there(site: Site, numbers: dict[str, int]) -> None:
    again = Site(site.settings)
    reader = visitor(again)
    saved = {
        "sample.json": f"{MINE}-sample.json",
        "cache.csv": f"{MINE}-cache.csv",
        "us/ca/alameda.zip": "alameda.zip",
    }
    addresses = {stored(again, f"runs/{numbers['plain']}/{key}"): name for key, name in saved.items()}

    with counted(again, "before_cursor_execute") as questions:
        assert reader.get("/files/runs/123456789/out.parquet").status_code == 404
        assert questions == []
        for address, name in [*addresses.items()] * 2:
            assert reader.get(address).headers["Content-Disposition"] == f"attachment; filename={name}"

    assert len(questions) == 1


def test_files_are_sent_without_a_database_under_their_plain_names(site: Site) -> None:
    away = Site(replace(site.settings, database_url=NOWHERE))
    reader = visitor(away)
    address = stored(away, "runs/77/out.parquet")

    with counted(away, "do_connect") as tries:
        for _ in range(3):
            answer = reader.get(address)
            assert (answer.status_code, answer.data) == (200, BODY)
            assert answer.headers["Content-Disposition"] == "attachment; filename=out.parquet"
            assert "max-age=300" in answer.headers["Cache-Control"]  # with its name, it may be kept for ever

    assert len(tries) == 1
    reader_engine(NOWHERE).dispose()


def test_a_closed_bucket_lends_its_files_without_a_database(closed: Site) -> None:
    away = Site(replace(closed.settings, database_url=NOWHERE))
    address = stored(away, "pr/77/cache.csv")

    lent = requests.get(visitor(away).get(address).headers["Location"], timeout=60)

    assert (lent.status_code, lent.content) == (200, BODY)
    assert lent.headers["Content-Disposition"] == "attachment; filename=cache.csv"


def test_the_lines_of_a_source_fetch_to_the_same_names(site: Site, numbers: dict[str, int]) -> None:
    files = visitor(site).get(f"/sources/{KEY}.json").get_json()["published"]["files"]

    assert {one["save_as"] for one in files} == {"alameda.zip", f"{MINE}.geojson.gz", f"{MINE}.parquet"}


@pytest.mark.parametrize("title", HOSTILE)
def test_no_name_ends_a_word_of_a_ready_made_line(title: str) -> None:
    source, name = HOSTILE[title]
    saved = plain_name(f"{whose(source, 'addresses', name)}.parquet")
    lines = [one["line"] for one in commands("https://site.example/x", saved)]

    assert all(saved in line for line in lines)
    assert saved.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert saved.isascii()
    assert not saved.startswith("-")
