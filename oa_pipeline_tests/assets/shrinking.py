"""A publisher whose file changes: a real server with ETags, a repository that names it, whole runs through Dagster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import DagsterInstance, ExecuteInProcessResult, RunConfig, materialize

from oa_pipeline.assets.source import SourceConfig, source
from oa_pipeline.automation.partitions import sync
from oa_pipeline.ledger import queries
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.mapless import MAPLESS
from oa_pipeline_tests.servers import Request, Response, Server, serve

KEY = "xx/town/addresses/city"
CONFORM = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}


def rows(count: int, *, street: str = "Main St") -> str:
    """A csv of so many rows, along a diagonal."""
    lines = (f"{n},{street},{10 + n % 10 / 100:.2f},{50 + n % 10 / 100:.2f}\n" for n in range(count))
    return "n,s,x,y\n" + "".join(lines)


@dataclass
class Publisher:
    """What is published now. Whoever has it already is told so."""

    text: str = ""
    server: Server | None = None
    downloads: int = field(default=0)

    def __call__(self, request: Request) -> Response:
        body = self.text.encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(304, headers={"ETag": etag})
        self.downloads += request.method == "GET"
        return Response(200, body, {"ETag": etag, "Content-Type": "text/csv"})


@dataclass
class Town:
    """One data source from its publisher to Dagster."""

    publisher: Publisher
    workplace: Workplace
    instance: DagsterInstance
    engine: sa.Engine

    def declare(self, **conform: Any) -> None:
        """Writes the source file."""
        assert self.publisher.server is not None
        one = {
            "name": "city", "protocol": "http", "data": f"{self.publisher.server.url}/town.csv",
            "conform": {name: value for name, value in {**CONFORM, **conform}.items() if value is not None},
        }  # fmt: skip
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}
        path = Path(self.workplace.settings.sources, "sources/xx/town.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text))

    def run(self, text: str | None = None, *, force: bool = False, fails: bool = False) -> ExecuteInProcessResult:
        """A run, after the publisher has put `text` in place of what there was."""
        if text is not None:
            self.publisher.text = text
        sync(self.workplace, self.instance)
        result = materialize(
            [source],
            partition_key=KEY,
            instance=self.instance,
            resources={"workplace": self.workplace},
            run_config=RunConfig({"source": SourceConfig(force=force)}),
            raise_on_error=False,
        )
        assert result.success is not fails
        return result

    @property
    def newest(self) -> dict[str, Any]:
        """The newest run."""
        return dict(queries.latest_runs(self.engine, [KEY])[KEY])

    @property
    def latest(self) -> dict[str, Any]:
        """The run that the public is sent to."""
        found = queries.latest_good_run(self.engine, KEY)
        assert found is not None
        return dict(found)

    def row(self, number: int) -> dict[str, Any]:
        found = queries.run(self.engine, number)
        assert found is not None
        return dict(found)

    def days_go_by(self, hours: int = 24) -> None:
        """All that happened happened earlier."""
        with self.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE oa.runs SET ended_at = ended_at - :past, started_at = started_at - :past").bindparams(
                    sa.bindparam("past", type_=sa.Interval, value=timedelta(hours=hours))
                )
            )


@contextmanager
def town(database: str, engine: sa.Engine, folder: Path, instance: DagsterInstance, **more: Any) -> Iterator[Town]:
    """The town, whose publisher has nothing yet."""
    publisher = Publisher()
    settings = Settings(
        home=folder / "home",
        database_url=database,
        sources=str(folder / "repository"),
        allow_local_sources=True,
        **MAPLESS,
        **more,
    )
    with serve(publisher) as server:
        publisher.server = server
        found = Town(publisher, Workplace(settings), instance, engine)
        found.declare()
        yield found


def checks(result: ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    """What each check said."""
    return {e.check_name: (e.passed, e.description or "") for e in result.get_asset_check_evaluations()}
