"""Publishers on this machine, a source repository that names them, and a Dagster that sets are fed into by hand."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRequest
from dagster._core.test_utils import create_run_for_test

from oa_pipeline_tests.servers import Request, Response
from oa_pipeline_tests.workers.system import remote_origin

CSV = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}
ROWS = "x,y,n,s\n1,2,3,Main St\n1.5,2.5,4,Main St\n"


@dataclass
class Publishers:
    """What a server answers: a csv by path with its ETag, and nothing new to whoever has that."""

    files: dict[str, str] = field(default_factory=dict)
    unwell: set[str] = field(default_factory=set)  # paths
    without_etag: set[str] = field(default_factory=set)
    pause: float = 0.0
    meeting: threading.Barrier | None = None  # at which those who ask wait for each other
    given: Counter[str] = field(default_factory=Counter)  # whole files, by path
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Response:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.meeting is not None:
                self.meeting.wait(60)
            time.sleep(self.pause)
            return self._answer(request)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, request: Request) -> Response:
        if request.path in self.unwell:
            return Response(404)
        text = self.files.get(request.path, ROWS)
        etag = f'"{abs(hash(text))}"'
        headers = {} if request.path in self.without_etag else {"ETag": etag}
        if headers and request.headers.get("if-none-match") == etag:
            return Response(304, headers=headers)
        self.given[request.path] += 1
        return Response(200, text.encode(), {**headers, "Content-Type": "text/csv"})


def key(name: str) -> str:
    return f"xx/{name}/addresses/city"


def declare(repository: Path, name: str, data: str, **more: Any) -> str:
    """A source file; gives the key of its data source."""
    one = {"name": "city", "protocol": "http", "data": data, "conform": CSV, **more}
    path = repository / "sources/xx" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}))
    return key(name)


@dataclass
class Queue:
    """What Dagster's daemon does with run requests, by the same rule: there is one run for each run key."""

    instance: DagsterInstance
    submitted: list[DagsterRun] = field(default_factory=list)

    def submit(
        self, requests: Sequence[RunRequest], status: DagsterRunStatus = DagsterRunStatus.QUEUED
    ) -> list[DagsterRun]:
        made = []
        for request in requests:
            if any(run.tags["dagster/run_key"] == request.run_key for run in self.submitted):
                continue
            tags = {**request.tags, "dagster/run_key": request.run_key or ""}
            if request.partition_key:
                tags["dagster/partition"] = request.partition_key
            job = request.job_name or ""
            run = create_run_for_test(
                self.instance, job_name=job, status=status, tags=tags, remote_job_origin=remote_origin(job)
            )
            made.append(run)
        self.submitted += made
        return made
