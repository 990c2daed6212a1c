"""An ArcGIS stand-in over HTTP on 127.0.0.1: one layer, switchable quirks, a log of every request.

It keeps to the manners of real servers: pages by offset only where it announces that, cuts pages at
`maxRecordCount` and says so, selects by object id, by statistics and by envelope, and answers errors with 200.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

Feature = dict[str, Any]
Params = dict[str, str]
Answer = tuple[int, bytes, dict[str, str]]
_CLAUSE = re.compile(r"(\w+) (>=|<=|=|>|<) (-?\d+)")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def point(oid: Any, x: float = 0.0, y: float = 0.0, **attributes: Any) -> Feature:
    """A feature with a point."""
    return {"attributes": {"OBJECTID": oid, **attributes}, "geometry": {"x": x, "y": y}}


def points(count: int, first: int = 1, step: int = 1) -> list[Feature]:
    """`count` points spread over the layer's extent, ids from `first`."""
    return [
        point(first + n * step, round(n * 0.37 % 20 - 10, 7), round(n * 0.53 % 20 - 10, 7), NUMBER=str(n))
        for n in range(count)
    ]


def metadata(**changes: Any) -> dict[str, Any]:
    """A layer that pages, counts statistics and gives 1,000 features at a time; None removes a key."""
    described: dict[str, Any] = {
        "currentVersion": 10.91,
        "id": 0,
        "name": "Addresses",
        "type": "Feature Layer",
        "geometryType": "esriGeometryPoint",
        "objectIdField": "OBJECTID",
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID"},
            {"name": "NUMBER", "type": "esriFieldTypeString"},
        ],
        "extent": {"xmin": -10, "ymin": -10, "xmax": 10, "ymax": 10, "spatialReference": {"wkid": 4326}},
        "maxRecordCount": 1000,
        "supportsStatistics": True,
        "advancedQueryCapabilities": {"supportsPagination": True, "supportsOrderBy": True},
        "drawingInfo": {"renderer": {"type": "simple"}},
    }
    described.update(changes)
    return {key: value for key, value in described.items() if value is not None}


@dataclass
class Layer:
    """What the stand-in serves. Tests change it while it is being served, as publishers do."""

    features: list[Feature] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=metadata)
    count: int | None = None  # a lie about the count
    no_count: bool = False
    error_code: int = 400  # with which a query that is switched off is refused
    no_statistics: bool = False
    made_up_statistics: bool = False
    no_ids: bool = False
    post_refused: bool = False
    ignores: frozenset[str] = frozenset()  # parameters without effect: resultOffset, orderByFields, where, geometry
    always_exceeded: bool = False  # says of every page that there is more
    silent: bool = False  # never says that a page was cut off
    seconds: float = 0.0  # per page
    intercept: Callable[[Params], Answer | None] | None = None  # an answer of the test's own to a page, or None
    encode: Callable[[Any], bytes] = lambda answer: json.dumps(answer, ensure_ascii=False).encode()

    def answer(self, query: bool, params: Params) -> Answer:
        """The reply to one request."""
        if not query:
            return self._json(self.metadata)
        for name, made in self._small.items():
            if name in params:
                return made(self, params)
        if self.seconds:
            time.sleep(self.seconds)
        return (self.intercept and self.intercept(params)) or self._page(params)

    def _json(self, answer: Any) -> Answer:
        return 200, self.encode(answer), {"Content-Type": "application/json"}

    def _count(self, params: Params) -> Answer:
        if self.no_count:
            return error(self.error_code, "count not supported")
        return self._json({"count": len(self._selected(params)) if self.count is None else self.count})

    def _statistics(self, params: Params) -> Answer:
        if self.no_statistics:
            return error(self.error_code, "statistics not supported")
        ids = [f["attributes"]["OBJECTID"] for f in self.features]
        low, high = (-7, 10**9) if self.made_up_statistics else (min(ids), max(ids))
        return self._json({"features": [{"attributes": {"the_min": low, "the_max": high}}]})

    def _ids(self, params: Params) -> Answer:
        if self.no_ids:
            return error(self.error_code, "ids not supported")
        ids = [f["attributes"]["OBJECTID"] for f in self._selected(params)]
        return self._json({"objectIdFieldName": "OBJECTID", "objectIds": ids})

    _small: ClassVar[dict[str, Callable[[Layer, Params], Answer]]] = {
        "returnCountOnly": _count,
        "outStatistics": _statistics,
        "returnIdsOnly": _ids,
    }

    def _page(self, params: Params) -> Answer:
        abilities = self.metadata.get("advancedQueryCapabilities") or {}
        if "resultOffset" in params and not abilities.get("supportsPagination"):
            return error(400, "Pagination is not supported.")
        selected = self._selected(params)
        if "orderByFields" in params and "orderByFields" not in self.ignores:
            selected = sorted(selected, key=lambda f: f["attributes"]["OBJECTID"])
        offset = 0 if "resultOffset" in self.ignores else int(params.get("resultOffset", 0))
        most = self.metadata.get("maxRecordCount", 1000)
        asked = min(int(params.get("resultRecordCount", most)), most)
        page: dict[str, Any] = {"objectIdFieldName": "OBJECTID", "features": selected[offset : offset + asked]}
        if self.always_exceeded or (len(selected) > offset + asked and not self.silent):
            page["exceededTransferLimit"] = True
        return self._json(page)

    def _selected(self, params: Params) -> list[Feature]:
        found: Iterable[Feature] = self.features
        where = params.get("where", "1=1")
        if where != "1=1" and "where" not in self.ignores:
            either = [_CLAUSE.findall(part) for part in where.split(" OR ")]
            found = [f for f in found if any(all(_holds(f, clause) for clause in part) for part in either)]
        if "geometry" in params and "geometry" not in self.ignores:
            box = json.loads(params["geometry"])
            found = [f for f in found if any(_within(box, x, y) for x, y in _vertices(f.get("geometry")))]
        return list(found)


def error(code: int, message: str) -> Answer:
    """An error as ArcGIS gives it: with status 200."""
    body = json.dumps({"error": {"code": code, "message": message, "details": []}}).encode()
    return 200, body, {"Content-Type": "application/json"}


def status(code: int, **headers: str) -> Answer:
    """An error as HTTP means it."""
    return code, b"no", {"Content-Type": "text/plain", **{k.replace("_", "-"): v for k, v in headers.items()}}


def _holds(feature: Feature, clause: Sequence[str]) -> bool:
    name, sign, number = clause
    value = feature["attributes"].get(name)
    return value is not None and _COMPARE[sign](value, int(number))


def _vertices(geometry: dict[str, Any] | None) -> list[tuple[float, float]]:
    if not geometry:
        return []
    if "x" in geometry:
        return [(geometry["x"], geometry["y"])]
    return [(p[0], p[1]) for part in geometry.get("rings", geometry.get("paths", [])) for p in part]


def _within(box: dict[str, float], x: float, y: float) -> bool:
    return box["xmin"] <= x <= box["xmax"] and box["ymin"] <= y <= box["ymax"]


@dataclass
class Served:
    """A layer being served: where, and what was asked of it so far."""

    url: str
    layer: Layer
    log: list[Params] = field(default_factory=list)
    referrers: set[str | None] = field(default_factory=set)
    most_at_once: int = 0
    port: int = 0

    @property
    def pages(self) -> list[Params]:
        """The requests that asked for features."""
        return [p for p in self.log if p["path"].endswith("/query") and not Layer._small.keys() & p.keys()]


@contextmanager
def serving(layer: Layer) -> Iterator[Served]:
    """Serves `layer` for as long as the block runs."""
    served = Served("", layer)
    lock = threading.Lock()
    busy: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65536

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            params = {k: v[-1] for text in (parts.query, body) for k, v in parse_qs(text, True).items()}
            with lock:
                busy.append(1)
                served.most_at_once = max(served.most_at_once, len(busy))
                served.referrers.add(self.headers.get("Referer"))
                referrer = self.headers.get("Referer") or ""
                served.log.append({**params, "path": parts.path, "method": self.command, "referrer": referrer})
            try:
                if layer.post_refused and self.command == "POST":
                    answer = status(405)
                else:
                    answer = layer.answer(parts.path.lower().endswith("/query"), params)
            finally:
                with lock:
                    busy.pop()
            code, content, headers = answer
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the name is http.server's

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is no news; anything else is."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_address[1]
        served.url = f"http://127.0.0.1:{served.port}/arcgis/rest/services/Addresses/FeatureServer/0"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
