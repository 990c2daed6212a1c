"""The ready-made lines do what they say: fetched from a real site, and read with real programs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import geopandas
import pytest
import shapely
import sqlalchemy as sa

from oa_pipeline.ledger import builds
from oa_pipeline.web.commands import commands
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .conftest import Served

KEY = "at/wien/addresses/city"
FEATURE = {
    "type": "Feature",
    "properties": {"street": "Graben"},
    "geometry": {"type": "Point", "coordinates": [16, 48]},
}
COLLECTION = "openaddr-collected-europe-addresses.parquet"


@pytest.fixture
def lines(engine: sa.Engine, tmp_path: Path, serve: Callable[..., Served]) -> list[str]:
    """All lines of a source and of a regional file, as the site says them."""
    store = tmp_path / "store"
    (store / "runs/1").mkdir(parents=True)
    (store / "collections/1").mkdir(parents=True)
    table = geopandas.GeoDataFrame({"street": ["Graben"]}, geometry=[shapely.Point(16, 48)], crs="EPSG:4326")
    table.to_parquet(store / "runs/1/out.parquet")
    table.to_parquet(store / "collections/1" / COLLECTION)
    (store / "runs/1/out.geojson.gz").write_bytes(gzip.compress(json.dumps(FEATURE).encode() + b"\n"))
    with ZipFile(store / "runs/1/wien.zip", "w") as archive:
        archive.writestr("wien.csv", "LON,LAT,STREET\n16,48,Graben\n")
    kinds = {"csv": "wien.zip", "geojson": "out.geojson.gz", "parquet": "out.parquet"}
    outputs = {kind: {"key": f"runs/1/{name}", **_facts(store / "runs/1" / name)} for kind, name in kinds.items()}
    run(engine, declare(engine, KEY), rows=1, outputs=outputs)
    build = builds.begin_build(engine, "collections", run_ids=[1], now=NOW)
    made = builds.Zip(
        "europe", "", f"collections/1/{COLLECTION}", **_facts(store / "collections/1" / COLLECTION), sources=1,
        form="parquet",
    )  # fmt: skip
    builds.publish_zips(engine, build, [made], {}, now=NOW)

    url = serve().url
    with urlopen(f"{url}/sources/{KEY}.json") as answer:
        files = json.load(answer)["published"]["files"]
    with urlopen(f"{url}/collections.json") as answer:
        regional = json.load(answer)
    found = [one for each in files for one in each["commands"]] + regional["commands"]
    assert regional["collections"][0]["sha256"] == made.sha256
    return [one["line"].replace("http://127.0.0.1:5000", url) for one in found]


def _facts(path: Path) -> dict[str, object]:
    body = path.read_bytes()
    return {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "rows": 1}


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_line_works_as_it_stands(lines: list[str], tmp_path: Path) -> None:
    here = tmp_path / "reader"
    here.mkdir()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = []
    for line in lines:
        if shutil.which(line.split()[0], path=environment["PATH"]) is None:
            continue  # DuckDB is nobody's dependency
        done = subprocess.run(line, shell=True, cwd=here, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, (line, done.stderr)
        said.append(done.stdout)

    assert len([one for one in said if "Graben" in one and "POINT (16 48)" in one]) == 3  # by geopandas
    stored = [*(tmp_path / "store/runs/1").iterdir(), tmp_path / "store/collections/1" / COLLECTION]
    assert {_sha(path) for path in stored} <= {_sha(path) for path in here.iterdir()}


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("key", ["a'b", "a b", "$(touch x)", 'a"b', "a;b", "a&b", "`id`", "ä"])
def test_no_address_ends_a_word_of_the_shell(key: str, tmp_path: Path) -> None:
    (line, *_) = [one["line"] for one in commands(f"https://site.example/latest/run/{key}.zip", "data.zip")]

    said = subprocess.run(
        re.sub("^curl -fL -o data.zip", "printf %s", line), shell=True, cwd=tmp_path, capture_output=True, text=True
    )

    assert said.stdout == f"https://site.example/latest/run/{key}.zip"
    assert not list(tmp_path.iterdir())
