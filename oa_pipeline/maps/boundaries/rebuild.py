"""Makes the packaged boundaries anew from the packages that PROVENANCE.md names.

    python -m oa_pipeline.maps.boundaries.rebuild world-atlas-2.0.2.tgz us-atlas-3.0.1.tgz [FOLDER]

The same packages give the same features in the same order, one a line.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

from . import ground
from .codes import CARVED, FILL, NAMED, NAMES, NUMERIC, STATES, UNCODED, Box
from .topology import DECIMALS, features, whole

WORLD, US = "world.geojson.gz", "us.geojson.gz"
Line = tuple[str, dict[str, str], Any]  # identifier, properties, shape


def rebuild(world_atlas: Path, us_atlas: Path, folder: Path) -> None:
    """Writes all files into `folder`."""
    fine, coarse = (_member(world_atlas, f"package/countries-{scale}.json") for scale in ("10m", "50m"))
    countries = list(world(coarse, fine))
    below = list(united_states(_member(us_atlas, "package/counties-10m.json")))
    write(folder / WORLD, countries)
    write(folder / US, below)
    kinds = [("country", shape) for *_, shape in countries]
    kinds += [("state", shape) for code, _, shape in below if len(code) == len("06")]
    written = ((kind, shapely.from_geojson(json.dumps(_geometry(shape)))) for kind, shape in kinds)
    (folder / ground.FILE).write_bytes(ground.made(written))


def _member(archive: Path, name: str) -> Mapping[str, Any]:
    with tarfile.open(archive) as held:
        found = held.extractfile(name)
        assert found is not None
        return dict(json.load(found))


def world(coarse: Mapping[str, Any], fine: Mapping[str, Any]) -> Iterator[Line]:
    """Every country of ISO 3166-1 that the files draw, by its code; what has a code of its own is cut out of others.

    The coarse file's shapes; what it lacks is taken from the fine one.
    """
    shapes, finer = _countries(coarse), _countries(fine)
    shapes |= {code: finer[code] for code in FILL}
    for code, (country, boxes) in CARVED.items():
        within, rest = _parted(shapes[country], boxes)
        shapes[country] = whole(rest)
        shapes[code] = whole(within or _parted(finer[country], boxes)[0])
    for code in sorted(shapes):
        yield code, {"name": NAMES.get(code, "")}, shapes[code]


def _countries(topology: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for number, name, shape in features(topology, "countries"):
        code = NUMERIC.get(number) or NAMED.get(name)
        if code is None and name not in UNCODED:
            raise ValueError(f"no code is known for {number} {name}")
        found.setdefault(code or "", []).append(shape)
    return {code: whole([shapely.union_all(parts)] if len(parts) > 1 else parts) for code, parts in found.items()}


def _parted(shape: Any, boxes: Sequence[Box]) -> tuple[list[Any], list[Any]]:
    """The polygons that lie within one of the boxes, and all others."""
    within: tuple[list[Any], list[Any]] = ([], [])
    for part in shapely.get_parts(shape):
        within[not any(shapely.box(*box).covers(part) for box in boxes)].append(part)
    return within


def united_states(topology: Mapping[str, Any]) -> Iterator[Line]:
    """States by two digits, then counties by five."""
    for kind in ("states", "counties"):
        for geoid, name, shape in sorted(features(topology, kind), key=lambda found: found[0]):
            yield geoid, {"name": name, "state": STATES[geoid[:2]]}, shape


def write(path: Path, lines: Iterable[Line]) -> None:
    """A GeoJSON FeatureCollection with a feature on each line, compressed; of the same lines the same bytes."""
    text = io.BytesIO()
    with gzip.GzipFile(fileobj=text, mode="wb", compresslevel=9, mtime=0, filename="") as out:
        out.write(b'{"type":"FeatureCollection","features":[\n')
        for number, (identifier, properties, shape) in enumerate(lines):
            held = {"type": "Feature", "id": identifier, "properties": properties, "geometry": _geometry(shape)}
            comma = b",\n" if number else b""
            out.write(comma + json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode())
        out.write(b"\n]}\n")
    path.write_bytes(text.getvalue())


def _geometry(shape: Any) -> dict[str, Any]:
    """Coordinates as short as they can be written; rings begin and turn where they always do."""
    held = json.loads(shapely.to_geojson(shapely.orient_polygons(shapely.normalize(shape), exterior_cw=False)))
    return {"type": held["type"], "coordinates": _short(held["coordinates"])}


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(part) for part in value]
    rounded = round(value, DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    rebuild(given[0], given[1], given[2] if len(given) > 2 else Path(__file__).parent)
