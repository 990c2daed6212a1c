"""The pages as gunicorn serves them, to many at once, and on after the database went away."""

from __future__ import annotations

import gzip
import http.client
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from ..conftest import Served
from ..filled import SOURCE, fill


def ask(site: Served, address: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(site.host, site.port, timeout=120)
    connection.request(method, address, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_forty_readers_at_once_get_whole_pages(serve: Callable[..., Served], engine: sa.Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path / "store")
    site = serve(OA_PUBLIC_URL="https://site.example")
    addresses = ("/", "/sources/", "/sources.csv", f"/sources/{SOURCE}", "/runs/1.json", "/state.txt", "/healthz")

    def reader(number: int) -> list[int]:
        return [ask(site, addresses[(number + n) % len(addresses)])[0].status for n in range(5)]

    with ThreadPoolExecutor(40) as pool:
        assert Counter(status for some in pool.map(reader, range(40)) for status in some) == {200: 200}

    page, body = ask(site, "/", **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(body).startswith(b"<!doctype html>")
    assert int(page.headers["Content-Length"]) == len(body)
    same, nothing = ask(site, "/", **{"If-None-Match": page.headers["ETag"]})
    assert (same.status, nothing) == (304, b"")
    head, nothing = ask(site, "/", "HEAD", **{"Accept-Encoding": "gzip"})
    assert (head.status, nothing, head.headers["Content-Length"]) == (200, b"", page.headers["Content-Length"])
    assert ask(site, "/sources/?q=" + "x" * 16_000)[0].status in {400, 414}
    assert ask(site, "/sources")[0].headers["Location"] == "/sources/"
