"""The dotmap from results in a ledger and a store, by the real tippecanoe, on a folder and on S3."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import timedelta
from pathlib import Path

import mapbox_vector_tile
import pytest
import sqlalchemy as sa

from oa_pipeline.errors import MapError, PublishError
from oa_pipeline.ledger import builds, dotmap
from oa_pipeline.maps.dotmap import tiling
from oa_pipeline.maps.tippecanoe import version
from oa_pipeline.publish.dotmap import build as building
from oa_pipeline.publish.dotmap.areas import area_of
from oa_pipeline.publish.dotmap.build import Dotmap, due
from oa_pipeline.publish.dotmap.unfinished import Unfinished
from oa_pipeline.publish.prune import Wish as Pruning
from oa_pipeline.publish.prune import prune
from oa_pipeline.publish.store import Store
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.ledger.life import NOW
from oa_pipeline_tests.maps.dotmap.archives import opened, read_mbtiles, read_pmtiles

from .conftest import World

LINN, LANE = "us/or/linn/addresses/county", "us/or/lane/addresses/county"
CLARK, PARIS = "us/wa/clark/addresses/county", "fr/paris/addresses/city"
DAY = timedelta(days=1)


def fetched(world: World, key: str = "dotmap.pmtiles") -> Path:
    path = world.folder / key.rpartition("/")[2]
    with world.store.open(key) as held:
        path.write_bytes(held.read())
    return path


def numbers(path: Path) -> Counter[str]:
    """The house numbers at the highest zoom; one that is near a tile's edge may be in two tiles."""
    found: Counter[str] = Counter()
    for (zoom, _, _), data in read_pmtiles(path).items():
        layer = mapbox_vector_tile.decode(gzip.decompress(data))["openaddresses"]
        if zoom == 14:
            found.update(feature["properties"]["number"] for feature in layer["features"])
    return found


def made_by(world: World) -> dict[str, int]:
    """Which areas are kept, and the build of each."""
    return {row["area"]: row["build_id"] for row in dotmap.areas(world.engine)}


def two_states(world: World) -> Dotmap:
    """Oregon and Washington meet at a river: they share tiles of every zoom."""
    world.publish(LINN, [("1", -122.66, 45.61), ("2", -122.67, 45.6101)])
    world.publish(CLARK, [("3", -122.6605, 45.6102)])
    return world.build()


@pytest.mark.parametrize(
    ("source", "area"),
    [
        ("us/ca/alameda", "us-ca"), ("us-ca-alameda", "us-ca"), ("us/ca", "us-ca"), ("us/countrywide", "us"),
        ("fr/paris", "fr"), ("fr", "fr"), ("de/be/berlin", "de"), ("fr-paris", "fr"), ("xx/y", "xx"),
        ("europe/x", "others"), ("US/ca", "others"), ("", "others"), ("f/paris", "others"),
    ],
)  # fmt: skip
def test_a_source_is_of_its_country_or_state(source: str, area: str) -> None:
    assert area_of(source) == area


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_all_addresses_are_on_one_map_and_states_share_tiles(world: World) -> None:
    done = two_states(world)
    assert (done.made, done.facts["areas"], done.facts["rows"], done.facts["sources"]) == (True, 2, 3, 2)
    assert done.facts["shared"] >= 14
    assert done.facts["dropped"] == {}
    file, seen = done.files
    assert fetched(world, seen["key"]).read_bytes().startswith(b"\x89PNG")
    assert file["key"] == f"dotmap/{done.build}/dotmap.pmtiles"
    path = fetched(world)
    assert path.read_bytes() == fetched(world, file["key"]).read_bytes()
    opened(path).verify()
    assert set(numbers(path)) == {"1", "2", "3"}
    said = opened(path).metadata()
    assert said["name"].startswith("OpenAddresses 20")
    assert said["vector_layers"][0]["fields"] == {"number": "String", "street": "String", "unit": "String"}
    assert [words for words in world.said if words[0] == "areas"] == [("areas", n, 2) for n in range(3)]
    assert any(what == "tippecanoe" and done > 0 for what, done, _ in world.said)
    total = sum(row["tiles"] for row in done.areas)
    assert ("world", total, total) in world.said


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_only_areas_that_changed_are_made_again(world: World) -> None:
    first = two_states(world)
    assert not due(world.engine)
    again = world.build()
    assert (again.made, again.build, again.version) == (False, first.build, first.version)
    world.publish(LINN, [("9", -122.66, 45.61)])
    assert due(world.engine)
    second = world.build()
    assert second.facts["made"] == ["us-or"]
    assert made_by(world) == {"us-or": second.build, "us-wa": first.build}
    assert set(numbers(fetched(world))) == {"9", "3"}
    assert second.version != first.version


def test_the_same_rows_by_another_run_change_nothing(world: World) -> None:
    first = two_states(world)
    world.publish(CLARK, [("3", -122.6605, 45.6102)])
    assert not world.build().made
    assert made_by(world)["us-wa"] == first.build


def test_a_second_source_of_an_area_and_one_that_left_make_it_again(world: World) -> None:
    two_states(world)
    world.publish(LANE, [("7", -123.0, 44.0)])
    assert world.build().facts["made"] == ["us-or"]
    world.remove(LINN)
    assert world.build().facts["made"] == ["us-or"]
    assert set(numbers(fetched(world))) == {"7", "3"}


def test_an_area_without_sources_is_gone_and_a_source_that_moved_is_where_it_is(world: World) -> None:
    two_states(world)
    world.remove(CLARK)
    world.publish(PARIS, [("3", 2.35, 48.85)])
    assert world.build().facts["made"] == ["fr"]
    assert set(made_by(world)) == {"us-or", "fr"}
    assert set(numbers(fetched(world))) == {"1", "2", "3"}


def test_share_alike_is_on_the_map_and_other_layers_are_not(world: World) -> None:
    world.publish(LINN, [("1", -122.66, 45.61)], licence=Licence("ODbL", share_alike=True))
    world.publish("us/or/linn/parcels/county", [("2", -122.66, 45.61)])
    assert world.build().facts["rows"] == 1


def test_force_makes_everything_anew(world: World) -> None:
    two_states(world)
    done = world.build(force=True)
    assert made_by(world) == {"us-or": done.build, "us-wa": done.build}


def test_mapboxs_archive_has_the_same_tiles_and_goes_where_it_is_not_wanted_any_more(world: World) -> None:
    two_states(world)
    done = world.build(mbtiles=True)
    assert (done.made, done.facts["made"]) == (True, [])
    assert [file["name"] for file in done.files] == ["dotmap.pmtiles", "dotmap.mbtiles", "dotmap.png"]
    assert read_mbtiles(fetched(world, "dotmap.mbtiles")) == read_pmtiles(fetched(world))
    world.publish(CLARK, [("4", -122.6605, 45.6102)])
    done = world.build()
    assert [file["name"] for file in done.files] == ["dotmap.pmtiles", "dotmap.png"]
    assert not world.store.exists("dotmap.mbtiles")


@pytest.mark.parametrize("trouble", ["gone", "other bytes", "no parquet"])
def test_a_result_that_cannot_be_read_is_left_out_named_and_tried_again(world: World, trouble: str) -> None:
    world.publish(LINN, [("1", -122.66, 45.61)])
    number = world.publish(LANE, [("7", -123.0, 44.0)])
    key, kept = f"runs/x{number - 1}/out.parquet", b""
    with world.store.open(key) as held:
        kept = held.read()
    world.store.delete([key])
    if trouble != "gone":
        spoil(world, key, b"PAR1 nothing", number, honest=trouble == "no parquet")
    done = world.build()
    assert [left for left, _ in done.left_out] == [LANE]
    assert done.facts["broken"] == [LANE]
    assert due(world.engine)
    again = world.build()  # still broken: what is there without it is not made again
    assert (again.made, again.facts["made"], again.facts["kept"]) == (True, [], 1)
    world.store.delete([key])
    spoil(world, key, kept, number, honest=True)
    assert world.build().facts["made"] == ["us-or"]
    assert set(numbers(fetched(world))) == {"1", "7"}
    assert not due(world.engine)


def spoil(world: World, key: str, data: bytes, number: int, *, honest: bool) -> None:
    with world.store.writer(key, content_type="x") as out:
        out.write(data)
    if honest:
        sha256 = {"parquet": {"key": key, "size": len(data), "sha256": out.sha256, "rows": 1}}
        with world.engine.begin() as connection:
            values = sa.bindparam("o", sha256, sa.JSON())
            connection.execute(
                sa.text("UPDATE oa.runs SET outputs = :o WHERE id = :n").bindparams(values), {"n": number}
            )


def test_a_result_without_geoparquet_is_named(world: World) -> None:
    number = world.publish(LINN, [("1", 1.0, 1.0)], outputs={})
    world.publish(CLARK, [("3", -122.6605, 45.6102)])
    assert world.build().left_out == [(LINN, f"run {number} has no GeoParquet")]


def test_without_any_address_nothing_is_published_and_the_former_stays(world: World) -> None:
    assert not due(world.engine)
    with pytest.raises(PublishError, match="no data source has addresses"):
        world.build()
    two_states(world)
    for key in (LINN, CLARK):
        world.remove(key)
    with pytest.raises(PublishError, match="no data source has addresses"):
        world.build()
    world.publish(LINN, [("1", 0.0, 89.9)])
    with pytest.raises(PublishError, match="none of the results could be put on a map"):
        world.build()
    assert set(numbers(fetched(world))) == {"1", "2", "3"}


def that_draws_nothing(path: Path, version: str) -> str:
    """A program that tells this version, and fails at whatever else it is asked."""
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit\nexit 3\n')
    path.chmod(0o755)
    return str(path)


def test_a_program_that_fails_leaves_the_former_and_what_was_made_is_kept(world: World, tmp_path: Path) -> None:
    first = two_states(world)
    fails = that_draws_nothing(tmp_path / "fails", first.facts["drawn_by"])
    world.publish(LINN, [("9", -122.66, 45.61)])
    with pytest.raises(MapError, match="status 3"):
        world.build(program=fails)
    assert builds.artifact(world.engine, "dotmap.pmtiles")["build_id"] == first.build  # type: ignore[index]
    failed = builds.newest(world.engine, "dotmap")
    assert failed is not None
    assert (failed["status"], "status 3" in failed["detail"]) == ("failed", True)
    assert set(numbers(fetched(world))) == {"1", "2", "3"}


def test_another_version_of_the_program_makes_the_areas_anew(world: World, tmp_path: Path) -> None:
    first = two_states(world)
    assert first.facts["drawn_by"] == version()
    same, other = (that_draws_nothing(tmp_path / name, told) for name, told in (("same", version()), ("other", "v9")))
    assert not due(world.engine, same)
    assert not world.build(program=same).made
    assert due(world.engine, other)
    with pytest.raises(MapError, match="status 3"):  # it was to draw
        world.build(program=other)


def test_another_version_of_our_own_drawing_makes_all_areas_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two_states(world)
    monkeypatch.setattr(tiling, "FORM", tiling.FORM + 1)
    assert due(world.engine)
    assert world.build().facts["made"] == ["us-or", "us-wa"]


def test_a_program_that_is_missing_is_told_where_the_map_is_made_and_not_where_it_is_asked_for(
    world: World, tmp_path: Path
) -> None:
    two_states(world)
    nowhere = str(tmp_path / "nowhere")
    assert not due(world.engine, nowhere)
    world.publish(LINN, [("9", -122.66, 45.61)])
    assert due(world.engine, nowhere)
    with pytest.raises(MapError, match=f"there is no program {nowhere}"):
        world.build(program=nowhere)
    failed = builds.newest(world.engine, "dotmap")
    assert failed is not None
    assert (failed["status"], "there is no program" in failed["detail"]) == ("failed", True)
    assert set(numbers(fetched(world))) == {"1", "2", "3"}


def test_who_comes_after_a_build_that_broke_off_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise PublishError("the store is gone")

    with monkeypatch.context() as patched:
        patched.setattr(building, "make_world", broken)
        with pytest.raises(PublishError, match="the store is gone"):
            two_states(world)
    assert builds.artifact(world.engine, "dotmap.pmtiles") is None
    done = world.build()
    assert (done.facts["made"], done.facts["kept"]) == ([], 2)


def test_a_build_that_was_overtaken_publishes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two_states(world)
    world.publish(LINN, [("9", -122.66, 45.61)])
    make = building.make_area

    def overtaken(*arguments: object, **named: object) -> object:
        found = make(*arguments, **named)  # type: ignore[arg-type]
        builds.begin_build(world.engine, "dotmap", run_ids=[], now=NOW)
        return found

    monkeypatch.setattr(building, "make_area", overtaken)
    before = made_by(world)
    with pytest.raises(PublishError, match="has ended as failed"):
        world.build()
    assert made_by(world) == before
    assert set(numbers(fetched(world))) == {"1", "2", "3"}


def test_a_fixed_key_that_was_not_reached_is_the_next_builds_only_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Store, key: str, to: str) -> None:
        raise PublishError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(type(world.store), "copy", refused)
        with pytest.raises(Unfinished, match=r"is current, but it is not at its fixed key: no room"):
            two_states(world)
    assert not world.store.exists("dotmap.pmtiles")
    assert due(world.engine)
    assert not world.build().made
    assert set(numbers(fetched(world))) == {"1", "2", "3"}
    assert not due(world.engine)


def test_pruning_keeps_what_the_next_map_is_made_of(world: World) -> None:
    first = two_states(world)
    for n in range(5):
        world.publish(LINN, [(f"{n}", -122.66, 45.61)])
        world.build()
    later = NOW + 30 * DAY
    prune(world.engine, world.store, Pruning(keep=DAY), now=later)
    keys = {found.key for found in world.store.list("dotmap/")}
    assert f"dotmap/{first.build}/areas/us-wa.pmtiles" in keys
    assert f"dotmap/{first.build}/dotmap.pmtiles" not in keys
    world.publish(LINN, [("x", -122.66, 45.61)])
    assert world.build().facts["made"] == ["us-or"]
    assert set(numbers(fetched(world))) == {"x", "3"}


def test_an_areas_archive_that_is_gone_is_made_again(world: World) -> None:
    first = two_states(world)
    world.store.delete([f"dotmap/{first.build}/areas/us-wa.pmtiles"])
    world.publish(LINN, [("9", -122.66, 45.61)])
    assert world.build().facts["made"] == ["us-or", "us-wa"]
