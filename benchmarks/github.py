"""How long a contributor waits: the webhook under load, and a pull request on the running system, stage by stage.

GitHub and the publisher are on loopback and answer at once, so that what is measured is ours. Two processes that do
nothing but count stand for batch runs while the webhook is measured.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline.web.hook.signatures import signature
from oa_pipeline_tests.automation.publishers import Publishers
from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.github.fake import TOKEN, FakeGitHub, Pull, fake_github
from oa_pipeline_tests.github.sources import source
from oa_pipeline_tests.servers import serve
from oa_pipeline_tests.workers.system import System, system

DELIVERIES, SECONDS = 1000, 60
SECRET = "secret"
HOOK_REACH, PENDING_REACH = 0.2, 5.0  # seconds
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
BUSY = "while True: sum(range(100_000))"
OURS = {"full_name": "openaddresses/openaddresses"}
STAGES = ("kept", "job", "pending", "run started", "run ended", "final status")


def verdict(seconds: float, reach: float) -> str:
    return "reached" if seconds <= reach else f"short of {reach:g} s"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def processes(*commands: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[None]:
    started = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the site does not answer")


# the webhook


def deliver(port: int, begin: float, number: int) -> float:
    """Sends a delivery at its time in the minute; how long the answer took, from the connection on."""
    pull = {"number": number, "body": "words " * 1500}
    sent = {"action": "opened", "repository": OURS, "sender": {"login": "busy"}, "pull_request": pull}
    body = json.dumps(sent).encode()
    headers = {
        "Content-Type": "application/json", "X-GitHub-Event": "pull_request", "X-GitHub-Delivery": f"bench-{number}",
        "X-Hub-Signature-256": signature(SECRET, body),
    }  # fmt: skip
    time.sleep(max(0.0, begin + number * SECONDS / DELIVERIES - time.monotonic()))
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/hook", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 202, answer.status
    return time.perf_counter() - started


def webhook(server: str) -> None:
    for url in temporary(server, "template1"):
        upgrade(url)
        port = free_port()
        ours = {"OA_DATABASE_URL": url, "OA_GITHUB_SECRETS": SECRET, "OA_WEB_PORT": str(port)}
        environment = {n: v for n, v in os.environ.items() if not n.startswith("OA_")} | ours
        with processes([sys.executable, "-m", "oa_pipeline", "web"], environment=environment):
            wait_for(port)
            for said, commands in (("alone", []), ("beside 2 busy processes", [[sys.executable, "-c", BUSY]] * 2)):
                with processes(*commands), ThreadPoolExecutor(16) as pool:
                    begin = time.monotonic() + 0.5
                    first = DELIVERIES if commands else 0
                    begin -= first * SECONDS / DELIVERIES
                    took = sorted(pool.map(partial(deliver, port, begin), range(first, first + DELIVERIES)))
                p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
                print(
                    f"  {DELIVERIES:,} deliveries in {SECONDS} s, {said}: p50 {1000 * p50:.0f} ms, "
                    f"p99 {1000 * p99:.0f} ms, most {1000 * took[-1]:.0f} ms: {verdict(p99, HOOK_REACH)}",
                    flush=True,
                )
        with ledger_engine(url).connect() as connection:
            kept = connection.execute(sa.text("SELECT count(*), count(DISTINCT guid) FROM oa.deliveries")).one()
            assert tuple(kept) == (2 * DELIVERIES, 2 * DELIVERIES), kept


# a pull request


def followed(running: System, github: FakeGitHub, port: int, pull: Pull) -> dict[str, float]:
    """Seconds from the delivery on, by stage."""
    seen: dict[str, float] = {}
    began = time.monotonic()
    github.deliver(github.pull_event(pull), f"http://127.0.0.1:{port}/hook", SECRET)
    seen["kept"] = time.monotonic() - began

    def look() -> None:
        states = [each["state"] for each in github.statuses.get(pull.head, [])]
        found = {
            "job": running.rows(f"SELECT 1 FROM oa.jobs WHERE pull_request = {pull.number}"),
            "pending": "pending" in states,
            "run started": running.rows(f"SELECT 1 FROM oa.runs WHERE pull_request = {pull.number}"),
            "run ended": running.rows(
                f"SELECT 1 FROM oa.runs WHERE pull_request = {pull.number} AND ended_at IS NOT NULL"
            ),
            "final status": "success" in states,
        }
        for stage, there in found.items():
            if there:
                seen.setdefault(stage, time.monotonic() - began)

    while "final status" not in seen:
        look()
        assert time.monotonic() < began + 120, f"{seen}\n{running.logs()}"
        time.sleep(0.05)
    return seen


def pull_requests(server: str, folder: Path, count: int = 7) -> None:
    rows = "x,y,number,street\n" + "".join(f"-122.{n},37.{n},{n},Main St\n" for n in range(1, 1000))
    with fake_github() as github, serve(Publishers(files={f"/{n}.csv": rows for n in range(count)})) as website:
        port = free_port()
        more: dict[str, str] = {
            "OA_DEV": "1", "OA_ALLOW_LOCAL_SOURCES": "1", "OA_SOURCES": f"github:{github.repository}",
            "OA_GITHUB_API": github.url, "OA_GITHUB_TOKEN": TOKEN, "OA_GITHUB_SECRETS": SECRET,
            "OA_WEB_PORT": str(port), "OA_STORE": str(folder / "store"),
        }  # fmt: skip
        for url in temporary(server, "template1"):
            with system(folder, url, location="oa_pipeline.definitions", more=more) as running:
                running.code_server()
                running.daemon()
                running.worker()
                running._start("web", [sys.executable, "-m", "oa_pipeline", "web"])
                running.ready()
                wait_for(port)
                times = []
                for n in range(count):
                    path = f"sources/us/ca/{n}.json"
                    pull = github.open_pull({path: source("city", data=f"{website.url}/{n}.csv")})
                    times.append(followed(running, github, port, pull))
                report(times[1:])  # the first one finds everything cold


def report(times: Sequence[dict[str, Any]]) -> None:
    print(f"  one data source of 999 rows, medians of {len(times)} pull requests, seconds since the delivery (most):")
    for stage in STAGES:
        found = [each[stage] for each in times if stage in each]
        if found:
            print(f"    {stage:<14}{statistics.median(found):7.2f}  ({max(found):.2f})")
    print(f"  pending: {verdict(max(each.get('pending', 999.0) for each in times), PENDING_REACH)}", flush=True)


def main() -> None:
    """Prints both."""
    print("GitHub: the webhook, and pull requests on the running system")
    with open_folder() as home:
        server = embedded.start(home, options=FAST)
        try:
            folder = home / "system"
            folder.mkdir()
            pull_requests(server.url, folder)
            webhook(server.url)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
