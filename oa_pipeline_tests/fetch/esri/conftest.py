"""A dump against the stand-in, with a clock that does not make anybody wait."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.fetch.esri import dump
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.hosts import Hosts
from oa_pipeline.fetch.model import Budget, Fetched, OnProgress
from oa_pipeline.fetch.transport import Transport
from oa_pipeline.sources.model import Coverage, DataSource, Layer, Licence, Protocol

NO_PAGES = {"advancedQueryCapabilities": None}
NO_STATISTICS = {**NO_PAGES, "supportsStatistics": False}


def data_source(url: str) -> DataSource:
    """A data source of an ArcGIS layer."""
    return DataSource(
        source="us/zz/somewhere",
        layer=Layer.ADDRESSES,
        name="county",
        data=url,
        protocol=Protocol.ESRI,
        protocol_text="ESRI",
        compression=None,
        compression_text="",
        conform=None,
        skip=False,
        tests=(),
        licence=Licence(),
        website="",
        coverage=Coverage({}),
    )


@dataclass
class Bench:
    """Dumps layers into one folder and remembers the pauses that were taken."""

    folder: Path
    pauses: list[float] = field(default_factory=list)
    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def dump(
        self,
        url: str,
        budget: Budget | None = None,
        in_flight: int = 2,
        on_progress: OnProgress | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Fetched:
        source = data_source(url)
        hosts = Hosts(in_flight, clock=lambda: self.now)
        guard = Guard(allow_local=True)
        with Transport(guard, budget or Budget(), hosts=hosts, headers=headers, sleep=self.sleep) as transport:
            return dump(
                transport,
                source,
                self.folder,
                on_progress=on_progress,
                clock=lambda: self.now,
                sleep=self.sleep,
                spread=lambda: 0.5,
            )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder, a transport that may talk to this machine, and time that passes only in pauses."""
    return Bench(tmp_path / "dump")


@pytest.fixture
def read() -> Callable[[Fetched], tuple[dict[str, Any], list[Any]]]:
    """Metadata and features of a finished dump."""

    def reading(fetched: Fetched) -> tuple[dict[str, Any], list[Any]]:
        lines = gzip.decompress(fetched.path.read_bytes()).splitlines()
        return json.loads(lines[0])["metadata"], [json.loads(line) for line in lines[1:]]

    return reading
