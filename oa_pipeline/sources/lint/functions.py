"""Functions beyond their shape: caps, templates, and chains that read what nobody wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..places import JsonPath
from .findings import Finding, Site, Subject, functions_in, shown, text_of

STEP_CAP = 50  # steps of a chain, those of chains inside it included; real ones reach 28
FIELD_CAP = 500

_reference = re.compile(r"\$(\d+)", re.ASCII)


def functions(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the functions of a conform."""
    for attribute, value in subject.conform.items():
        for held, where in functions_in(value, subject.at("conform", attribute)):
            rule = _RULES.get(text_of(held, "function"))
            if rule:
                yield from rule(subject.site, held, attribute, where)
        yield from _too_many(subject.site, value, subject.at("conform", attribute))


def _too_many(site: Site, value: Any, where: JsonPath) -> Iterator[Finding]:
    if isinstance(value, list) and len(value) > FIELD_CAP:
        message = f"{len(value):,} columns; at most {FIELD_CAP} are joined"
        yield site.error("too-many-fields", where, message, "name the columns that are needed")


def _fields(site: Site, held: dict[str, Any], attribute: str, where: JsonPath) -> Iterator[Finding]:
    yield from _too_many(site, held.get("fields"), (*where, "fields"))


def _format(site: Site, held: dict[str, Any], attribute: str, where: JsonPath) -> Iterator[Finding]:
    yield from _fields(site, held, attribute, where)
    fields = held.get("fields")
    count = len(fields) if isinstance(fields, list) else 0
    numbers = [found.group(1) for found in _reference.finditer(text_of(held, "format"))]
    for number in dict.fromkeys(numbers):
        if len(number) > 9 or not 1 <= int(number) <= count:
            message = f"${shown(number)[1:-1]} has no field and vanishes with the text before it"
            yield site.warning(
                "unknown-field", (*where, "format"), message, f"there are {count} fields, $1 is the first"
            )
    if not numbers and isinstance(held.get("format"), str):
        cure = "use $1, or the function 'constant'"
        yield site.warning("always-empty", (*where, "format"), "without $1 the result is always empty", cure)


def _chain(site: Site, held: dict[str, Any], attribute: str, where: JsonPath) -> Iterator[Finding]:
    steps = held.get("functions")
    if not isinstance(steps, list) or not steps:
        return
    count = _steps(held)
    if count > STEP_CAP and "functions" not in where:
        message = f"a chain of {count} steps; at most {STEP_CAP} are taken"
        yield site.error("long-chain", (*where, "functions"), message, "use 'map', or mend the data and cache it")
    working = f"oa:{text_of(held, 'variable') or attribute}"
    if "functions" not in where and working in _read_by(steps[0]):
        message = f"the first step reads {shown(working)}, which no step has written yet"
        yield site.error("chain-reads-itself", (*where, "functions", 0), message, "start with a column of the data")


def _steps(value: Any) -> int:
    """How many steps a chain takes, those of chains inside it included; 0 for what is no chain."""
    steps = value.get("functions") if isinstance(value, dict) else None
    return sum(1 + _steps(step) for step in steps) if isinstance(steps, list) else 0


def _read_by(step: Any) -> set[str]:
    """The columns that a step reads."""
    if isinstance(step, str):
        return {step}
    if isinstance(step, list):
        return {name for name in step if isinstance(name, str)}
    if not isinstance(step, dict):
        return set()
    if isinstance(step.get("functions"), list) and step["functions"]:
        return _read_by(step["functions"][0])
    fields = step.get("fields")
    names = [*(fields if isinstance(fields, list) else ()), step.get("field"), step.get("field_to_remove")]
    return {name for name in names if isinstance(name, str)}


_RULES: Mapping[str, Callable[[Site, dict[str, Any], str, JsonPath], Iterator[Finding]]] = {
    "chain": _chain,
    "first_non_empty": _fields,
    "format": _format,
    "join": _fields,
}
