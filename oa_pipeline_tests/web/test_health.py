"""Whether the site is well: both of its means are asked, and what is missing is named."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.settings import Settings
from oa_pipeline.web import health
from oa_pipeline.web.app import create_app
from oa_pipeline.web.health import FRESH, Health
from oa_pipeline.web.site import Site

from .served import PATIENCE, free_port

DOWN = "postgresql+psycopg2://nobody@127.0.0.1:{port}/nothing"


class Clock:
    """Stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def visitor(settings: Settings, clock: Clock | None = None) -> FlaskClient:
    app = create_app(settings)
    app.config["HEALTH"] = Health(app.config["SITE"], clock=clock or Clock())
    return app.test_client()


def told(visitor: FlaskClient) -> tuple[int, str, bool, bool]:
    """Status, word, and whether database and store are there."""
    answer = visitor.get("/healthz")
    said = answer.get_json()
    return answer.status_code, said["status"], said["database"]["ok"], said["store"]["ok"]


def test_with_database_and_store_all_is_well(settings: Settings, engine: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    reader = visitor(settings)

    assert told(reader) == (200, "ok", True, True)
    assert (reader.get("/health").status_code, reader.get("/health").text) == (200, "OK\n")


def test_a_store_that_goes_away_is_named(settings: Settings, engine: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    clock = Clock()
    reader = visitor(settings, clock)
    assert told(reader)[0] == 200
    (tmp_path / "store").rmdir()
    clock.now += FRESH

    assert told(reader) == (503, "failing", True, False)
    assert (reader.get("/health").status_code, reader.get("/health").text) == (503, "store away\n")


def test_a_bucket_that_is_there_is_well_and_one_that_is_not_is_away(
    settings: Settings, engine: sa.Engine, s3_server: str, bucket: str
) -> None:
    there = replace(settings, store=f"s3://{bucket}/some/prefix", s3_endpoint=s3_server)
    assert told(visitor(there)) == (200, "ok", True, True)

    unanswered = replace(there, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    assert told(visitor(unanswered)) == (503, "failing", True, False)


def test_without_either_both_are_named_and_no_address_is_told(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    away = replace(settings, database_url=DOWN.format(port=port), store=str(tmp_path / "gone" / "store"))
    reader = visitor(away)
    (tmp_path / "gone").mkdir(exist_ok=True)
    shown = reader.get("/healthz")

    assert shown.status_code == 503
    assert shown.get_json()["database"]["ok"] is False
    assert str(port) not in shown.text
    assert str(tmp_path) not in shown.text


def test_however_many_ask_within_a_second_database_and_store_are_asked_once(
    settings: Settings, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    asked: list[str] = []
    for name in ("_database", "_store"):
        ask = getattr(health, name)
        monkeypatch.setattr(health, name, lambda site, ask=ask, name=name: asked.append(name) or ask(site))
    clock = Clock()
    reader = visitor(settings, clock)

    for _ in range(20):
        assert (reader.get("/healthz").status_code, reader.get("/health").status_code) == (200, 200)
    assert sorted(asked) == ["_database", "_store"]

    clock.now += FRESH
    assert told(reader)[0] == 200
    assert len(asked) == 4


def test_a_store_that_does_not_answer_in_time_is_away_and_is_asked_once(
    settings: Settings, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answered, asked = threading.Event(), threading.Event(), []

    def silent(site: Site) -> dict[str, str]:
        asked.append(site)
        begun.set()
        assert answered.wait(PATIENCE)
        return {}

    monkeypatch.setattr(health, "_store", silent)
    monkeypatch.setattr(health, "PATIENCE", 0.0)
    clock = Clock()
    reader = visitor(settings, clock)
    try:
        for _ in range(3):
            status, word, _, store = told(reader)
            assert (status, word, store) == (503, "failing", False)
            assert begun.wait(PATIENCE)
            clock.now += 10 * FRESH
    finally:
        answered.set()
    assert len(asked) == 1


def test_why_it_is_not_well_stands_in_the_log(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    reader = visitor(replace(settings, database_url=DOWN.format(port=port)))

    assert told(reader)[2] is False
    assert "the site is not well" in caplog.text
    assert str(port) in caplog.text
