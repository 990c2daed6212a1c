"""Names: what makes a data source that one and no other, and what it says about its licence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from ..generations import Declared
from ..keys import name_fault
from .findings import Finding, Site, Subject, shown

_LICENCE = ("url", "text", "attribution", "attribution name", "share-alike")


def repeated_names(site: Site, declared: Iterable[Declared]) -> Iterator[Finding]:
    """Data sources that share their layer and name with an earlier one, and so are never processed."""
    seen: set[tuple[str, str]] = set()
    for one in declared:
        name = one.held.get("name") if isinstance(one.held, dict) else None
        if not isinstance(name, str):
            continue
        if (one.layer, name) in seen:
            message = f"another data source of this layer has the name {shown(name)}; this one is never processed"
            yield site.warning("duplicate-name", (*one.where, "name"), message, "give it a name of its own")
        seen.add((one.layer, name))


def identity(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the name and the licence of a data source."""
    name = subject.held.get("name")
    fault = name_fault(name) if isinstance(name, str) else None
    if fault:
        yield subject.site.error("bad-name", subject.at("name"), f"the name {fault}", "give it a short name")
    licence = subject.held.get("license")
    for key in licence if isinstance(licence, dict) else ():
        near = get_close_matches(key[:80].lower().replace("_", " "), _LICENCE, n=1, cutoff=0.8)
        if key not in _LICENCE and near:
            message = f"{shown(key)} in the license is not read"
            yield subject.site.warning(
                "licence-key", subject.at("license", key), message, f"write '{near[0]}'", key=True
            )
