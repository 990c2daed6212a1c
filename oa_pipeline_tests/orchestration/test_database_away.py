"""Whole runs whose database goes away while they are at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.snapshot import runs_to_date
from oa_pipeline.orchestration import carry_out as module
from oa_pipeline.orchestration.carry_out import Order, carry_out
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.cluster import Cluster, open_cluster
from oa_pipeline_tests.ledger.life import NOW
from oa_pipeline_tests.mapless import MAPLESS
from oa_pipeline_tests.servers import Request, Response, Server, serve

DATA = b"x,y,n,s\n-122.1,37.5,1,Main St\n-122.2,37.6,2,Main St\n"
CSV = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with open_cluster() as made:
        yield made


@pytest.fixture
def publisher(cluster: Cluster) -> Iterator[Server]:
    """A server of data during whose first answer the database falls."""
    fallen: list[bool] = []

    def answer(_: Request) -> Response:
        if not fallen:
            fallen.append(True)
            cluster.fall()
        return Response(body=DATA, headers={"Content-Type": "text/csv"})

    with serve(answer) as server:
        yield server


@pytest.fixture
def workplace(cluster: Cluster, tmp_path: Path) -> Workplace:
    settings = Settings(home=tmp_path / "home", database_url=cluster.url, allow_local_sources=True, **MAPLESS)
    return Workplace(settings, beat_seconds=0.2)


def declare(engine: sa.Engine, source: str, address: str) -> str:
    """A data source at this address; gives its key."""
    one = {"name": "county", "protocol": "http", "data": f"{address}/data.csv", "conform": CSV}
    key = f"{source}/addresses/county"
    record(engine, [Declared(key, source, "addresses", "county", one, {"country": "us"}, "d1", "b1")], now=NOW)
    return key


def test_a_run_works_on_while_the_database_is_away_and_ends_whole_once_it_is_back(
    cluster: Cluster, publisher: Server, workplace: Workplace, tmp_path: Path
) -> None:
    key = declare(cluster.engine, "us/back", publisher.url)
    over, published = threading.Event(), threading.Event()

    def rise() -> None:
        """Brings it back once the run has come to its last object without it."""
        until = time.monotonic() + 240
        while time.monotonic() < until and not list((tmp_path / "home/store").glob("runs/*/index.json")):
            time.sleep(0.05)
        published.set()
        cluster.rise()
        over.wait(280)
        cluster.running.stop()

    riser = threading.Thread(target=rise)
    riser.start()
    try:
        carried = carry_out(workplace, Order(key), say=lambda _: None)
        assert published.is_set()
        (row,) = queries.history(cluster.engine, key)
        assert (row["id"], row["status"], row["rows"]) == (carried.ticket.number, "succeeded", 2)
        assert [latest["id"] for latest in runs_to_date(cluster.engine)] == [row["id"]]
        store = workplace.store()
        assert all(store.exists(output["key"]) for output in row["outputs"].values())
    finally:
        over.set()
        riser.join()
        cluster.rise()


def test_a_database_that_stays_away_ends_the_run_in_a_clear_error_and_the_next_run_takes_over(
    cluster: Cluster, publisher: Server, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = declare(cluster.engine, "us/away", publisher.url)
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with pytest.raises(PublishError, match="database did not do it") as caught:
        carry_out(workplace, Order(key), say=lambda _: None)
    assert "OA_DATABASE_URL" in caught.value.cure
    cluster.rise()
    (row,) = queries.history(cluster.engine, key)
    assert (row["status"], row["rows"], row["outputs"]) == ("running", None, {})  # as it was when the database fell
    carried = carry_out(workplace, Order(key), say=lambda _: None)
    newest, lost = queries.history(cluster.engine, key)
    assert (newest["id"], newest["status"], newest["predecessor"]) == (carried.ticket.number, "succeeded", lost["id"])
    assert (lost["status"], lost["successor"]) == ("lost", newest["id"])
