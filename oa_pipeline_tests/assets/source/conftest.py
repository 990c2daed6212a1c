from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    RunConfig,
    materialize,
)

from oa_pipeline.assets.source import SourceConfig, source
from oa_pipeline.automation.partitions import sync
from oa_pipeline.orchestration.workplace import Workplace


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server that takes connections and never answers. It can be read from once somebody has connected."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def silent(listening: socket.socket) -> str:
    """Its address."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


class Unwell(BaseHTTPRequestHandler):
    """Answers that it is unwell, and that one may try again at once."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unwell() -> Iterator[str]:
    """The address of a server that has a bad day."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Unwell) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(workplace: Workplace, instance: DagsterInstance) -> Any:
    """Carries out a run of one partition after a look at the repository."""

    def go(key: str, *, force: bool = False, at: Workplace | None = None) -> ExecuteInProcessResult:
        sync(at or workplace, instance)
        return materialize(
            [source],
            partition_key=key,
            instance=instance,
            resources={"workplace": at or workplace},
            run_config=RunConfig({"source": SourceConfig(force=force)}),
            raise_on_error=False,
        )

    return go
