"""GitHub, the ledger, and our look at both."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from oa_pipeline.github.api import GitHub
from oa_pipeline.github.intake import Handled, Intake
from oa_pipeline.ledger import jobs as ledger
from oa_pipeline.ledger import outbox
from oa_pipeline.ledger.deliveries import Delivery, receive
from oa_pipeline.ledger.tables import deliveries
from oa_pipeline.settings import Settings

from .fake import TOKEN, FakeGitHub, Pull

A, B = "sources/us/ca/a.json", "sources/us/ca/b.json"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class World:
    """GitHub, the ledger, and our look at both."""

    def __init__(self, github: FakeGitHub, api: GitHub, engine: sa.Engine) -> None:
        self.github, self.api, self.engine = github, api, engine
        self.now = START
        self.settings = Settings(github_api=github.url, github_token=TOKEN, public_url="https://results.example")

    def receive(self, event: tuple[str, Any], guid: str = "") -> str:
        self.now += timedelta(seconds=1)
        guid = guid or str(uuid.uuid4())
        sender = event[1].get("sender", {}).get("login", "")
        receive(self.engine, Delivery(guid, event[0], json.dumps(event[1]).encode(), sender=sender), now=self.now)
        return guid

    def look(self) -> Handled:
        return Intake(self.engine, self.settings, lambda: self.api, self.now).take()

    def take(self, event: tuple[str, Any]) -> Handled:
        self.receive(event)
        return self.look()

    def reconcile(self) -> Handled:
        return Intake(self.engine, self.settings, lambda: self.api, self.now).reconcile()

    def job(self, pull: Pull) -> Any:
        return ledger.of_pull_request(self.engine, pull.number)[0]

    def owed(self, target: str) -> list[str]:
        """The statuses that GitHub is owed of a commit, in words."""
        rows = [row for row in outbox.due(self.engine, now=self.now + timedelta(days=1)) if row["target"] == target]
        return [f"{row['payload']['state']}: {row['payload']['description']}" for row in rows]

    def delivered(self, guid: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(deliveries).where(deliveries.c.guid == guid)).mappings().one()
