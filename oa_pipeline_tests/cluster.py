"""A PostgreSQL server of one's own that may fall and rise; it keeps its promises (nothing is traded for speed)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.orchestration import embedded
from oa_pipeline_tests.database import open_folder


@dataclass
class Cluster:
    """The server. It ends with the thread that made it rise, so that thread has to outlive the test."""

    home: Path
    running: embedded.Embedded

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def engine(self) -> sa.Engine:
        return ledger_engine(self.url)

    def fall(self) -> None:
        """Stops at once, as `pg_ctl stop -m immediate` does: nothing is finished, nothing is written down."""
        assert self.running.process is not None
        self.running.process.send_signal(signal.SIGQUIT)
        self.running.process.wait(120)

    def rise(self) -> None:
        """Starts again, which begins with what the log holds."""
        self.running = embedded.start(self.home)


@contextmanager
def open_cluster() -> Iterator[Cluster]:
    """A server with an empty ledger, gone afterwards."""
    with open_folder() as home:
        made = Cluster(home, embedded.start(home))
        try:
            upgrade(made.url)
            yield made
        finally:
            made.engine.dispose()
            made.running.stop()
