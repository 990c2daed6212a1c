"""The tile index from results in a ledger and a store, on a folder and on S3."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds
from oa_pipeline.ledger.tables import partitions
from oa_pipeline.publish.tiles import making
from oa_pipeline.sources.model import Licence

from .conftest import World

ALPHA, BETA, GAMMA = "us/ca/alpha/addresses/city", "us/ca/beta/addresses/city", "us/ca/gamma/addresses/city"


def tile(world: World, lon: float, lat: float) -> list[dict[str, str]]:
    """The rows of the tile that is current there; the test fails where there is none."""
    with zipfile.ZipFile(io.BytesIO(_bytes(world, lon, lat))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["addresses.csv", "LICENSE.txt"]
        return list(csv.DictReader(io.StringIO(archive.read("addresses.csv").decode(), newline="")))


def licences(world: World, lon: float, lat: float) -> str:
    with zipfile.ZipFile(io.BytesIO(_bytes(world, lon, lat))) as archive:
        return archive.read("LICENSE.txt").decode()


def _bytes(world: World, lon: float, lat: float) -> bytes:
    found = {(row["lon"], row["lat"]): row for row in builds.current_tiles(world.engine)}
    with world.store.open(found[lon, lat]["key"]) as held:
        return held.read()


def cells(world: World) -> dict[tuple[int, int], int]:
    """Which tiles there are, and of which build."""
    return {(row["lon"], row["lat"]): row["build_id"] for row in builds.current_tiles(world.engine)}


def numbers(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["OA:Source"], row["NUMBER"]) for row in rows]


def test_each_row_is_in_the_tile_of_its_degree_with_its_source(world: World) -> None:
    world.publish(BETA, [("1", -122.5, 37.5), ("2", -121.0, 37.999), ("3", -122.000001, 37.0)])
    world.publish(ALPHA, [("9", -122.1, 37.1), ("8", -0.5, -0.5)])
    done = world.index()
    assert (done.tiles, done.made, done.rows, done.sources) == (3, 3, 5, 2)
    assert set(cells(world)) == {(-123, 37), (-121, 37), (-1, -1)}
    assert numbers(tile(world, -123, 37)) == [("us/ca/alpha", "9"), ("us/ca/beta", "1"), ("us/ca/beta", "3")]
    row = tile(world, -123, 37)[1]
    assert row["STREET"] == 'the "Mews"\r\nback'
    assert (row["LON"], row["LAT"]) == ("-122.5", "37.5")
    assert len(row["HASH"]) == 16
    assert builds.current_tiles(world.engine)[0]["key"] == f"tiles/{done.build}/-1.0/-1.0.zip"


def test_the_edges_of_the_earth_belong_to_the_last_cells(world: World) -> None:
    world.publish(ALPHA, [("1", 180.0, 90.0), ("2", -180.0, -90.0), ("3", 179.5, 89.5)])
    world.index()
    assert set(cells(world)) == {(179, 89), (-180, -90)}
    assert [row["NUMBER"] for row in tile(world, 179, 89)] == ["1", "3"]


def test_the_licences_are_those_of_the_tiles_own_sources(world: World) -> None:
    named = Licence("CC BY 4.0", attribution_required=True, attribution_name="City of\nAlpha")
    world.publish(ALPHA, [("1", 1.5, 1.5)], licence=named)
    world.publish(BETA, [("1", 2.5, 1.5)], licence=Licence("", attribution_required=False), website="")
    world.index()
    assert "us/ca/alpha\nWebsite: https://x.example/\nLicense: CC BY 4.0\nRequired attribution: City of Alpha" in (
        licences(world, 1, 1)
    )
    assert "beta" not in licences(world, 1, 1)
    assert "us/ca/beta\nWebsite: Unknown\nLicense: Unknown\nRequired attribution: No" in licences(world, 2, 1)


def test_share_alike_and_other_layers_are_in_no_tile(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)], licence=Licence("ODbL", share_alike=True))
    world.publish("us/ca/alpha/buildings/city", [("1", 1.5, 1.5)])
    world.publish(BETA, [("2", 2.5, 1.5)], licence=Licence("CC0", share_alike=False))
    assert world.index().left_out == []
    assert set(cells(world)) == {(2, 1)}


def test_a_second_addresses_data_source_of_a_file_has_a_name_of_its_own(world: World) -> None:
    world.publish("us/ca/alpha/addresses/county", [("2", 1.5, 1.5)], first=False)
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    world.index()
    assert numbers(tile(world, 1, 1)) == [("us/ca/alpha", "1"), ("us/ca/alpha-county", "2")]


def test_only_tiles_whose_results_changed_are_made_again(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5), ("2", 2.5, 1.5)])
    world.publish(BETA, [("3", 2.5, 1.5), ("4", 3.5, 1.5)])
    first = world.index().build
    assert world.index().build is None
    world.publish(BETA, [("3", 2.5, 1.5), ("5", 4.5, 1.5)])
    done = world.index()
    assert (done.made, done.removed, done.read) == (2, 1, 2)
    assert cells(world) == {(1, 1): first, (2, 1): done.build, (4, 1): done.build}
    assert numbers(tile(world, 2, 1)) == [("us/ca/alpha", "2"), ("us/ca/beta", "3")]


def test_the_same_rows_by_another_run_change_nothing(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    first = world.index()
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    again = world.index()
    assert (again.build, again.version) == (None, first.version)


def test_another_licence_makes_the_sources_tiles_again(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    world.publish(BETA, [("1", 2.5, 1.5)])
    world.index()
    world.publish(ALPHA, [("1", 1.5, 1.5)], licence=Licence("CC BY 4.0"))
    assert world.index().made == 1
    assert "CC BY 4.0" in licences(world, 1, 1)


def test_a_source_that_broke_keeps_its_rows_and_one_that_left_does_not(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    world.publish(BETA, [("2", 1.5, 1.5)])
    world.index()
    world.fail(ALPHA)
    assert world.index().build is None
    with world.engine.begin() as connection:
        gone = sa.update(partitions).where(partitions.c.key == BETA)
        connection.execute(gone.values(removed_at=sa.func.now()))
    world.index()
    assert numbers(tile(world, 1, 1)) == [("us/ca/alpha", "1")]


def test_a_source_without_a_readable_csv_is_named_and_ends_nothing(world: World) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    world.publish(BETA, [("2", 1.5, 1.5)], outputs={"csv": {"key": "runs/77/missing.zip", "size": 1}})
    world.publish(GAMMA, [("3", 1.5, 1.5)], outputs={})
    done = world.index()
    assert numbers(tile(world, 1, 1)) == [("us/ca/alpha", "1")]
    assert [key for key, _ in done.left_out] == [GAMMA, BETA]
    assert "runs/77/missing.zip" in done.left_out[1][1]
    assert world.index().build is not None, "a broken one is tried again"


def test_a_broken_zip_found_later_leaves_all_tiles_of_its_source(world: World) -> None:
    one = world.publish(ALPHA, [("1", 1.5, 1.5), ("2", 2.5, 1.5)])
    world.publish(BETA, [("3", 2.5, 1.5), ("4", 3.5, 1.5)])
    world.index()
    world.store.delete([f"runs/{one}/alpha.zip"])
    world.publish(BETA, [("5", 2.5, 1.5), ("4", 3.5, 1.5)])
    done = world.index()
    assert [key for key, _ in done.left_out] == [ALPHA]
    assert set(cells(world)) == {(2, 1), (3, 1)}
    assert numbers(tile(world, 2, 1)) == [("us/ca/beta", "5")]


@pytest.mark.parametrize("held", [1, 1 << 20], ids=["spilled", "held"])
def test_a_tile_is_the_same_bytes_however_its_rows_were_gathered(
    world: World, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    places = [(str(n), 1.5 + n % 3, 1.5) for n in range(300)]
    world.publish(ALPHA, places)
    world.publish(BETA, places)
    world.index()
    before = _bytes(world, 2, 1)
    with world.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM oa.tiles"))
        connection.execute(sa.text("UPDATE oa.builds SET fingerprint = ''"))
    spill = making.Spill
    monkeypatch.setattr(making, "Spill", lambda folder: spill(folder, held))
    world.index()
    assert _bytes(world, 2, 1) == before


def test_a_build_that_fails_leaves_what_was_current(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(ALPHA, [("1", 1.5, 1.5)])
    before = world.index().build
    world.publish(ALPHA, [("2", 1.5, 1.5)])

    def full(*_: Any) -> None:
        raise PublishError("the disk is full")

    monkeypatch.setattr(making, "write_tile", full)
    with pytest.raises(PublishError, match="disk"):
        world.index()
    assert cells(world) == {(1, 1): before}
    last = builds.last_published(world.engine, "tiles")
    assert last is not None
    assert last["id"] == before
