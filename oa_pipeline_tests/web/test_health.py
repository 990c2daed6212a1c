"""Whether the site is well: both of its means are asked, and what is missing is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app

from .served import free_port

DOWN = "postgresql+psycopg2://nobody@127.0.0.1:{port}/nothing"


def visitor(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


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
    reader = visitor(settings)
    assert told(reader)[0] == 200
    (tmp_path / "store").rmdir()

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
