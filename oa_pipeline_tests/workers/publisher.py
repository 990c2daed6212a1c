"""A publisher of address lists on 127.0.0.1, and a source repository that names them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oa_pipeline_tests.servers import Request, Response, Server, serve

CSV = {"format": "csv", "lon": "lon", "lat": "lat", "number": "number", "street": "street"}
PATIENCE = 50.0  # seconds: a download that brings next to nothing for a minute is given up


def csv(rows: int, street: str = "Kirkgate") -> bytes:
    """An address list."""
    lines = [f"{n},{street},{-3 - n / 1e4:.4f},{55 + n / 1e4:.4f}" for n in range(1, rows + 1)]
    return "\n".join(["number,street,lon,lat", *lines, ""]).encode()


@dataclass
class Publisher:
    """What each file holds; a file in `held` stops half way until its event is set. `asked` are those that began."""

    repository: Path
    files: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    server: Server | None = None

    def add(self, name: str, body: bytes | None = None, **more: Any) -> str:
        """A further data source in the repository; gives its key. `more` goes into its declaration."""
        assert self.server is not None
        self.files[name] = csv(20, name) if body is None else body
        url = f"{self.server.url}/{name}.csv"
        one = {"name": "city", "protocol": "http", "data": url, "conform": CSV, **more}
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}
        path = self.repository / f"sources/xx/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text))
        return f"xx/{name}/addresses/city"

    def hold(self, name: str) -> threading.Event:
        """From now on this file stops half way, until the event is set."""
        self.held[name] = threading.Event()
        return self.held[name]

    def answer(self, request: Request) -> Response:
        name = request.path.strip("/").removesuffix(".csv")
        body = self.files.get(name)
        if body is None:
            return Response(404)
        self.asked.append(name)
        go = self.held.get(name)
        return Response(200, body if go is None else self._halting(body, go), {"Content-Type": "text/csv"})

    @staticmethod
    def _halting(body: bytes, go: threading.Event) -> Iterator[bytes]:
        middle = len(body) // 2
        yield body[:middle]
        go.wait(PATIENCE)
        yield body[middle:]


@contextmanager
def publisher(repository: Path) -> Iterator[Publisher]:
    """A publisher with nothing to publish yet."""
    (repository / "sources").mkdir(parents=True, exist_ok=True)
    made = Publisher(repository)
    with serve(made.answer) as server:
        made.server = server
        yield made
        for event in made.held.values():
            event.set()
