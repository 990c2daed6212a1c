"""The libraries that are used, with their licences: of Python as installed, of browsers as they lie among our files."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from .vendored import packages

OURS = "oa_pipeline"
LONGEST = 60  # characters: a longer "licence" is the whole text of one
HOMES = ("homepage", "home", "source", "source code", "repository", "documentation")  # labels, the best first
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OSI = "License :: OSI Approved :: "


@functools.cache
def software() -> list[dict[str, Any]]:
    """This package first, then what is sent to browsers and what Python imports, each by name."""
    return [*_python([OURS]), *sorted(_vendored(), key=_by_name), *sorted(_python(_required()), key=_by_name)]


def _by_name(one: dict[str, Any]) -> str:
    return str(one["name"]).casefold()


def _vendored() -> Iterator[dict[str, Any]]:
    for one in packages().values():
        yield {
            "name": one["name"],
            "version": one["version"],
            "licence": one["licence"],
            "url": one.get("url", ""),
            "sent": True,
        }


def _required() -> list[str]:
    try:
        needed = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:  # used from its folder, not installed
        return []
    named = [_NAME.match(one) for one in needed if "extra ==" not in one]
    return [found.group() for found in named if found]


def _python(names: list[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        try:
            told = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        yield {
            "name": told["Name"],
            "version": told["Version"],
            "licence": _licence(told),
            "url": _home(told),
            "sent": False,
        }


def _home(told: metadata.PackageMetadata) -> str:
    """Its own page, where it names one."""
    named = (one.partition(",") for one in told.get_all("Project-URL") or ())
    by_label = {label.strip().casefold(): url.strip() for label, _, url in named}
    found = [*(told.get_all("Home-page") or ()), *(by_label.get(label, "") for label in HOMES)]
    return next((url for url in found if url.startswith("https://")), "")


def _licence(told: metadata.PackageMetadata) -> str:
    """As the package says it: as an expression, in a word, or by its classifiers."""
    if "License-Expression" in told:
        return told["License-Expression"]
    word = told["License"].strip() if "License" in told else ""
    named = [one.removeprefix(_OSI) for one in told.get_all("Classifier") or () if one.startswith(_OSI)]
    short = word if word and len(word) <= LONGEST and "\n" not in word else ""
    return " or ".join(named) or short or "see the package"
