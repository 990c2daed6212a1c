from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from oa_pipeline.convert.outputs import Block, open_writers, write_sample
from oa_pipeline.convert.outputs.writers import Writer
from oa_pipeline.sources.model import ATTRIBUTES, Layer


def opened(folder: Path, layer: Layer = Layer.ADDRESSES, **options: object) -> dict[str, Writer]:
    return open_writers(folder, "us/ca/alameda", layer, "county", ATTRIBUTES[layer], **options)  # type: ignore[arg-type]


def names(writers: dict[str, Writer]) -> dict[str, str]:
    return {kind: writer.close().path for kind, writer in writers.items()}


def test_addresses_get_all_formats(tmp_path: Path) -> None:
    assert names(opened(tmp_path)) == {"geojson": "out.geojson.gz", "csv": "alameda.zip", "parquet": "out.parquet"}


@pytest.mark.parametrize("layer", [Layer.BUILDINGS, Layer.PARCELS, Layer.CENTERLINES])
def test_other_layers_have_no_csv(layer: Layer, tmp_path: Path) -> None:
    assert names(opened(tmp_path, layer)) == {"geojson": "out.geojson.gz", "parquet": "out.parquet"}


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    assert names(opened(tmp_path, formats=("parquet",))) == {"parquet": "out.parquet"}
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]


def test_plain_geojson_comes_beside_the_packed_one_or_alone(tmp_path: Path) -> None:
    both = {"geojson": "out.geojson.gz", "geojson-plain": "out.geojson"}
    assert names(opened(tmp_path, formats=("geojson",), plain=True)) == both
    assert names(opened(tmp_path, formats=("geojson-plain",))) == {"geojson-plain": "out.geojson"}
    assert names(opened(tmp_path, formats=("parquet",), plain=True)) == {"parquet": "out.parquet"}


def test_a_second_addresses_data_source_has_names_of_its_own(tmp_path: Path) -> None:
    assert names(opened(tmp_path, formats=("csv",), member="us/ca/alameda-city")) == {"csv": "alameda-city.zip"}


def test_size_digest_and_rows_are_those_of_the_file(streets: Block, tmp_path: Path) -> None:
    writers = opened(tmp_path, plain=True)
    for writer in writers.values():
        writer.write(streets)
    for kind, writer in writers.items():
        output = writer.close()
        data = (tmp_path / output.path).read_bytes()
        assert (output.size, output.sha256) == (len(data), sha256(data).hexdigest())
        assert output.rows == (5 if kind.startswith("geojson") else 3)


def test_when_one_cannot_be_opened_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").mkdir()
    with pytest.raises(OSError, match="directory"):
        opened(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]


def test_the_sample_is_a_header_and_five_rows(tmp_path: Path) -> None:
    rows = [(str(i), "é", None) for i in range(9)]
    output = write_sample(tmp_path / "sample.json", ("OBJECTID", "name", "x"), iter(rows))
    held = json.loads((tmp_path / "sample.json").read_text(encoding="utf-8"))
    assert held == [["OBJECTID", "name", "x"], *map(list, rows[:5])]
    assert output.rows == 5
    assert output.sha256 == sha256((tmp_path / "sample.json").read_bytes()).hexdigest()
