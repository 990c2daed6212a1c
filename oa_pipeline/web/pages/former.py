"""Addresses that have no page of their own any more, and still lead their readers to what they came for."""

from __future__ import annotations

from itertools import zip_longest

from ...ledger import queries
from ..endpoints import Answer, Asked, Cache, Elsewhere, Endpoint, Form, NotFound
from .runs import NUMBER, sample


def run_sample(asked: Asked) -> Answer:
    """The first rows of what the publisher of a run gave, each as a column."""
    number = asked["number"]
    found = queries.run(asked.site.ledger(), number)
    if found is None:
        raise NotFound(f"Run {number} does not exist")
    return Answer({}, only_page={"columns": list(zip_longest(*sample(asked, found), fillvalue=""))})


def _fragment(answer: Answer, asked: Asked) -> str:
    return asked.site.templates.render("sample.html", columns=answer.only_page["columns"])


def run_dotmap(asked: Asked) -> Elsewhere:
    """Leads to the map of a run."""
    return Elsewhere(f"/runs/{asked['number']}/map/")


def dashboard(asked: Asked) -> Elsewhere:
    """Leads to the statistics."""
    return Elsewhere("/statistics/")


ENDPOINTS = (
    Endpoint(
        "/runs/<number>/sample.html",
        "Sample of a run",
        "A table to be shown within another page: the first rows of what the publisher gave, each as a column.",
        run_sample,
        form=Form("text/html; charset=utf-8", _fragment),
        parameters=(NUMBER,),
        example="/runs/1/sample.html",
        listed=False,
    ),
    Endpoint(
        "/runs/<number>/dotmap/index.html",
        "Dotmap of a run",
        "Now its map.",
        run_dotmap,
        parameters=(NUMBER,),
        cache=Cache.FIXED,
        example="/runs/1/dotmap/index.html",
        listed=False,
    ),
    Endpoint("/dashboard", "Dashboard", "Now the statistics.", dashboard, cache=Cache.FIXED, listed=False),
)
