"""A run's folder: what stays in it from one run to the next, and what a converter may put there."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import Problem
from oa_pipeline_tests import arcgis
from oa_pipeline_tests.process.runs import CSV, Ran, Runs
from oa_pipeline_tests.servers import Request, Response, serve

ROOT = Path(__file__).resolve().parents[2]
ROWS = b"x,y,n\n" + b"".join(b"%d.5,%d.25,%d\n" % (i % 90, i % 45, i) for i in range(300_000))


# ---- what stays --------------------------------------------------------------------------------------


def process_one(source: Path, dest: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "oa_pipeline", "process-one", str(source), str(dest), "--allow-local"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def written(path: Path, data: str, conform: dict[str, Any], **more: Any) -> Path:
    one = {"name": "county", "protocol": "http", "data": data, "conform": conform, **more}
    path.write_text(json.dumps({"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": [one]}}))
    return path


def killed(process: subprocess.Popen[str], when: Callable[[], bool]) -> None:
    """Kills the process as soon as `when` holds."""
    with process:
        deadline = time.monotonic() + 200
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)


def index_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    held: dict[str, Any] = json.loads(Path(out.strip()).read_text())
    return held


def stalling(request: Request, cut: list[bool], over: threading.Event) -> Response:
    """The rows, of which the first time only a part comes before the server falls silent until it is `over`."""
    body, headers = ROWS, {"ETag": '"v1"'}
    start = request.headers.get("range", "")
    if start and request.headers.get("if-range") == '"v1"':
        first = int(start.removeprefix("bytes=").removesuffix("-"))
        headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        return Response(206, body[first:], headers)
    if cut and cut.pop():

        def pieces() -> Iterator[bytes]:
            yield body[:1_000_000]
            over.wait(250)

        return Response(200, pieces(), headers)
    return Response(200, body, headers)


def test_a_download_that_was_killed_goes_on_and_another_address_does_not_take_it_up(tmp_path: Path) -> None:
    cut, over = [True], threading.Event()
    with serve(lambda request: stalling(request, cut, over)) as server:
        dest = tmp_path / "out"
        source = written(tmp_path / "a.json", f"{server.url}/a.csv", CSV)
        folder = dest / "a" / "addresses" / "county"
        part = folder / "cache.part"
        killed(process_one(source, dest), lambda: part.exists() and part.stat().st_size == 1_000_000)

        index = index_of(process_one(source, dest))
        assert [r.headers.get("range") for r in server.log] == [None, "bytes=1000000-"]
        assert index["cache"]["sha256"] == hashlib.sha256(ROWS).hexdigest()
        assert not part.exists()

        cut.append(True)
        killed(process_one(source, dest), lambda: part.exists() and part.stat().st_size == 1_000_000)
        server.log.clear()
        index = index_of(process_one(written(source, f"{server.url}/b.csv", CSV), dest))
        assert [(r.path, r.headers.get("range")) for r in server.log] == [("/b.csv", None)]
        assert index["rows"]["read"] == 300_000
        over.set()


def test_a_dump_that_was_killed_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    layer = arcgis.Layer(features=arcgis.points(1500), metadata=arcgis.metadata(maxRecordCount=100), seconds=0.1)
    over = threading.Event()
    with arcgis.serving(layer) as served:
        # What comes later waits until it is killed, so that it cannot have ended before.
        layer.intercept = lambda _: arcgis.status(503) if len(served.pages) > 8 and over.wait(250) else None
        source = written(tmp_path / "a.json", served.url, {"format": "geojson", "number": "NUMBER"}, protocol="ESRI")
        dest = tmp_path / "out"
        part = dest / "a" / "addresses" / "county" / "esri.part.gz"
        killed(process_one(source, dest), lambda: part.exists() and len(served.pages) > 4)
        over.set()
        before, layer.seconds, layer.intercept = len(served.pages), 0, None

        index = index_of(process_one(source, dest))
        again = index_of(process_one(source, tmp_path / "other"))

        assert index["rows"]["read"] == 1500
        assert index["cache"]["sha256"] == again["cache"]["sha256"]
        # Of those two one began at the beginning.
        assert [page["resultOffset"] for page in served.pages[before:]].count("0") == 1
        assert {p.name for p in part.parent.iterdir()} >= {"cache.esri.jsonl.gz"}
        assert not part.exists()


def test_nothing_of_an_earlier_run_is_left_but_what_a_download_goes_on_from(run: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "run1"
    (folder / "work" / "deep").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_text("kept")
    for name in ("cache.zip", "cache.evil", "esri.part.gz", "esri.checkpoint.json", "out.geojson", "old.zip"):
        (folder / name).write_text("old")
    (folder / "cache.part").symlink_to(secret)
    (folder / "output.txt").symlink_to(secret)

    ran = run.csv("x,y,n\n1,2,7\n")

    assert ran.folder == folder
    assert {p.name for p in folder.iterdir()} == {path.name for path in ran.result.files.values()}
    assert secret.read_text() == "kept"


def test_a_failed_download_leaves_no_older_one_as_its_own(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "run1").mkdir()
    (tmp_path / "run1" / "cache.csv").write_text("of another day")
    ran = run(f"file://{tmp_path}/absent.csv", CSV)

    assert ran.result.outcome.problem is Problem.DOWNLOAD_FAILED
    assert {p.name for p in ran.folder.iterdir()} == {"index.json", "output.txt"}


def test_the_csv_of_a_source_called_cache_does_not_take_the_downloads_place(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.csv", "x,y,n\n1,2,7\n")
    source = written(tmp_path / "cache.json", f"file://{tmp_path}/in.zip", CSV, compression="zip")
    index = index_of(process_one(source, tmp_path / "out"))
    folder = tmp_path / "out" / "cache" / "addresses" / "county"

    assert index["outputs"]["csv"]["file"] == "cache.zip"
    assert (folder / index["cache"]["file"]).read_bytes() == (tmp_path / "in.zip").read_bytes()
    assert (folder / "cache.zip").stat().st_size == index["outputs"]["csv"]["size"]


# ---- what a converter may put there --------------------------------------------------------------------


@pytest.fixture(scope="module")
def acting() -> Iterator[Converter]:
    """Converters that do what a data source's `act` says instead of converting."""
    with Converter(body="oa_pipeline_tests.convert.sandbox.bodies:body", path=(ROOT,)) as warm:
        yield warm


@pytest.fixture
def publish(acting: Converter, tmp_path: Path) -> Callable[..., Ran]:
    runs = Runs(tmp_path, acting)
    return lambda **act: runs(b"x,y,n\n1,2,7\n", CSV, name="data.csv", act="publish", **act)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ({"file": "out.parquet", "is": "a link"}, "is no file"),
        ({"file": "out.parquet", "is": "a pipe"}, "is no file"),
        ({"file": "out.parquet", "is": "a folder"}, "is no file"),
        ({"file": "out.parquet", "is": "a second name"}, "is a file somewhere else, too"),
        ({"file": "out.parquet", "is": "sparse"}, "has 1,073,741,824 bytes instead of 5"),
        ({"file": "out.parquet", "is": "nothing"}, "cannot be looked at"),
        ({"file": "out.txt", "is": "a file"}, "was not asked for"),
        ({"file": "output.txt", "is": "a file", "as": "log"}, "was not asked for"),
        ({"file": "index.json", "is": "a file", "as": "sample"}, "was not asked for"),
        ({"file": "cache.csv", "is": "a file", "as": "csv"}, "was not asked for"),
        ({"file": "out.parquet", "is": "a file", "path": "../cache.csv"}, "was not asked for"),
        ({"file": "out.parquet", "is": "a file", "path": "sub/out.parquet"}, "was not asked for"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['is']} {value.get('path', value['file'])}",
)
def test_what_is_no_output_is_not_taken(
    publish: Callable[..., Ran], act: dict[str, Any], said: str, tmp_path: Path
) -> None:
    ran = publish(**act, read="/etc/hostname")

    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert said in ran.problem
    assert {p.name for p in ran.folder.iterdir()} == {"cache.csv", "index.json", "output.txt"}
    assert (ran.folder / "cache.csv").read_bytes() == b"x,y,n\n1,2,7\n"
    assert "started" in ran.log


def test_what_is_an_output_is_taken(publish: Callable[..., Ran]) -> None:
    ran = publish(file="out.parquet", **{"is": "a file"})

    assert ran.problem == ""
    assert (ran.folder / "out.parquet").read_bytes() == b"12345"
    assert ran.result.files["parquet"] == ran.folder / "out.parquet"


def test_what_a_converter_says_stays_on_its_line(acting: Converter, tmp_path: Path) -> None:
    said = {"problem": Problem.CONFORM_FAILED, "detail": "a\x1b[2J\nb" + "c" * 10_000, "warnings": ["w\r"] * 500}
    runs = Runs(tmp_path, acting)
    ran = runs(b"x,y,n\n1,2,7\n", CSV, name="data.csv", act="answer_with", answer=json.dumps(said))

    assert ran.result.outcome.detail.startswith("a [2J bccc")
    assert len(ran.result.outcome.detail) < 5000
    assert len(ran.result.outcome.warnings) <= 101
    assert not {c for c in ran.log if ord(c) < 32} - {"\n"}
