from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.doctor import Finding, Host, Means, checks, examine
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.orchestration.instance import production, with_workers
from oa_pipeline.settings import Settings


@dataclass
class Patient:
    """A deployment that is well, to be broken."""

    settings: Settings
    dagster_home: Path
    host: Host = Host.ALL
    environ: dict[str, str] = field(default_factory=dict)
    opened: list[Means] = field(default_factory=list)

    def but(self, **settings: Any) -> Patient:
        return replace(self, settings=replace(self.settings, **settings))

    def on(self, host: Host) -> Patient:
        return replace(self, host=host)

    def findings(self, *areas: str) -> dict[str, Finding]:
        means = Means(self.settings, self.host, {"DAGSTER_HOME": str(self.dagster_home), **self.environ})
        self.opened.append(means)
        return {one.check: one for one in examine(means, checks(areas), patience=240)}

    def execute(self, *statements: str) -> None:
        with ledger_engine(self.settings.database_url).begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def dagster_yaml(self, text: str) -> None:
        self.dagster_home.mkdir(exist_ok=True)
        (self.dagster_home / "dagster.yaml").write_text(text)

    def dispose(self) -> None:
        for means in self.opened:
            if "instance" in vars(means):
                means.instance.dispose()


@pytest.fixture
def patient(tmp_path: Path, database: str) -> Iterator[Patient]:
    """A machine that does everything, with an empty ledger and a store in a folder."""
    (tmp_path / "store").mkdir()
    settings = Settings(
        home=tmp_path, database_url=database, store=str(tmp_path / "store"), sources="github:a/b", sandbox="required",
        public_url="https://example.org", github_secrets=("x" * 40,),
    )  # fmt: skip
    made = Patient(settings, tmp_path / "dagster")
    made.dagster_yaml(with_workers())
    yield made
    made.dispose()


@pytest.fixture
def cloud(patient: Patient, bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    """The same with Amazon's services, played by a server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("OA_LOGS_BUCKET", bucket)
    made = patient.but(store=f"s3://{bucket}", s3_endpoint=s3_server)
    made.dagster_yaml(production()[0].replace("/var/lib/oa/printed", str(patient.settings.home / "printed")))
    yield made
    made.dispose()


def name(kind: str) -> str:
    """A name of this test's own: the server is shared."""
    return f"{kind}-{secrets.token_hex(4)}"


def root() -> bool:
    """Whether rights do not hold us."""
    return os.geteuid() == 0
