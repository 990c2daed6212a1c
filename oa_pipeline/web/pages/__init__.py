"""The pages, one module a group. Each has `ENDPOINTS`; one that must answer by hand has a Flask blueprint as well.

To add a group: write its module, and name it here. `NAVIGATION` is what stands above every page, in this order.
"""

from __future__ import annotations

from flask import Blueprint

from ..endpoints import Endpoint
from . import (
    api,
    changes,
    collections,
    coverage,
    downloads,
    former,
    home,
    jobs,
    licences,
    maps,
    quality,
    runs,
    sets,
    sources,
    statistics,
)

GROUPS = (
    home,
    sources,
    runs,
    collections,
    downloads,
    quality,
    changes,
    sets,
    jobs,
    former,
    licences,
    maps,
    coverage,
    statistics,
    api,
)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for group in GROUPS for endpoint in group.ENDPOINTS)
BLUEPRINTS: tuple[Blueprint, ...] = tuple(
    blueprint for group in GROUPS if isinstance(blueprint := getattr(group, "BLUEPRINT", None), Blueprint)
)
NAVIGATION: tuple[tuple[str, str], ...] = (
    ("/", "Home"),
    ("/sources/", "Sources"),
    ("/collections/", "Collections"),
    ("/coverage/", "Coverage"),
    ("/map/", "Map"),
    ("/quality/", "Quality"),
    ("/changes/", "Changes"),
    ("/statistics/", "Statistics"),
    ("/licences/", "Licences"),
    ("/sets/", "Sets"),
    ("/jobs/", "Jobs"),
    ("/api/", "API"),
)
