"""Which pages are looked at: every one that the endpoints' records tell of, and some of them in other states."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from oa_pipeline.web.endpoints import Endpoint
from oa_pipeline.web.pages import ENDPOINTS
from oa_pipeline_tests.web.every import pages
from oa_pipeline_tests.web.filled import HOSTILE, Filled

PAGES: Mapping[str, Endpoint] = {
    one.path: one
    for one in ENDPOINTS
    if one.template and (one.fixed or one.policy != "map")  # those with maps: test_maps.py
}
# The same pages with other things on them.
OTHERS: Mapping[str, Callable[[Filled], str]] = {
    "sources-of-a-place": lambda filled: "/sources/?q=alameda&sort=rows&order=down&per=1",
    "sources-none": lambda filled: "/sources/?q=nothing-is-called-that",
    "source-broken": lambda filled: "/sources/fr/lyon",
    "source-held": lambda filled: "/sources/de/berlin",
    "source-hostile": lambda filled: "/sources/" + quote(HOSTILE),
    "run-hostile": lambda filled: f"/runs/{filled.hostile}/",
    "set-at-work": lambda filled: f"/sets/{filled.open_set_id}/",
    "job-failed": lambda filled: f"/jobs/{filled.pushed}",
    "nothing-there": lambda filled: "/nothing",
}


def name(path: str) -> str:
    """A file's name for a page."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"<(?:\w+:)?(\w+)>", r"\1", path)).strip("-") or "home"


def visits() -> dict[str, Callable[[Filled], str]]:
    """Address by name of every page that is looked at."""
    return {name(path): partial(_first, path) for path in PAGES} | dict(OTHERS)


def _first(path: str, filled: Filled) -> str:
    return pages(path, filled)[0]
