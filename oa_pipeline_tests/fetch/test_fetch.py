"""The public face: one call, one complete file with a name of ours, or an error that says whose turn it is."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from oa_pipeline.errors import FetchError, Problem, SourceError
from oa_pipeline.fetch import Guard, fetch
from oa_pipeline.fetch.model import Fetched, Validators
from oa_pipeline.sources.model import Protocol

from ..arcgis import Layer, points, serving
from ..servers import Request, Response, serve
from .wishes import HERE, SMALL, source


def get(url: str, folder: Path, **more: object) -> Fetched:
    return fetch(source(url, **more), folder, budget=replace(SMALL, attempts=1), guard=HERE)  # type: ignore[arg-type]


def test_what_is_known_of_a_download(tmp_path: Path) -> None:
    headers = {"ETag": '"v1"', "Content-Type": "application/zip"}

    def handler(request: Request) -> Response:
        return (
            Response(body=b"PK", headers=headers)
            if request.path == "/d"
            else Response(302, headers={"Location": "/d?token=hunter2"})
        )

    with serve(handler) as server:
        got = get(f"{server.url}/file?token=hunter2", tmp_path)
    assert got == Fetched(
        path=tmp_path / "cache.zip",
        form="file",
        size=2,
        sha256=hashlib.sha256(b"PK").hexdigest(),
        md5=hashlib.md5(b"PK").hexdigest(),
        file_name="d.zip",
        content_type="application/zip",
        final_url=f"{server.url}/d?token=***",
        validators=Validators('"v1"', ""),
        notes=(),
        seconds=got.seconds,
        requests=2,
    )


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename=../../../evil.sh",
        "attachment; filename=/etc/passwd",
        f"attachment; filename={'x' * 5000}.exe",
        "attachment; filename==?utf-8?B?Li4vLi4vZXZpbA==?=",
        "attachment; filename*=UTF-8''..%2f..%2fevil%00.sh",
    ],
)
def test_the_server_does_not_choose_names_on_our_disk(disposition: str, tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"a,b\n", headers={"Content-Disposition": disposition})) as server:
        got = get(f"{server.url}/a/..%2f..%2fx", tmp_path / "work")
    assert got.path == tmp_path / "work" / "cache.bin"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["cache.bin", "work"]


def test_nothing_is_asked_for_twice_to_find_out_what_it_is(tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"PK\x03\x04")) as server:
        get(f"{server.url}/download?id=1", tmp_path)
    assert [asked.method for asked in server.log] == ["GET"]


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.FTP, Protocol.FILE])
def test_the_address_decides_and_not_the_protocol_tag(protocol: Protocol, tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"a,b\n")) as server:
        assert get(f"{server.url}/x.csv", tmp_path, protocol=protocol).path.read_bytes() == b"a,b\n"


def test_an_unknown_protocol_is_the_sources_mistake(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="carrier pigeon") as failure:
        get("https://host/", tmp_path, protocol=None)
    assert failure.value.problem is Problem.UNKNOWN_PROTOCOL


def test_request_headers_of_the_source_are_sent(tmp_path: Path) -> None:
    with serve(lambda _: Response(body=b"x")) as server:
        get(server.url, tmp_path, request_headers=(("Referer", "https://map.example/"),))
    assert server.log[0].headers["referer"] == "https://map.example/"


def test_an_arcgis_layer_is_dumped(tmp_path: Path) -> None:
    with serving(Layer(points(3))) as server:
        got = get(server.url, tmp_path, protocol=Protocol.ESRI)
    assert got.form == "esri"
    assert got.requests == len(server.log)


def test_no_error_shows_a_password_or_a_token(tmp_path: Path) -> None:
    with serve(lambda _: Response(403)) as server:
        secret = f"{server.url}/x?token=hunter2".replace("//", "//me:hunter3@")
        with pytest.raises(FetchError) as refused:
            get(secret, tmp_path)
    with pytest.raises(FetchError) as gone:
        get(secret, tmp_path)
    with pytest.raises(FetchError) as malformed:
        get("https://me:hunter3@host:port/?token=hunter2", tmp_path)
    with pytest.raises(FetchError) as spaced:
        get("https://me:hunter3@ho st/?token=hunter2", tmp_path)
    for failure in (refused, gone, malformed, spaced):
        shown = "".join(
            f"{link} {link!r} {vars(link)}" for link in (failure.value, failure.value.__cause__) if link is not None
        )
        assert "hunter" not in shown
        assert failure.value.place


def test_a_failed_fetch_leaves_an_empty_folder(tmp_path: Path) -> None:
    with serve(lambda _: Response(404)) as server, pytest.raises(FetchError):
        get(server.url, tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_notes_are_told_with_the_download(tmp_path: Path) -> None:
    from ..certificates import Authority

    guard = Guard(allow_local=True, unverified_tls_hosts=frozenset({"127.0.0.1"}))
    with serve(lambda _: Response(body=b"x"), tls=Authority(tmp_path).issue("expired")) as server:
        got = fetch(source(server.url), tmp_path / "work", budget=SMALL, guard=guard)
    assert got.notes == ("tls: unverified (127.0.0.1)",)


def test_fetching_loads_no_parser_of_data() -> None:
    """The process that talks to publishers has the network and nothing that reads their files."""
    program = (
        "import sys, oa_pipeline.fetch, oa_pipeline.fetch.esri\n"
        "heavy = {'polars', 'pyarrow', 'pyogrio', 'shapely', 'pyproj', 'dagster', 'flask', 'boto3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=150)
    assert found.stdout.strip() == "[]"
