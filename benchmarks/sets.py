"""What a set costs in which nothing has changed: CPU seconds a data source, and where they go.

Real publishers on loopback (a process of its own), a real database, a store in a folder; the set is opened, fed and
probed by the same functions as in production. The CPU of PostgreSQL is told beside ours, that of the publishers is not.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from dagster import DagsterInstance

from oa_pipeline.automation.partitions import apply
from oa_pipeline.automation.probing import Probing
from oa_pipeline.automation.sets import Asked, start_set
from oa_pipeline.automation.weekly import look_at_sets
from oa_pipeline.ledger import heartbeats, sets
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.runs import CacheFacts, Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline.orchestration.version import code_version
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline.sources.repository import read_repository
from oa_pipeline_tests.database import open_folder

SOURCES = 4861
HOSTS = 60  # addresses of 127.0.0.0/8, so that politeness to each does not decide how long it takes
REACH = 0.31  # CPU seconds a data source: 25 minutes for all of them
FAST = ("fsync=off", "synchronous_commit=off")
ETAG = '"unchanged"'
YAML = """
telemetry: {enabled: false}
storage: {custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}}
run_coordinator: {module: oa_pipeline.orchestration.coordinator, class: CapacityRunCoordinator, config: {}}
"""
PUBLISHERS = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Unchanged(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        same = self.headers.get("If-None-Match") == sys.argv[1]
        self.send_response(304 if same else 200)
        self.send_header("ETag", sys.argv[1])
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("0.0.0.0", 0), Unchanged)
server.daemon_threads = True
server.request_queue_size = 128
print(server.server_port, flush=True)
server.serve_forever()
"""
# What the profile's functions are called, by what they are below: the first that matches counts.
PARTS: Mapping[str, tuple[str, ...]] = {
    "asking publishers": ("publisher_says_unchanged",),
    "the store's objects": ("all_there",),
    "the ledger's run": ("record_copy",),
    "Dagster's event": ("report_runless_asset_event",),
    "reading and parsing declarations": ("_candidates",),
}


@dataclass(frozen=True)
class Spent:
    """CPU seconds."""

    ours: float
    database: float


def cpu(server: psutil.Process) -> Spent:
    own = os.times()
    held = 0.0
    for process in [server, *server.children(recursive=True)]:
        try:
            held += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return Spent(own.user + own.system, held)


def repository(folder: Path, port: int, count: int) -> None:
    conform = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s", "city": "c"}
    for number in range(count):
        data = f"http://127.0.0.{1 + number % HOSTS}:{port}/{number}.csv"
        one = {"name": "county", "protocol": "http", "data": data, "conform": conform}
        path = folder / f"sources/us/{number % 50:02}/county-{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": [one]}}))


def results(workplace: Workplace, keys: list[str]) -> None:
    """A good run of each, with its seven objects."""
    engine, store = workplace.ledger(), Path(workplace.settings.store_location)
    now = datetime.now(UTC)
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    validators = {"etag": ETAG, "last_modified": "", "edit_date": None, "count": None}
    for key in keys:
        ticket = open_run(engine, Opening(key, code_version=code_version()), now=now)
        outputs: dict[str, dict[str, Any]] = {}
        for kind in ("geojson", "csv", "parquet", "sample", "log", "index", "cache"):
            name = f"{ticket.prefix}{key}/{kind}"
            (store / name).parent.mkdir(parents=True, exist_ok=True)
            (store / name).touch()
            outputs[kind] = {"key": name, "size": 0, "sha256": digest, "rows": 100, "content_type": ""}
        cache = CacheFacts(digest, "", 1000, "text/csv", validators)
        counters = {f"field/{n}/filled": 100 for n in ("number", "street", "city", "unit", "region", "postcode", "id")}
        ending = Ending(
            RunStatus.SUCCEEDED, now + timedelta(seconds=30), rows=100, cache=cache, outputs=outputs,
            prefix=ticket.prefix, data_version="0123456789abcdef", counters=counters, content_hash=digest,
            seconds={"download": 1.0, "convert": 2.0, "total": 3.0}, bounds=(0.0, 0.0, 1.0, 1.0),
        )  # fmt: skip
        assert end_run(engine, ticket, ending)


def whole_set(workplace: Workplace, instance: DagsterInstance) -> int:
    """Opened, fed and probed to its end; its number."""
    engine = workplace.ledger()
    number = start_set(workplace, instance, Asked("benchmark")).number
    cursor = None
    for turn in range(100):
        heartbeats.beat(engine, Beat("worker", "host", 1, 2))
        look = look_at_sets(instance, cursor, workplace)
        cursor = look.cursor  # type: ignore[union-attr]
        row = sets.set_of(engine, number)
        assert row is not None
        if row["ended_at"] is not None:
            assert row["counts"].get("unchanged") == row["counts"]["members"], row["counts"]
            return number
        Probing(workplace, instance, number, f"probe {turn}", say=lambda _: None).block()
    raise AssertionError("the set did not end")


def main(count: int = SOURCES) -> None:
    """Prints the cost of one set, then the same under a profiler by part."""
    print(f"a set of {count:,} data sources in which nothing has changed")
    with open_folder() as home:
        server = embedded.start(home, options=FAST)
        publishers = subprocess.Popen([sys.executable, "-c", PUBLISHERS, ETAG], stdout=subprocess.PIPE, text=True)
        try:
            assert publishers.stdout is not None
            measured(home, server.url, int(publishers.stdout.readline()), count)
        finally:
            publishers.kill()
            publishers.wait()
            server.stop()


def postmaster(home: Path) -> psutil.Process:
    """The database server of this home."""
    return psutil.Process(int(next(home.rglob("postmaster.pid")).read_text().split()[0]))


def measured(home: Path, url: str, port: int, count: int) -> None:
    repository(home / "repository", port, count)
    os.environ["OA_DATABASE_URL"] = url
    upgrade(url)
    settings = Settings(home=home, database_url=url, sources=str(home / "repository"), allow_local_sources=True)
    workplace = Workplace(settings)
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as name:
        (Path(name) / "dagster.yaml").write_text(YAML)
        with DagsterInstance.from_config(name) as instance:
            read = read_repository(settings.sources)
            apply(instance, workplace.ledger(), read)
            results(workplace, list(read.by_key))
            database = postmaster(home)
            before = cpu(database)
            number = start_set(workplace, instance, Asked("opened alone")).number
            opened = cpu(database)
            sets.end_set(workplace.ledger(), number, sets.SetStatus.CANCELLED, counts={}, now=datetime.now(UTC))
            spent_opening = opened.ours - before.ours
            before, began = cpu(database), time.monotonic()
            whole_set(workplace, instance)
            after, wall = cpu(database), time.monotonic() - began
            ours, held = after.ours - before.ours, after.database - before.database
            each = (ours + held) / count
            verdict = "reached" if each <= REACH else f"short of {REACH}"
            print(
                f"  CPU of ours {1000 * ours / count:.1f} ms a data source, of PostgreSQL {1000 * held / count:.1f} ms"
            )
            print(f"  in all {(ours + held) / 60:.1f} CPU minutes, {wall:.0f} s of wall clock: {verdict}")
            print(
                f"  of it {1000 * spent_opening / count:.1f} ms to open the set: the repository read, members ordered"
            )
            parts(workplace, instance, count)


def parts(workplace: Workplace, instance: DagsterInstance, count: int) -> None:
    """Where the time goes of probing one block, by the calls that it consists of."""
    number = start_set(workplace, instance, Asked("profiled", only="us/0*")).number
    profile = cProfile.Profile(time.thread_time)
    profiles: list[cProfile.Profile] = []

    def each(*_: Any) -> None:
        sys.setprofile(None)
        mine = cProfile.Profile(time.thread_time)
        profiles.append(mine)
        mine.enable()

    threading.setprofile(each)
    profile.enable()
    done = Probing(workplace, instance, number, "profiled", say=lambda _: None).block()
    profile.disable()
    threading.setprofile(None)  # type: ignore[arg-type]
    print(f"  one block under the profiler, which itself costs: {asdict(done)}")
    for source in profiles:
        source.disable()
    stats = pstats.Stats(profile, *profiles)
    for said, names in PARTS.items():
        seconds = sum(
            held[3]
            for (_, _, name), held in stats.stats.items()
            if name in names  # type: ignore[attr-defined]
        )
        print(f"    {said:<34}{1000 * seconds / done.taken:6.1f} ms a data source")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SOURCES)
