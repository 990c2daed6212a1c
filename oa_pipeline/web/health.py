"""Whether the site's means are there, for machines and for people who watch them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify

from ..errors import OAError, PublishError
from ..ledger.version import data_version
from .rendering import iso
from .site import Site, here

PATIENCE = 4.0  # seconds for each of them
PROBE = "healthz"  # a key that no object has: whether it is there is all that is asked
health = Blueprint("health", __name__)
_pool = ThreadPoolExecutor(4, thread_name_prefix="health")


@health.get("/healthz")
def healthz() -> tuple[Response, int]:
    """JSON: whether database and store answer, and how fast. 503 where one of them does not."""
    told = {"database": _probe(_database), "store": _probe(_store)}
    well = all(one["ok"] for one in told.values())
    return jsonify(status="ok" if well else "failing", **told), 200 if well else 503


@health.get("/health")
def plain() -> Response:
    """The same in a word: OK with 200, or what is missing with 503."""
    missing = [name for name, ask in (("database", _database), ("store", _store)) if not _probe(ask)["ok"]]
    said = f"{' and '.join(missing)} away" if missing else "OK"
    return Response(f"{said}\n", 503 if missing else 200, content_type="text/plain; charset=utf-8")


def _probe(ask: Callable[[Site], dict[str, Any]]) -> dict[str, Any]:
    site, began = here(), time.monotonic()
    try:
        facts = _pool.submit(ask, site).result(PATIENCE)
    except (OAError, OSError, TookTooLong):
        # Why stands in the log: what is said about addresses and hosts is not for everybody.
        return {"ok": False, "seconds": round(time.monotonic() - began, 3)}
    return {"ok": True, "seconds": round(time.monotonic() - began, 3), **facts}


def _database(site: Site) -> dict[str, Any]:
    version = data_version(site.ledger())
    return {"newest": iso(version.newest)}


def _store(site: Site) -> dict[str, Any]:
    store, location = site.store(), site.settings.store_location
    if location.startswith("s3://"):
        store.exists(PROBE)
    elif not (Path(location).is_dir() and os.access(location, os.R_OK | os.X_OK)):
        raise PublishError("the store's folder cannot be read", cure="see OA_STORE")
    return {}
