"""Jobs on their way: a real ledger, and a queue into which requests go only where a test puts them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from oa_pipeline.automation.checking import Checking
from oa_pipeline.github.jobs import open_job
from oa_pipeline.ledger import jobs, outbox
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.jobs import NewJob, NewMember
from oa_pipeline.ledger.partitions import Declared
from oa_pipeline.ledger.runs import Ending, Opening, Ticket, end_run, open_run
from oa_pipeline.ledger.tables import JobStatus, RunStatus
from oa_pipeline.orchestration.version import code_version
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Queue

START = datetime(2026, 3, 6, 21, tzinfo=UTC)
PULL, OTHER = 101, 102
FAILED = "Could not download source data"
OVER = {
    DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
    DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
    DagsterRunStatus.STARTED: DagsterEventType.RUN_START,
    DagsterRunStatus.STARTING: DagsterEventType.RUN_STARTING,
}


@dataclass
class Desk:
    """Jobs, the sensor that carries them forward, and what Dagster makes of its requests."""

    instance: DagsterInstance
    engine: sa.Engine
    queue: Queue
    settings: Settings = field(default_factory=lambda: Settings(public_url="https://results.example"))
    now: datetime = START
    heads: int = 0
    last: Checking | None = None

    def open(
        self,
        *names: str,
        pull: int | None = PULL,
        author: str = "contributor",
        blob: str = "",
        **facts: Any,
    ) -> str:
        """A job that checks data sources of these names, of a new head each time."""
        self.heads += 1
        head = f"{self.heads:040x}"
        members = []
        for name in names:
            key = f"xx/{name}/addresses/city"
            partition = key if pull is None else f"{pull}/{head}/{key}"
            declared = Declared(partition, f"xx/{name}", "addresses", "city", {}, {}, f"digest of {name}", blob or head)
            members.append(NewMember(key, declared, pull))
        job = NewJob(
            str(uuid.uuid4()), JobStatus.PENDING, "a/b", "pull_request" if pull else "push", head,
            self.now + timedelta(hours=12), pull_request=pull, author=author,
        )  # fmt: skip
        job = replace(job, **facts)
        return in_transaction(self.engine, lambda c: open_job(c, self.settings, job, members, now=self.now))

    def look(self, *, seconds: float = 2) -> list[Any]:
        self.now += timedelta(seconds=seconds)
        self.last = Checking(self.instance, self.engine, self.settings, self.now)
        return self.last.look()

    def go(self, *, seconds: float = 2) -> list[DagsterRun]:
        """A look whose requests Dagster's daemon puts into the queue."""
        return self.queue.submit(self.look(seconds=seconds))

    def to(self, run: DagsterRun, status: DagsterRunStatus) -> None:
        event = DagsterEvent(event_type_value=OVER[status].value, job_name=run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def begin(self, run: DagsterRun) -> Ticket:
        self.to(run, DagsterRunStatus.STARTED)
        opening = Opening(
            run.tags["dagster/partition"], run.run_id, code_version=code_version(), job_id=run.tags["oa/job"]
        )
        return open_run(self.engine, opening, now=self.now)

    def end(self, run: DagsterRun, status: RunStatus = RunStatus.SUCCEEDED, **facts: Any) -> int:
        """The run is carried out, and ends in the ledger and in Dagster."""
        ticket = self.begin(run)
        assert end_run(self.engine, ticket, Ending(status, self.now, **facts))
        good = status in (RunStatus.SUCCEEDED, RunStatus.SKIPPED, RunStatus.HELD)
        self.to(run, DagsterRunStatus.SUCCESS if good else DagsterRunStatus.FAILURE)
        return ticket.number

    def status(self, job_id: str) -> str:
        job = jobs.job(self.engine, job_id)
        assert job is not None
        return str(job["status"])

    def told(self, job_id: str) -> str:
        """The newest status that GitHub is owed or was told of the job."""
        said = [row["payload"] for row in outbox.of_job(self.engine, job_id) if row["kind"] == "status"]
        return f"{said[-1]['state']}: {said[-1]['description']}"

    def members(self, job_id: str) -> dict[str, Any]:
        return {member["key"].split("/")[1]: member for member in jobs.members(self.engine, job_id)}

    def dagsters(self, run: DagsterRun) -> DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status
