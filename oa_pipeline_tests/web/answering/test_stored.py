"""Pages of which something lies in the store: without it while the store is away, and with it soon after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.tables import job_members
from oa_pipeline.publish.statistics import publish_statistics
from oa_pipeline.web.answering import caching
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.ledger.life import NOW, job, propose, run

KEY = "fr/paris/addresses/city"
FIRST = "Rue de la Paix"


@pytest.fixture
def stored(own: Site, engine: sa.Engine) -> Site:
    """A run and a job with first rows in the store, and statistics."""
    store = own.store()
    for number, member in ((2, KEY), (3, propose(engine, KEY))):
        key = f"runs/{number}/sample.json"
        text = json.dumps([["street"], [FIRST]]).encode()
        with store.writer(key, content_type="application/json") as out:
            out.write(text)
        made = {"sample": {"key": key, "size": len(text)}}
        assert run(engine, member, job_id=job(engine) if number == 3 else None, outputs=made) == number
    with engine.begin() as connection:
        belongs = {"job_id": "job-7-aaa", "key": KEY, "partition": f"7/{40 * 'a'}/{KEY}", "run_id": 3, "ended_at": NOW}
        connection.execute(sa.insert(job_members).values(belongs))
    publish_statistics(engine, store, now=lambda: NOW)
    return own


@pytest.fixture
def stored_reader(stored: Site) -> FlaskClient:
    return create_app(site=stored).test_client()


@pytest.mark.parametrize(
    ("address", "said"), [("/runs/2/", FIRST), ("/jobs/job-7-aaa", FIRST), ("/statistics/", "How they differ")]
)
def test_what_was_made_while_the_store_was_away_is_kept_by_nobody_and_made_anew_soon(
    stored: Site, stored_reader: FlaskClient, address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(key: str, *_: Any) -> bytes:
        asked.append(key)
        raise PublishError("the store does not answer")

    def get() -> TestResponse:
        answer = stored_reader.get(address)
        assert answer.status_code == 200
        return answer

    monkeypatch.setattr(caching, "SOON", 3600.0)
    with monkeypatch.context() as broken:
        broken.setattr(stored.store(), "read", away)
        without = get()
        assert said not in without.text
        assert without.headers["Cache-Control"] == "no-store"
        assert not {"ETag", "Last-Modified"} & set(without.headers)
        often = len(asked)
        assert get().headers["Cache-Control"] == "no-store"
        assert len(asked) == often, "a store that is away is asked by everybody"
    monkeypatch.setattr(caching, "SOON", 0.0)
    monkeypatch.setattr(caching, "TIMES_FRESH", 0.0)

    whole = get()
    assert said in whole.text
    assert whole.headers["Cache-Control"].startswith("public")
    assert stored_reader.get(address, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(("number", "address"), [(2, "/runs/2/"), (3, "/jobs/job-7-aaa")])
def test_what_is_not_there_at_all_is_not_looked_for_again(
    stored_reader: FlaskClient, tmp_path: Path, number: int, address: str
) -> None:
    (tmp_path / f"store/runs/{number}/sample.json").unlink()

    answer = stored_reader.get(address)
    assert FIRST not in answer.text
    assert answer.headers["Cache-Control"].startswith("public")
    assert stored_reader.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_of_the_rows_ten_are_shown_and_of_wide_ones_eighty_columns(own: Site, engine: sa.Engine) -> None:
    rows = [[f"c{n}" for n in range(100)], *([f"r{row}-{n}" for n in range(100)] for row in range(1, 31))]
    with own.store().writer("runs/2/sample.json", content_type="application/json") as out:
        out.write(json.dumps(rows).encode())
    assert run(engine, KEY, outputs={"sample": {"key": "runs/2/sample.json"}}) == 2

    text = create_app(site=own).test_client().get("/runs/2/").text
    assert ("r10-0" in text, "r11-0" in text) == (True, False)
    assert ("c79" in text, "c80" in text) == (True, False)
