"""What the JSON Schema has against a file, in words that name the allowed values and the cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..places import JsonPath
from ..schema import validator
from ..values import kind
from .findings import Finding, Site, shown

_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def structure(site: Site) -> Iterator[Finding]:
    """The schema's errors. One may come more than once."""
    try:
        found = list(validator().iter_errors(site.held))
    except RecursionError:
        yield site.error("too-deep", (), "chains are nested too deeply to be checked", "put the steps into one chain")
        return
    for error in found:
        where = tuple(error.absolute_path)
        if error.validator == "enum" and _is_protocol(where):
            continue  # `links` reports it, and forgives odd case
        yield from _EXPLAINED.get(error.validator, _other)(site, where, error)


def _unknown_keys(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    known = sorted(error.schema["properties"])
    what = "layer" if where == ("layers",) else "key"
    for key in error.instance:
        if key not in known:
            yield site.error(
                f"unknown-{what}", (*where, key), f"unknown {what} {shown(key)}", _closest(key, known), key=True
            )


def _missing_key(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    for key in error.validator_value:
        if key not in error.instance:
            says = error.schema.get("properties", {}).get(key, {}).get("description", "")
            yield site.error("missing-key", where, f"'{key}' is missing", f"add '{key}'{': ' + says if says else ''}")


def _wrong_kind(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    named = " or ".join(_NAMES[name] for name in wanted)
    message = f"{_what(where)} must be {named}, not {kind(error.instance)}"
    yield site.error("wrong-kind", where, message, _cure(error, f"write {named}"))


def _not_allowed(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    known = [str(value) for value in error.validator_value]
    what = str(where[-1]) if where else "value"
    given = error.instance
    named = shown(given) if isinstance(given, str) else kind(given)
    cure = _closest(given, known) if isinstance(given, str) else f"known are {', '.join(known)}"
    yield site.error(f"unknown-{what}", where, f"unknown {what} {named}", cure)


def _not_the_one(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    message = f"{_what(where)} must be {error.validator_value!r}"
    yield site.error("wrong-value", where, message, _cure(error, f"write {error.validator_value!r}"))


def _no_match(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    message = f"{_what(where)} has an impossible value: {shown(str(error.instance))}"
    yield site.error("wrong-value", where, message, _cure(error, f"it must match {error.validator_value}"))


def _bounds(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    few = {"minimum": "at least", "minItems": "at least", "minLength": "at least"}.get(error.validator, "at most")
    unit = {"minItems": " items", "minLength": " characters", "maxLength": " characters"}.get(error.validator, "")
    unit = unit.removesuffix("s") if error.validator_value == 1 else unit
    message = f"{_what(where)} must {'be' if not unit else 'have'} {few} {error.validator_value}{unit}"
    yield site.error("wrong-value", where, message, _cure(error, "correct it"))


def _no_transport(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    yield site.error("missing-key", where, "'protocol' is missing", _cure(error, "add it"))


def _other(site: Site, where: JsonPath, error: Any) -> Iterator[Finding]:
    yield site.error("schema", where, f"{_what(where)} breaks the rule '{error.validator}'", _cure(error, "correct it"))


_EXPLAINED: Mapping[str, Callable[[Site, JsonPath, Any], Iterator[Finding]]] = {
    "additionalProperties": _unknown_keys,
    "anyOf": _no_transport,
    "const": _not_the_one,
    "enum": _not_allowed,
    "maxLength": _bounds,
    "maximum": _bounds,
    "minItems": _bounds,
    "minLength": _bounds,
    "minimum": _bounds,
    "pattern": _no_match,
    "required": _missing_key,
    "type": _wrong_kind,
}


def _is_protocol(where: JsonPath) -> bool:
    return where == ("type",) or where[-1:] == ("protocol",)


def _cure(error: Any, otherwise: str) -> str:
    return str(error.schema.get("cure", otherwise))


def _what(where: JsonPath) -> str:
    if not where:
        return "the file"
    last = where[-1]
    return shown(last) if isinstance(last, str) else f"item {last + 1}"


def _closest(given: str, known: list[str]) -> str:
    near = get_close_matches(given[:200], known, n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    return f"{meant}known are {', '.join(known)}"
