from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path

from oa_pipeline.convert.outputs import Block
from oa_pipeline.convert.outputs.geojson import GeoJsonWriter


def test_packed_and_plain_hold_the_same_lines(streets: Block, tmp_path: Path) -> None:
    packed = GeoJsonWriter(tmp_path / "out.geojson.gz", packed=True)
    plain = GeoJsonWriter(tmp_path / "out.geojson", packed=False)
    for _ in range(2):
        packed.write(streets)
        plain.write(streets)
    said, other = packed.close(), plain.close()
    text = (tmp_path / "out.geojson").read_bytes()
    assert gzip.decompress((tmp_path / "out.geojson.gz").read_bytes()) == text
    assert text.decode().splitlines() == streets.json.to_list() * 2
    assert said.rows == other.rows == 10
    for output in (said, other):
        data = (tmp_path / output.path).read_bytes()
        assert (output.size, output.sha256) == (len(data), sha256(data).hexdigest())


def test_rows_without_a_usable_place_are_written(streets: Block, tmp_path: Path) -> None:
    writer = GeoJsonWriter(tmp_path / "out.geojson", packed=False)
    writer.write(streets)
    writer.close()
    lines = (tmp_path / "out.geojson").read_text(encoding="utf-8").splitlines()
    features = [json.loads(line) for line in lines]
    assert [f["properties"]["street"] for f in features][3:] == ["Nowhere", "Null Island"]
    assert features[3]["geometry"] is None
    assert features[4]["geometry"]["coordinates"] == [0, 0]


def test_the_gzip_header_has_neither_name_nor_time(streets: Block, tmp_path: Path) -> None:
    writer = GeoJsonWriter(tmp_path / "out.geojson.gz", packed=True)
    writer.write(streets)
    writer.close()
    header = (tmp_path / "out.geojson.gz").read_bytes()[:10]
    assert header[3] == 0
    assert header[4:8] == b"\0\0\0\0"


def test_nothing_remains_after_abort(streets: Block, tmp_path: Path) -> None:
    for close in (False, True):
        writer = GeoJsonWriter(tmp_path / "out.geojson.gz", packed=True)
        writer.write(streets)
        if close:
            writer.close()
        writer.abort()
        writer.abort()
        assert list(tmp_path.iterdir()) == []
