"""Every address that there is, as the endpoints' records tell, in a ledger that `filled` has filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from oa_pipeline.web.endpoints import Endpoint, twin_path
from oa_pipeline.web.pages import ENDPOINTS
from oa_pipeline.web.robots import ENDPOINTS as FOR_ROBOTS

from .filled import HOSTILE, Filled

# Of addresses with something in their path: the hostile ones, and those of what this ledger has.
PATHS: Mapping[str, tuple[Callable[[Filled], str], ...]] = {
    "/sources/<path:what>": (lambda filled: "/sources/us/ca/alameda", lambda filled: f"/sources/{quote(HOSTILE)}"),
    "/runs/<number>/": (lambda filled: f"/runs/{filled.good}/", lambda filled: f"/runs/{filled.hostile}/"),
    "/runs/<number>/map/": (lambda filled: f"/runs/{filled.good}/map/",),
    "/runs/<number>/sample.html": (lambda filled: f"/runs/{filled.hostile - 1}/sample.html",),
    "/sets/<number>/": (lambda filled: f"/sets/{filled.set_id}/", lambda filled: f"/sets/{filled.open_set_id}/"),
    "/jobs/<job>": (lambda filled: f"/jobs/{filled.job_id}", lambda filled: f"/jobs/{filled.pushed}"),
}
ALL: Mapping[str, Endpoint] = {one.path: one for one in (*ENDPOINTS, *FOR_ROBOTS)}


def pages(path: str, filled: Filled) -> list[str]:
    """The addresses of an endpoint, without those of its twins."""
    endpoint = ALL[path]
    if endpoint.fixed:
        return [path]
    made = PATHS.get(path)
    return [one(filled) for one in made] if made else [endpoint.example]


def addresses(path: str, filled: Filled) -> list[str]:
    """The addresses of an endpoint and of its twins."""
    found = pages(path, filled)
    return found + [twin_path(one, extension) for one in found for extension in ALL[path].twins]
