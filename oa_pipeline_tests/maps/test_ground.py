import gzip
import json

import shapely

from oa_pipeline.maps.boundaries import features, ground


def test_the_packaged_ground_is_what_the_packaged_boundaries_give() -> None:
    shapes = [("country", one.shape) for one in features("world")]
    shapes += [("state", one.shape) for one in features("us") if len(one.code) == 2]
    assert gzip.decompress(ground.packed()) == gzip.decompress(ground.made(shapes))


def test_no_border_is_drawn_along_180_degrees_but_around_the_pole() -> None:
    found = json.loads(gzip.decompress(ground.packed()))["features"]
    assert {one["properties"]["kind"] for one in found} == {"country", "state"}
    cut = []
    for one in found:
        west, south, east, _ = shapely.from_geojson(json.dumps(one["geometry"])).bounds
        if (west <= -180 or east == 180) and south > -90:
            cut.append(one)
    assert cut == []
    assert len(gzip.compress(json.dumps(found).encode())) < 300_000
