"""Readers follow the ledger's pointer: it names whole results whatever becomes of a newer one. On both stores."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from oa_pipeline.convert.task import Outcome, Output
from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, Ticket, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration import endings
from oa_pipeline.process import Result
from oa_pipeline.publish.results import publish_run
from oa_pipeline.publish.s3 import S3Store
from oa_pipeline.publish.store import Store
from oa_pipeline_tests.publish.faulty import Fault, Proxy, alter, proxy_before, refuse
from oa_pipeline_tests.publish.place import Place

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "us/ca/alameda"
KEY = f"{SOURCE}/addresses/county"
KINDS = {"csv": "alameda.zip", "geojson": "out.geojson.gz", "log": "output.txt", "index": "index.json"}


def begin(engine: sa.Engine) -> Ticket:
    return open_run(engine, Opening(KEY), now=datetime.now(UTC))


def publish(store: Store, ticket: Ticket, folder: Path) -> Ending:
    """Stores the files of a run, each of them different from every other run's, and gives the end of that run."""
    files, outputs = {}, {}
    for kind, name in KINDS.items():
        data = f"{kind} of run {ticket.number}".encode()
        files[kind] = folder / name
        files[kind].write_bytes(data)
        outputs[kind] = Output(name, len(data), hashlib.sha256(data).hexdigest(), 3)
    result = Result(None, Outcome(None, rows=3, outputs=outputs), {}, files)
    stored = publish_run(store, ticket.prefix, SOURCE, result, folder)
    facts = {kind: found.as_json() for kind, found in stored.items()}
    return Ending(RunStatus.SUCCEEDED, datetime.now(UTC), rows=3, outputs=facts, prefix=ticket.prefix)


def current(engine: sa.Engine, store: Store) -> int:
    """The run that the pointer names. Its objects are all there, and its own."""
    row = queries.latest_good_run(engine, KEY)
    assert row is not None
    assert set(row["outputs"]) == set(KINDS)
    for kind, output in row["outputs"].items():
        with store.open(output["key"]) as held:
            data = held.read()
        assert data == f"{kind} of run {row['id']}".encode()
        assert hashlib.sha256(data).hexdigest() == output["sha256"]
    return int(row["id"])


@pytest.fixture
def first(engine: sa.Engine, store: Store, tmp_path: Path) -> int:
    """A run that was published."""
    record(engine, [Declared(KEY, SOURCE, "addresses", "county", {}, {}, "d1", "b1", "c1")], now=datetime.now(UTC))
    ticket = begin(engine)
    assert end_run(engine, ticket, publish(store, ticket, tmp_path))
    return ticket.number


def test_a_kill_between_the_objects_and_the_pointer_leaves_the_old_result_whole(
    place: Place, store: Store, engine: sa.Engine, database: str, first: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "oa_pipeline_tests.publish.test_pointer", database, place.location, place.endpoint]
    with subprocess.Popen(
        [*command, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "published\n"
        writer.kill()
    assert store.exists(f"runs/{first + 1}/index.json")
    assert current(engine, store) == first
    ticket = begin(engine)
    assert end_run(engine, ticket, publish(store, ticket, tmp_path))
    assert current(engine, store) == ticket.number
    killed = queries.run(engine, first + 1)
    assert killed is not None
    assert (killed["status"], killed["successor"]) == ("lost", ticket.number)


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    with proxy_before(s3_server) as proxy:
        yield proxy


@pytest.mark.parametrize("place", ["s3"], indirect=True)
@pytest.mark.parametrize(
    ("method", "does", "said"),
    [
        pytest.param("HEAD", alter("x-amz-checksum-sha256", "A" * 43 + "="), "is not what was stored", id="checksum"),
        pytest.param("PUT", refuse(403, "AccessDenied"), "answered AccessDenied", id="policy"),
    ],
)
def test_a_result_that_could_not_be_stored_is_one_error_and_moves_no_pointer(
    place: Place,
    store: Store,
    engine: sa.Engine,
    first: int,
    proxy: Proxy,
    tmp_path: Path,
    method: str,
    does: object,
    said: str,
) -> None:
    proxy.faults = [Fault(method, does, times=100)]  # type: ignore[arg-type]
    ticket = begin(engine)
    with pytest.raises(PublishError, match=said) as caught:
        publish(S3Store(place.location, endpoint=proxy.url), ticket, tmp_path)
    assert proxy.count(method) == 1
    assert end_run(engine, ticket, endings.broken_off(caught.value, datetime.now(UTC)))
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert (row["status"], row["problem"]) == ("failed", "The pipeline failed, not the source")
    assert said in row["detail"]
    assert current(engine, store) == first


def main(database: str, location: str, endpoint: str, folder: str) -> None:
    ticket = begin(ledger_engine(database))
    publish(Place(location, endpoint).open(), ticket, Path(folder))
    print("published", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
