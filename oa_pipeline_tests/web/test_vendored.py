"""What other people made is as it came, has its licence with it, and is served for good."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.vendored import FOLDER, packages, vendored


@pytest.mark.parametrize("name", list(packages()))
def test_every_file_of_a_package_is_as_it_came_and_its_licence_is_there(name: str) -> None:
    held = packages()[name]
    folder = FOLDER / f"{name}-{held['version']}"
    found = {path.name: hashlib.sha512(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert found == held["files"]
    assert "Redistribution" in (folder / "LICENSE.txt").read_text()
    assert held["package"].endswith(f"@{held['version']}")


def test_nothing_lies_there_that_is_not_named() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {
        "vendor.json",
        *(f"{one['name']}-{one['version']}" for one in packages().values()),
    }


def test_a_file_is_sent_packed_or_plain_and_may_be_kept_for_good(reader: FlaskClient) -> None:
    address = vendored("maplibre-gl", "maplibre-gl.css")
    plain = reader.get(address)
    packed = reader.get(address, headers={"Accept-Encoding": "gzip"})
    assert (plain.mimetype, plain.data) == ("text/css", Path(FOLDER, *address.split("/")[-2:]).read_bytes())
    assert gzip.decompress(packed.data) == plain.data
    assert "immutable" in plain.headers["Cache-Control"]
    again = reader.get(address, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["maplibre-gl-6.17.0/nothing.js", "nothing-1/maplibre-gl.css", "maplibre-gl-6.17.0/..%2fvendor.json"]
)
def test_what_is_not_named_is_not_there(reader: FlaskClient, path: str) -> None:
    assert reader.get(f"/static/vendor/{path}").status_code == 404
    with pytest.raises(KeyError):
        vendored("maplibre-gl", "nothing.js")
