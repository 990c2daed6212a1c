"""A whole set while its workers are killed at random: real daemon, code server, sensors, workers and PostgreSQL.

What it must come to is counted without any of them: every data source processed here, in this process.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest
from dagster import DagsterRunStatus, RunsFilter

from oa_pipeline.automation.feed import TRIES
from oa_pipeline.automation.sets import Asked, start_set
from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.ledger import builds, sets, snapshot
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.collect import collect
from oa_pipeline.orchestration.tags import RUN_KEY_TAG
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.process import process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.repository import Repository, read_repository
from oa_pipeline_tests.workers.publisher import Publisher, csv, publisher
from oa_pipeline_tests.workers.system import System, system

LOCATION = "oa_pipeline_tests.system.pipeline"
CASES, MOST_CASES = "cases", 200
WORKS = (DagsterRunStatus.STARTED, DagsterRunStatus.STARTING)
# Whoever loses its process now may be given up, and rightly so. A member has no run's id while it is queued, but a run
# the key under which it was asked for: set/{number}/{data source}/{try}.
LAST_TRIES = f"""
SELECT value FROM oa.assignments JOIN run_tags ON run_id = dagster_run_id
WHERE ended_at IS NULL AND key = '{RUN_KEY_TAG}' AND value ~ '^set/.*/{TRIES}$'
"""


@dataclass(frozen=True)
class Good:
    """What a data source comes to, counted here."""

    rows: int
    content_hash: str
    tables: tuple[bytes, ...]  # the csv files of its result zip


def tables(path: Path) -> list[bytes]:
    """The csv files of a zip, without its summaries."""
    with ZipFile(path) as held:
        names = [
            n for n in held.namelist() if n.endswith(".csv") and not n.startswith("summary/") and n != "attribution.csv"
        ]
        return [held.read(name) for name in names]


def counted(repository: Repository, folder: Path) -> dict[str, Good]:
    """The data sources that come to something, and to what."""
    found = {}
    with Converter() as converter:
        for key, one in repository.by_key.items():
            work = folder / "one"
            result = process(one, work, settings=Settings(allow_local_sources=True), converter=converter)
            if result.outcome.problem is None:
                zipped = result.files.get("csv")
                held = tuple(tables(work / zipped)) if zipped is not None else ()
                found[key] = Good(result.outcome.rows or 0, result.outcome.content_hash, held)
            shutil.rmtree(work)
    return found


class Fire(threading.Thread):
    """Kills the worker, its warm parent or a run's own process at random moments, and starts the worker again."""

    def __init__(self, made: System, seed: int, kills: int) -> None:
        super().__init__(daemon=True)
        self.made, self.dice, self.kills = made, random.Random(seed), kills
        self.enough = threading.Event()
        self.struck: Counter[str] = Counter()
        self.worker = made.worker("--silent", "10", "--recycle", "40", slots=4)
        self.below: list[psutil.Process] = []
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.enough.wait(self.dice.uniform(0.5, 6)):
                assert self.worker.poll() is None, "the worker ended by itself"
                if sum(self.struck.values()) < self.kills:
                    with suppress(psutil.NoSuchProcess):  # a run ended by itself meanwhile, and nobody was struck
                        self._strike()
        except BaseException as error:
            self.failed = error

    def _strike(self) -> None:
        tree = psutil.Process(self.worker.pid).children(recursive=True)
        children = [p for p in tree if p.is_running() and "nursery" in " ".join(_words(p))]
        parents = [p for p in children if p.ppid() == self.worker.pid]
        runs = [p for p in children if p.ppid() != self.worker.pid]
        if not runs or self.made.rows(LAST_TRIES):
            return  # nothing would be lost, or too much
        what = self.dice.choice(("worker", "parent", "run", "run"))
        if what == "worker":
            self.below += self.made.kill_tree(self.worker)
            self.worker = self.made.worker("--silent", "10", "--recycle", "40", slots=4)
        else:
            self.dice.choice(parents if what == "parent" and parents else runs).kill()
        self.struck[what] += 1


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.fixture
def fire_seed() -> int:
    """Of a failure, for those who want to see it again."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return seed


def generated(published: Publisher) -> None:
    """Thirty data sources, two thirds of them good."""
    for n in range(30):
        name = f"town{n}"
        if n % 10 == 3:
            published.add(name, b"nothing,of,that\n1,2,3\n")
        elif n % 10 == 6:
            published.add(name, skip=True)
        elif n % 10 == 9:
            published.add(name)
            del published.files[name]  # the publisher has taken it away
        else:
            licence = {"text": "ODbL", "share-alike": True} if n % 4 == 0 else {"text": "CC0"}
            published.add(name, csv(20 + 7 * n, f"Street {n}"), license=licence)


def taken_from(cases: Path, repository: Path, server: str) -> None:
    """So many of the cases as a source repository."""
    names = sorted(path.parent.name for path in cases.glob("*/source.json"))
    for name in random.Random(4).sample(names, min(MOST_CASES, len(names))):
        text = (cases / name / "source.json").read_text("utf-8")
        target = repository / f"sources/xx/{name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("@CASE_DIR@", str(cases / name)).replace("@SERVER@", server), "utf-8")


@pytest.fixture
def cases_server(shared: Path) -> Iterator[str]:
    """The cases' own stand-in for the web."""
    command = [sys.executable, str(shared / CASES / "_tools/testserver.py"), str(shared / CASES), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().split()[-1]
        running.kill()


@pytest.mark.timeout(600)
@pytest.mark.soak
def test_a_set_of_generated_sources_completes_though_workers_are_killed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, fire_seed: int
) -> None:
    with publisher(tmp_path / "repository") as published:
        generated(published)
        good = under_fire(tmp_path, database, monkeypatch, fire_seed, kills=4)
    assert len(good) == 21


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_set_of_cases_completes_though_workers_are_killed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, fire_seed: int, shared: Path, cases_server: str
) -> None:
    taken_from(shared / CASES, tmp_path / "repository", cases_server)
    good = under_fire(tmp_path, database, monkeypatch, fire_seed, kills=25)
    assert len(good) > MOST_CASES / 2


def under_fire(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, seed: int, *, kills: int
) -> Mapping[str, Good]:
    """Runs a set over the repository and kills on the way; checks what came of it, and gives what had to."""
    folder = tmp_path / "system"
    folder.mkdir()
    repository = read_repository(tmp_path / "repository")
    good = counted(repository, tmp_path)
    more = {"OA_SOURCES": str(tmp_path / "repository"), "OA_ALLOW_LOCAL_SOURCES": "1", "OA_FEED_SECONDS": "1"}
    with system(
        folder, database, location="oa_pipeline_tests.system.pipeline", more=more, of_a_host=50, silent=10
    ) as made:
        for name, value in made.environment.items():
            if name.startswith("OA_"):
                monkeypatch.setenv(name, value)
        workplace = Workplace(Settings.from_env())
        made.code_server()
        begun = start_set(workplace, made.instance, Asked("a test"))
        assert begun.members == len(repository.by_key)
        fire = Fire(made, seed, kills)
        made.daemon()
        fire.start()
        over = lambda: fire.failed or sets.open_one(made.engine) is None
        made.until(over, "the end of the set", 60 + 10 * begun.members)
        fire.enough.set()
        fire.join(120)
        assert fire.failed is None, made.logs()
        # One that has just been started does not hear yet that it shall end.
        heard = f"SELECT 1 FROM oa.heartbeats WHERE pid = {fire.worker.pid}"
        made.until(lambda: made.rows(heard), "the last of the workers", 120)
        print(f"killed: {dict(fire.struck)}")
        everything_has_ended(made, begun.number, repository, good)
        exactly_the_good_ones_are_published(made, good)
        exactly_the_good_rows_are_collected(workplace, made, good, tmp_path)
        assert made.end(fire.worker) == 0
        _, alive = psutil.wait_procs(fire.below, timeout=120)
        assert alive == []
        assert not list((Path(made.environment["OA_HOME"]) / "work").glob("*"))
    return good


def everything_has_ended(made: System, number: int, repository: Repository, good: Mapping[str, Good]) -> None:
    row = sets.set_of(made.engine, number)
    assert row is not None
    assert row["status"] == SetStatus.COMPLETE, made.logs()
    counts = Counter(made_of[0] for made_of in made.rows(f"SELECT outcome FROM oa.set_members WHERE set_id = {number}"))
    skipped = sum(one.skip for one in repository.by_key.values())
    failed = len(repository.by_key) - len(good) - skipped
    assert counts == Counter({"succeeded": len(good), "failed": failed, "skipped": skipped}), made.logs()
    open_ones = RunsFilter(statuses=[*WORKS, DagsterRunStatus.QUEUED, DagsterRunStatus.CANCELING])
    for what, left in (
        ("attempts", lambda: made.rows("SELECT 1 FROM oa.assignments WHERE ended_at IS NULL")),
        ("runs", lambda: made.rows("SELECT id FROM oa.runs WHERE status = 'running'")),
        ("runs of Dagster's", lambda: made.instance.get_runs_count(open_ones)),
    ):
        made.until(lambda left=left: not left(), f"ends of all {what}", 120)  # type: ignore[misc]


def exactly_the_good_ones_are_published(made: System, good: Mapping[str, Good]) -> None:
    rows = {row["key"]: row for row in snapshot.runs_to_date(made.engine)}
    assert {k: (r["rows"], r["content_hash"]) for k, r in rows.items()} == {
        k: (g.rows, g.content_hash) for k, g in good.items()
    }
    # Nothing was counted twice: of each one run that counts, and whatever was lost was taken over by another.
    succeeded = Counter(key for (key,) in made.rows("SELECT key FROM oa.runs WHERE status = 'succeeded'"))
    assert succeeded == Counter(good.keys())
    forsaken = "NOT EXISTS (SELECT 1 FROM oa.runs AS later WHERE later.key = lost.key AND later.id > lost.id)"
    assert made.rows(f"SELECT id FROM oa.runs AS lost WHERE status = 'lost' AND {forsaken}") == []


def exactly_the_good_rows_are_collected(workplace: Workplace, made: System, good: Mapping[str, Good], to: Path) -> None:
    said: list[str] = []
    collect(workplace, say=said.append, force=True)
    collected: list[bytes] = []
    for row in builds.current_zips(made.engine):
        if row["area"] == "global" and row["form"] == "zip":
            with workplace.store().open(row["key"]) as source, (to / "collected.zip").open("wb") as target:
                shutil.copyfileobj(source, target)
            collected += tables(to / "collected.zip")
            with ZipFile(to / "collected.zip") as held:
                assert json.loads(held.read("manifest.json"))
    assert Counter(collected) == Counter(table for one in good.values() for table in one.tables), said
