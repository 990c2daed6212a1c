"""The bundled samples, each processed for real."""

from __future__ import annotations

from pathlib import Path

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.process import process
from oa_pipeline.samples import install
from oa_pipeline.settings import Settings
from oa_pipeline.sources.repository import read_repository

ROWS = {
    "xx/harbour/addresses/city": 239,
    "xx/hills/addresses/city": 120,
    "xx/lake/buildings/county": 50,
    "xx/lake/parcels/county": 80,
    "xx/meadow/addresses/county": 90,
    "xx/old-town/addresses/primary": 60,
    "xx/streets/centerlines/country": 6,
}


def test_all_samples_have_their_rows_and_the_broken_one_has_a_cure(tmp_path: Path) -> None:
    found = {}
    with Converter() as converter:
        for one in read_repository(install(tmp_path)).data_sources():
            folder = tmp_path / "out" / one.key
            result = process(one, folder, settings=Settings(allow_local_sources=True), converter=converter)
            found[one.key] = result.outcome
    broken = found.pop("xx/broken/addresses/city")
    assert {key: outcome.rows for key, outcome in found.items()} == ROWS
    assert {outcome.problem for outcome in found.values()} == {None}
    assert broken.problem == "Could not conform source data"
    assert "meadow.shp" in broken.cure
