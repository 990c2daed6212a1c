"""The `oa` command as a person meets it: help, wrong arguments, exit statuses, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline import cli

OA = [sys.executable, "-m", "oa_pipeline"]
CSV = "lon,lat,n,s\n-122.1,37.5,1,Main St\n"


def oa(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OA_", "DAGSTER_"))} | environment
    return subprocess.run([*OA, *map(str, arguments)], capture_output=True, text=True, env=env, timeout=240)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text(CSV)
    conform = {"format": "csv", "lon": "lon", "lat": "lat", "number": "n", "street": "s"}
    one = {"name": "county", "protocol": "http", "data": f"file://{tmp_path}/data.csv", "conform": conform}
    return write(tmp_path / "alameda.json", {"addresses": [one], "parcels": [{**one, "conform": {**conform}}]})


def write(path: Path, layers: dict[str, Any]) -> Path:
    coverage = {"country": "us", "US Census": {"geoid": "06001"}}
    path.write_text(json.dumps({"schema": 2, "coverage": coverage, "layers": layers}))
    return path


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from oa_pipeline.cli import oa; oa(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "process-one" in said.stdout
    for heavy in ("polars", "numpy", "pyarrow", "pyogrio", "shapely", "dagster", "sqlalchemy", "boto3", "requests"):
        assert f"'{heavy}'" not in said.stdout


def test_process_one_prints_the_index_and_writes_where_it_said(source: Path, tmp_path: Path) -> None:
    done = oa("process-one", source, tmp_path / "out", "--layer", "addresses", "--name", "county", "--allow-local")

    index = tmp_path / "out" / "alameda" / "addresses" / "county" / "index.json"
    assert (done.returncode, done.stdout) == (0, f"{index}\n")
    assert json.loads(index.read_text())["rows"]["written"] == 1
    assert json.loads((index.parent / "out.geojson").read_text())["properties"]["street"] == "Main St"


@pytest.mark.parametrize("given", ["", "nowhere"], ids=["unset", "no such folder"])
def test_sources_sync_finds_dagsters_home(home: Path, database: str, given: str) -> None:
    place = {"DAGSTER_HOME": str(home / given)} if given else {}
    done = oa("sources", "sync", OA_HOME=str(home), OA_DATABASE_URL=database, **place)
    if given:
        assert (done.returncode, "DAGSTER_HOME" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    else:
        assert (done.returncode, done.stdout) == (0, "8 added\n"), done.stderr


def test_formats_choose_the_outputs(source: Path, tmp_path: Path) -> None:
    oa("process-one", source, tmp_path, "--layer", "addresses", "--allow-local", "--formats", "parquet")

    made = {p.name for p in (tmp_path / "alameda" / "addresses" / "county").iterdir()}
    assert made == {"out.parquet", "sample.json", "index.json", "output.txt", "cache.csv"}


@pytest.mark.parametrize(
    ("asked", "maps"), [("--render-preview", {"preview.png", "slippymap.pmtiles"}), ("--skip-preview", set())]
)
def test_maps_are_made_when_they_are_asked_for(source: Path, tmp_path: Path, asked: str, maps: set[str]) -> None:
    done = oa("process-one", source, tmp_path, "--layer", "addresses", "--allow-local", asked)

    made = {p.name for p in (tmp_path / "alameda" / "addresses" / "county").iterdir()}
    assert (done.returncode, made & {"preview.png", "slippymap.pmtiles"}) == (0, maps), done.stderr


def test_a_source_that_fails_is_status_1_with_problem_and_cure(source: Path, tmp_path: Path) -> None:
    done = oa("process-one", source, tmp_path / "out", "--layer", "addresses")

    assert done.returncode == 1
    assert "Source address is not allowed" in done.stderr
    assert "allow-local" in done.stderr or "OA_ALLOW_LOCAL_SOURCES" in done.stderr
    assert Path(done.stdout.strip()).exists()


def test_skipping_is_status_0(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {"addresses": [{"name": "x", "data": "http://x.test/", "skip": True}]})

    assert oa("process-one", path, tmp_path / "out").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["process-one", "nowhere.json", "out"], "nowhere.json"),
        (["process-one"], "Missing argument"),
        (["process-one", "@source", "out", "--layer", "addresses", "--name", "nope"], "it has: --layer addresses"),
        (["process-one", "@source", "out"], "say which data source"),
        (["process-one", "@source", "out", "--layer", "addresses", "--formats", "xlsx"], "geojson, csv, parquet"),
        (["frobnicate"], "No such command"),
        (["lint"], "Missing argument"),
        (["runs", "list", "--limit", str(10**20)], "is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_is_status_2_and_says_what_is_right(arguments: list[str], said: str, source: Path) -> None:
    done = oa(*[str(source) if a == "@source" else a for a in arguments])

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_setting_is_status_2(source: Path, tmp_path: Path) -> None:
    done = oa("process-one", source, tmp_path, "--layer", "addresses", OA_ALOW_LOCAL="1")

    assert done.returncode == 2
    assert "OA_ALOW_LOCAL" in done.stderr


def test_a_file_that_is_no_source_says_where(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"schema": 2,\n "layers": }')
    done = oa("process-one", path, tmp_path / "out")

    assert done.returncode == 1
    assert ":2:" in done.stderr
    assert "Traceback" not in done.stderr


class OperationalError(Exception):
    """What drivers of databases raise, by its name."""


REFUSALS: dict[str, tuple[Exception, str]] = {
    "disk": (OSError(28, "No space left on device"), "oa: No space left on device\n"),
    "folder": (PermissionError(13, "Permission denied", "/out"), "oa: /out: Permission denied\n"),
    "database": (
        OperationalError("connection refused\nIs the server running?"),
        "oa: the database does not answer: connection refused (`oa doctor database` says what is wrong with it)\n",
    ),
}


@pytest.mark.parametrize(("error", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_machine_refuses_is_one_line_and_status_1(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.oa, "main", refused)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert (ended.value.code, capsys.readouterr().err) == (1, said)


def test_ctrl_c_ends_it_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    rows = "".join(f"1,2,{n},Main St\n" for n in range(3_000_000))
    (tmp_path / "big.csv").write_text("lon,lat,n,s\n" + rows)
    conform = {"format": "csv", "lon": "lon", "lat": "lat", "number": "n", "street": "s"}
    one = {"name": "x", "protocol": "http", "data": f"file://{tmp_path}/big.csv", "conform": conform}
    path = write(tmp_path / "big.json", {"addresses": [one]})
    folder = tmp_path / "out" / "big" / "addresses" / "x"
    running = subprocess.Popen(
        [*OA, "process-one", str(path), str(tmp_path / "out"), "--allow-local"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background of a script has us ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (folder / "work" / "out.parquet").exists():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=120)

    assert running.returncode == 130
    assert "Traceback" not in said
    assert not (folder / "work").exists()
    until = time.monotonic() + 120
    while left := [p for p in processes() if str(tmp_path) in p]:  # those that were killed may take a moment to be gone
        assert time.monotonic() < until, left
        time.sleep(0.02)


def processes() -> list[str]:
    """Where processes of this machine work and what they were called with."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                found.append(f"{(entry / 'cwd').readlink()} {(entry / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
    return found
