"""Whether the site's means are there, for machines and for people who watch them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from ..errors import OAError, PublishError
from ..ledger.version import data_version
from ..text import one_line
from .answering.sharing import Begun, Shared
from .rendering import iso
from .site import Site

PATIENCE = 4.0  # seconds for each of them
FRESH = 1.0  # seconds for which what one asker was told is told to others: whoever asks costs no more than that
PROBE = "healthz"  # a key that no object has: whether it is there is all that is asked
log = logging.getLogger(__name__)
health = Blueprint("health", __name__)


class Health:
    """Knows whether database and store answer. Each is asked at most once a second, however many want to know."""

    def __init__(self, site: Site, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._means = {
            name: Shared(partial(_probe, ask, site), seconds=FRESH, clock=clock)
            for name, ask in (("database", _database), ("store", _store))
        }

    def told(self) -> Mapping[str, Mapping[str, Any]]:
        """By means: whether it is there, and how fast it answered."""
        begun = {name: means.begun() for name, means in self._means.items()}
        return {name: self._outcome(one) for name, one in begun.items()}

    def _outcome(self, begun: Begun[dict[str, Any]]) -> Mapping[str, Any]:
        left = begun.at + PATIENCE - self._clock()
        try:
            return begun.found.result(max(0.0, left))
        except TookTooLong:
            return {"ok": False, "seconds": round(self._clock() - begun.at, 3)}


@health.get("/healthz")
def healthz() -> tuple[Response, int]:
    """JSON: whether database and store answer, and how fast. 503 where one of them does not."""
    told = _health().told()
    well = all(one["ok"] for one in told.values())
    return jsonify(status="ok" if well else "failing", **told), 200 if well else 503


@health.get("/health")
def plain() -> Response:
    """The same in a word: OK with 200, or what is missing with 503."""
    missing = [name for name, one in _health().told().items() if not one["ok"]]
    said = f"{' and '.join(missing)} away" if missing else "OK"
    return Response(f"{said}\n", 503 if missing else 200, content_type="text/plain; charset=utf-8")


def _health() -> Health:
    found: Health = current_app.config["HEALTH"]
    return found


def _probe(ask: Callable[[Site], dict[str, Any]], site: Site) -> dict[str, Any]:
    began = time.monotonic()
    try:
        facts = ask(site)
    except (OAError, OSError) as error:
        # Why stands in the log: what is said about addresses and hosts is not for everybody.
        log.warning("the site is not well: %s", one_line(str(error)))
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
