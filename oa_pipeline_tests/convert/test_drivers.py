from __future__ import annotations

import json
import subprocess
import sys

import pytest

from oa_pipeline.convert.drivers import ALLOWED, DRIVERS, SKIPPED, check_registered, gdal_environment
from oa_pipeline.errors import WallError
from oa_pipeline.sources.model import Format

LIST = "import json, pyogrio; print(json.dumps(list(pyogrio.list_drivers())))"


def registered(env: dict[str, str]) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIST], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(json.loads(done.stdout))


def test_every_driver_of_the_wheel_is_either_allowed_or_skipped() -> None:
    """A new GDAL with a driver that nobody has looked at fails here."""
    assert registered({}) == {*ALLOWED, *SKIPPED.split(",")}


def test_the_environment_leaves_the_allowed_drivers_only_and_nothing_on_standard_error() -> None:
    assert registered(gdal_environment()) == set(ALLOWED)


def test_every_format_that_gdal_reads_has_allowed_drivers() -> None:
    assert set(DRIVERS) == set(Format) - {Format.CSV, Format.GEOJSON}
    assert {driver for drivers in DRIVERS.values() for driver in drivers} == set(ALLOWED)


def test_a_process_whose_environment_came_too_late_reads_nothing() -> None:
    with pytest.raises(WallError, match="CSV, OGR_VRT"):
        check_registered([*ALLOWED, "OGR_VRT", "CSV"])


def test_a_reader_in_such_a_process_refuses() -> None:
    program = (
        "from pathlib import Path\n"
        "from oa_pipeline.convert.readers.ogr import open_ogr\n"
        "from oa_pipeline.convert.task import Limits\n"
        "from oa_pipeline.sources.model import Conform, Format\n"
        "open_ogr(Path('/nowhere'), Conform(Format.GPKG, 'gpkg', ()), Limits())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=False)
    assert "WallError: GDAL may open files with" in done.stderr
