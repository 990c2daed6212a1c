"""From a request's path and query to typed values, or to an error that says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..endpoints import LAST_NUMBER, PARTING, BadRequest, Endpoint, Kind, NotFound, Parameter

# Control characters and half surrogates are in nobody's name, and neither PostgreSQL nor XML takes them.
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
SHOWN = 40  # characters of a wrong value that are repeated


def values(
    endpoint: Endpoint, path: Mapping[str, str], query: Mapping[str, str], *, whole: bool = False
) -> dict[str, Any]:
    """Every parameter's value. Raises NotFound for a path, BadRequest for a query, that cannot be meant.

    `whole`: who does not ask for a part of a table shall have all of it.
    """
    found: dict[str, Any] = {}
    for parameter in endpoint.parameters:
        given = path.get(parameter.name) if parameter.in_path else query.get(parameter.name)
        if given is None or (given == "" and not parameter.in_path):
            found[parameter.name] = parameter.default
            continue
        if not _usable(parameter, given):
            raise _refusal(parameter, given)
        found[parameter.name] = int(given) if parameter.kind is Kind.INTEGER else given
    if whole and "per" in found and not any(query.get(name) for name in PARTING):
        found["per"] = LAST_NUMBER
    return found


def allowed(parameter: Parameter) -> str:
    """In words, which values a parameter takes."""
    if parameter.allowed:
        return "one of " + ", ".join(parameter.allowed)
    if parameter.kind is Kind.INTEGER:
        return f"a whole number from {parameter.least} to {parameter.most}"
    return f"at most {parameter.most} characters, none of them a control character"


def _usable(parameter: Parameter, given: str) -> bool:
    if parameter.allowed:
        return given in parameter.allowed
    if parameter.kind is Kind.INTEGER:
        return _INTEGER.fullmatch(given) is not None and parameter.least <= int(given) <= parameter.most
    return len(given) <= parameter.most and _REFUSED.search(given) is None


def _refusal(parameter: Parameter, given: str) -> NotFound | BadRequest:
    if parameter.in_path:
        return NotFound("There is nothing at this address.")
    shown = _REFUSED.sub("?", given[:SHOWN]) + ("..." if len(given) > SHOWN else "")
    return BadRequest(f"{parameter.name}={shown} cannot be used", cure=f"{parameter.name} is {allowed(parameter)}")
