"""What other people made for browsers: each file at an address with its version, as it came, packed for the way.

`static/vendor/vendor.json` names the packages, their licences, and a SHA-512 of each file.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, request

from .endpoints import Cache
from .rendering import STATIC

FOLDER = STATIC / "vendor"
TYPES: Mapping[str, str] = {
    ".mjs": "text/javascript; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
BLUEPRINT = Blueprint("vendored", __name__)


@functools.cache
def packages() -> Mapping[str, Mapping[str, Any]]:
    """What `vendor.json` says of each package, by its name."""
    return {one["name"]: one for one in json.loads((FOLDER / "vendor.json").read_bytes())}


def vendored(package: str, name: str) -> str:
    """The address of one of a package's files. KeyError for what is not there."""
    held = packages()[package]
    held["files"][name]
    return f"/static/vendor/{package}-{held['version']}/{name}"


@BLUEPRINT.get("/static/vendor/<folder>/<name>")
def file(folder: str, name: str) -> Response:
    """One file; 404 for what is not named in `vendor.json`."""
    held = next((one for one in packages().values() if f"{one['name']}-{one['version']}" == folder), None)
    if held is None or name not in held["files"]:
        abort(404)
    packed = request.accept_encodings.quality("gzip") > 0
    response = Response(_packed(folder, name) if packed else (FOLDER / folder / name).read_bytes())
    response.headers["Content-Type"] = TYPES[name[name.rindex(".") :]]
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = Cache.IMMUTABLE.value
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{held['files'][name][:16]}{'-gzip' if packed else ''}")
    response.make_conditional(request)
    return response


@functools.cache
def _packed(folder: str, name: str) -> bytes:
    return gzip.compress((FOLDER / folder / name).read_bytes(), mtime=0)
