"""What the tests of this folder ask for, and with what patience."""

from __future__ import annotations

from dataclasses import dataclass, field

from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.model import Budget
from oa_pipeline.fetch.transport import Transport
from oa_pipeline.sources.model import Coverage, DataSource, Layer, Licence, Protocol

HERE = Guard(allow_local=True)
# Much time: what is to end for want of it says so itself.
SMALL = Budget(bytes=4 * 1024 * 1024, seconds=600, connect_seconds=30, read_seconds=30, attempts=3)


@dataclass
class Naps:
    """Sleeps no time and remembers how long it should have."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@dataclass
class Clock:
    """Goes on by `step` whenever somebody looks at it."""

    step: float = 0.0
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def transport(guard: Guard = HERE, budget: Budget = SMALL, **more: object) -> Transport:
    """A transport that does not wait between tries."""
    return Transport(guard, budget, **{"sleep": Naps(), **more})  # type: ignore[arg-type]


def source(url: str, protocol: Protocol | None = Protocol.HTTP, **more: object) -> DataSource:
    """A data source of which only the address matters."""
    held: dict[str, object] = {
        "source": "xx/town",
        "layer": Layer.ADDRESSES,
        "name": "town",
        "data": url,
        "protocol": protocol,
        "protocol_text": str(protocol or "carrier pigeon"),
        "compression": None,
        "compression_text": "",
        "conform": None,
        "skip": False,
        "tests": (),
        "licence": Licence(),
        "website": "",
        "coverage": Coverage({}),
    }
    return DataSource(**{**held, **more})  # type: ignore[arg-type]
