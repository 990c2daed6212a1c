"""The running system and a pull request: webhook, sensors, a worker, and GitHub's answers."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from oa_pipeline.ledger import queries
from oa_pipeline_tests.automation.publishers import Publishers
from oa_pipeline_tests.servers import Server, serve
from oa_pipeline_tests.workers.system import System, system

from ..web.served import free_port
from .fake import BOT, TOKEN, FakeGitHub, Pull, fake_github
from .sources import source

SECRET = "sentinel-of-the-webhook"
PASSWORD = "sentinel-of-the-database"
A, B, C = "sources/us/ca/a.json", "sources/us/ca/b.json", "sources/us/ca/c.json"
ROWS = "x,y,number,street\n" + "".join(f"-122.{n},37.{n},{n},Main St\n" for n in range(1, 21))


@dataclass
class Running:
    github: FakeGitHub
    website: Server
    publishers: Publishers
    system: System
    port: int

    def deliver(self, event: tuple[str, Any]) -> None:
        assert self.github.deliver(event, f"http://127.0.0.1:{self.port}/hook", SECRET)[0] == 202

    def states(self, sha: str) -> list[str]:
        return [each["state"] for each in self.github.statuses.get(sha, [])]

    def said(self, sha: str) -> str:
        return str(self.github.statuses[sha][-1]["description"])

    def report(self, pull: Pull) -> str:
        """The one comment of ours; nothing while there is none."""
        bodies = [str(c["body"]) for c in self.github.comments.get(pull.number, []) if c["user"]["login"] == BOT]
        assert len(bodies) <= 1
        return "".join(bodies)

    def source(self, name: str, path: str, **more: Any) -> str:
        return source(name, data=f"{self.website.url}/{path}", **more)


@pytest.fixture(scope="module")
def running(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from oa_pipeline_tests.database import temporary

    folder = tmp_path_factory.mktemp("system")
    publishers = Publishers(files={"/a.csv": ROWS, "/b.csv": ROWS})
    with fake_github() as github, serve(publishers) as website:
        port = free_port()
        more = {
            "OA_DEV": "1",
            "OA_ALLOW_LOCAL_SOURCES": "1",
            "OA_SOURCES": f"github:{github.repository}",
            "OA_SYNC_SECONDS": "5",
            "OA_GITHUB_API": github.url,
            "OA_GITHUB_TOKEN": TOKEN,
            "OA_GITHUB_SECRETS": SECRET,
            "OA_WEB_PORT": str(port),
            "OA_STORE": str(folder / "store"),
        }
        for url in temporary(server, "template1"):
            url = sa.make_url(url).set(password=PASSWORD).render_as_string(hide_password=False)
            with system(folder, url, location="oa_pipeline.definitions", more=more) as running:
                held = Running(github, website, publishers, running, port)
                github.push({A: held.source("city", "a.csv")})
                running.code_server()
                running.daemon()
                running.worker()
                running._start("web", [sys.executable, "-m", "oa_pipeline", "web"])
                running.ready()
                running.until(lambda: answers(port), "the site")
                yield held


def answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(900)
def test_a_pull_request_is_answered_mended_and_merged(running: Running) -> None:
    github, publishers = running.github, running.publishers
    publishers.unwell = {"/b.csv"}
    pull = github.open_pull(
        {
            A: running.source("city", "a.csv", website="https://example.com/new"),
            B: running.source("city", "b.csv"),
            C: running.source("city", "c.csv").replace('"http"', "7"),
        }
    )
    began = time.monotonic()

    running.deliver(github.pull_event(pull, "opened"))
    running.system.until(lambda: running.states(pull.head), "a first status")
    pending = time.monotonic() - began
    running.system.until(lambda: "failure" in running.states(pull.head), "a failure")
    running.system.until(lambda: done(running, pull), "the end of the job")
    print(f"pending after {pending:.1f} s, all done after {time.monotonic() - began:.1f} s")

    assert set(running.states(pull.head)) <= {"pending", "failure"}
    whole = f"Failed on {B}, {C} from {A}, {B}, {C}"
    running.system.until(lambda: running.said(pull.head) == whole, "the last status")
    told = {"the rows of the good one": r"\b20\b", "the broken one": "Could not download source data"}
    for what, text in told.items():
        running.system.until(lambda text=text: re.search(text, running.report(pull)), what)
    assert "protocol" in running.report(pull), "what is wrong with the invalid one"
    assert queries.run(running.system.engine, 1) is not None

    # the push that mends it
    publishers.unwell = set()
    first = [c["id"] for c in github.comments[pull.number]]
    head = github.push_to(pull, {C: running.source("city", "b.csv"), B: running.source("city", "b.csv", website="x")})
    running.deliver(github.pull_event(pull, "synchronize"))
    running.system.until(lambda: "success" in running.states(head), "success")
    running.system.until(lambda: "Failed" not in running.report(pull), "the comment edited")
    assert [c["id"] for c in github.comments[pull.number]] == first

    # the merge: what was checked is published as it is
    given = dict(publishers.given)
    merged = github.merge(pull)
    before = github.objects.commits[merged].parents[0]
    running.deliver(github.pull_event(pull, "closed"))
    time.sleep(0.1)
    running.deliver(github.push_event(before))
    running.system.until(lambda: "success" in running.states(merged), "success of the merge")
    for name in ("b", "c"):
        run = queries.latest_good_run(running.system.engine, f"us/ca/{name}/addresses/city")
        assert run is not None
        assert (run["rows"], run["pull_request"]) == (20, None)
        assert all(output["key"].startswith(f"runs/{run['id']}/") for output in run["outputs"].values())
    assert dict(publishers.given) == given, "nothing was downloaded again"


def done(running: Running, pull: Pull) -> bool:
    from oa_pipeline.ledger import jobs

    job = jobs.of_pull_request(running.system.engine, pull.number)[0]
    return job["ended_at"] is not None


@pytest.mark.timeout(900)
def test_no_secret_is_found_anywhere_after_all_that(running: Running) -> None:
    """After successes, failures and a merge: in arguments, files, rows, objects, or anything GitHub was sent."""
    if not running.github.pulls:  # it is asked alone
        test_a_pull_request_is_answered_mended_and_merged(running)
    held = running.system
    processes = [p for s in held.started for p in (psutil.Process(s.pid), *psutil.Process(s.pid).children(True))]
    places = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            places[f"arguments of {process.pid}"] = " ".join(process.cmdline()).encode()
    for folder, _, names in os.walk(held.folder):
        for path in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):  # it was there for a moment
                if path.is_file():
                    places[str(path)] = path.read_bytes()
    with held.engine.connect() as connection:
        tables = connection.execute(
            sa.text(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
        ).scalars()
        for table in list(tables):
            rows = connection.execute(sa.text(f"SELECT t::text FROM {table} t")).scalars()
            places[table] = "\n".join(rows).encode()
    for name in ("statuses", "comments", "checks"):
        places[name] = repr(getattr(running.github, name)).encode()
    places["requests to GitHub"] = b"".join(request.body for request in running.github.requests)

    assert any(b"us/ca/a/addresses/city" in text for text in places.values()), "this looks where something is"
    assert len(places["oa.runs"]) > 1000
    assert len(places["public.event_logs"]) > 1000
    secrets = {secret: secret.encode() for secret in (TOKEN, SECRET, PASSWORD)}
    assert [(name, where) for where, text in places.items() for name, raw in secrets.items() if raw in text] == []
