"""How long a layer of 200,000 features takes from a server that needs 100 ms for a page of 1,000.

    python -m benchmarks.esri [--features N]

The server runs in a process of its own. Ours is measured with one, two and four pages in flight; beside it a plain
client that asks for one page after the other, each over a new connection. A pause of ten seconds after every fifth
page, which some clients make, is added to that client's time by calculation: nobody sleeps through it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = 1000
PAGE_SECONDS = 0.1
PAUSE_SECONDS, PAUSE_EVERY = 10.0, 5
METADATA = {
    "name": "Addresses",
    "geometryType": "esriGeometryPoint",
    "objectIdField": "OBJECTID",
    "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
    "maxRecordCount": PAGE,
    "advancedQueryCapabilities": {"supportsPagination": True, "supportsOrderBy": True},
}


@dataclass(frozen=True)
class Measured:
    """One client's time, in seconds."""

    client: str
    wall: float
    cpu: float
    features: int


def measure(features: int = 200_000, in_flight: tuple[int, ...] = (1, 2, 4)) -> list[Measured]:
    """The plain client with its pauses calculated, the same without, and ours once for each of `in_flight`."""
    with _server(features) as url:
        plain = _timed("one page at a time, new connection each", lambda: _plain(url, features))
        pauses = features // PAGE // PAUSE_EVERY * PAUSE_SECONDS
        paused = Measured("the same, 10 s pause every 5 pages (calculated)", plain.wall + pauses, plain.cpu, features)
        ours = [_timed(f"ours, at most {n} in flight", lambda n=n: _ours(url, n)) for n in in_flight]
    return [paused, plain, *ours]


def table(rows: list[Measured]) -> str:
    """What was measured, as text; the ratio is to the first row's wall clock."""
    lines = [f"{'client':<50} {'wall s':>8} {'CPU s':>7} {'ratio':>7}"]
    lines += [f"{r.client:<50} {r.wall:>8.1f} {r.cpu:>7.2f} {rows[0].wall / r.wall:>6.1f}x" for r in rows]
    return "\n".join(lines)


def _timed(client: str, run: Any) -> Measured:
    wall, cpu = time.perf_counter(), _cpu()
    features = run()
    return Measured(client, time.perf_counter() - wall, _cpu() - cpu, features)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _plain(url: str, features: int) -> int:
    got = 0
    while got < features:
        asked = {"where": "1=1", "resultOffset": got, "resultRecordCount": PAGE, "outFields": "*", "f": "json"}
        with urllib.request.urlopen(f"{url}/query", urllib.parse.urlencode(asked).encode()) as reply:
            got += len(json.load(reply)["features"])
    return got


def _ours(url: str, in_flight: int) -> int:
    from oa_pipeline.fetch.esri import dump
    from oa_pipeline.fetch.guard import Guard
    from oa_pipeline.fetch.hosts import Hosts
    from oa_pipeline.fetch.model import Budget
    from oa_pipeline.fetch.transport import Transport
    from oa_pipeline.sources.model import Coverage, DataSource, Layer, Licence, Protocol

    source = DataSource(
        "bench",
        Layer.ADDRESSES,
        "x",
        url,
        Protocol.ESRI,
        "ESRI",
        None,
        "",
        None,
        False,
        (),
        Licence(),
        "",
        Coverage({}),
    )
    hosts = Hosts(in_flight)
    with (
        tempfile.TemporaryDirectory() as folder,
        Transport(Guard(allow_local=True), Budget(), hosts=hosts) as transport,
    ):
        return dump(transport, source, Path(folder)).validators.count or 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20
    disable_nagle_algorithm = True
    features = 0

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = dict(urllib.parse.parse_qsl(body))
        if not self.path.split("?")[0].endswith("/query"):
            answer = json.dumps(METADATA).encode()
        elif "returnCountOnly" in asked:
            answer = json.dumps({"count": self.features}).encode()
        else:
            answer = self._page(int(asked["resultOffset"]), int(asked["resultRecordCount"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - the name is http.server's

    def _page(self, offset: int, count: int) -> bytes:
        began = time.monotonic()
        last = min(offset + min(count, PAGE), self.features)
        made = ",".join(
            f'{{"attributes":{{"OBJECTID":{n},"NUMBER":"{n % 900}","STREET":"Elm Street","CITY":"Springfield",'
            f'"POSTCODE":"{n % 99999:05}"}},"geometry":{{"x":-71.{n:07},"y":42.{n:07}}}}}'
            for n in range(offset + 1, last + 1)
        )
        time.sleep(max(0.0, PAGE_SECONDS - (time.monotonic() - began)))
        return f'{{"features":[{made}]}}'.encode()


def _serve(features: int, port: Any) -> None:
    _Handler.features = features
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    port.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def _server(features: int) -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(features, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/FeatureServer/0"
    finally:
        process.terminate()
        process.join()


def main(features: int = 200_000) -> None:
    """Measures and prints."""
    print(table(measure(features)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=200_000)
    main(parser.parse_args().features)
