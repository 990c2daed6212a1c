"""Attribute values: from what a conform says in JSON to the frozen types of `model`. One reader per function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .model import (
    Chain,
    Column,
    Columns,
    Constant,
    FirstNonEmpty,
    FormatText,
    Get,
    Join,
    MapValues,
    MphToKph,
    PostfixedStreet,
    PostfixedUnit,
    PrefixedNumber,
    Regexp,
    RemovePostfix,
    RemovePrefix,
    Unknown,
    Value,
)
from .places import JsonPath, PlacedError, shown

Held = Mapping[str, Any]


def read_value(value: Any, where: JsonPath) -> Value:
    """The value that an attribute at `where` is mapped to; PlacedError where it makes no sense."""
    if isinstance(value, str):
        return Column(value)
    if isinstance(value, list):
        return Columns(_texts(value, where))
    if isinstance(value, int) and not isinstance(value, bool):
        return Constant(value)
    if isinstance(value, Mapping):
        function = text_at(value, "function", where)
        read = FUNCTIONS.get(function)
        return read(value, where) if read else Unknown(function)
    cure = "use a column's name, a list of names, or a function"
    raise PlacedError(f"{kind(value)} cannot be mapped", cure=cure, where=where)


def text_at(held: Held, key: str, where: JsonPath) -> str:
    """The text that must be at `key`."""
    if key not in held:
        raise PlacedError(f"'{key}' is missing", cure=f"add '{key}'", where=where)
    value = held[key]
    if not isinstance(value, str):
        raise PlacedError(f"'{key}' must be text, not {kind(value)}", cure="put it in quotes", where=(*where, key))
    return value


def whole_at(held: Held, key: str, where: JsonPath) -> int | None:
    """The whole number at `key`, None where there is none."""
    value = held.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        message = f"'{key}' must be a whole number, not {kind(value)}"
        raise PlacedError(message, cure="write it without quotes", where=(*where, key))
    return int(value)


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "something else")


_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _texts(value: Any, where: JsonPath) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PlacedError("expected a list of column names", cure='write ["first", "second"]', where=where)
    return tuple(value)


def _fields(held: Held, where: JsonPath) -> tuple[str, ...]:
    if "fields" not in held:
        raise PlacedError("'fields' is missing", cure="add 'fields', a list of column names", where=where)
    return _texts(held["fields"], (*where, "fields"))


def _optional_text(held: Held, key: str, where: JsonPath) -> str | None:
    return None if held.get(key) is None else text_at(held, key, where)


def _join(held: Held, where: JsonPath) -> Value:
    separator = _optional_text(held, "separator", where)
    return Join(_fields(held, where), " " if separator is None else separator)


def _format(held: Held, where: JsonPath) -> Value:
    return FormatText(_fields(held, where), text_at(held, "format", where))


def _regexp(held: Held, where: JsonPath) -> Value:
    replace = _optional_text(held, "replace", where)
    return Regexp(text_at(held, "field", where), text_at(held, "pattern", where), replace or None)


def _postfixed_street(held: Held, where: JsonPath) -> Value:
    return PostfixedStreet(text_at(held, "field", where), bool(held.get("may_contain_units", False)))


def _constant(held: Held, where: JsonPath) -> Value:
    value = held.get("value")
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return Constant(value)
    if isinstance(value, float):
        return Constant(str(value))
    raise PlacedError("'value' must be text or a number", cure="add the constant's value", where=where)


def _map(held: Held, where: JsonPath) -> Value:
    mapping = held.get("mapping")
    if not isinstance(mapping, Mapping):
        cure = "write an object of cell text and value"
        raise PlacedError(f"'mapping' must be an object, not {kind(mapping)}", cure=cure, where=where)
    for key, value in [*mapping.items(), ("else", held.get("else", ""))]:
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            message = f"{shown(key)} must be mapped to text or a number, not {kind(value)}"
            raise PlacedError(message, cure="put it in quotes", where=(*where, "mapping"))
    pairs = tuple((key, "" if value is None else value) for key, value in mapping.items())
    return MapValues(text_at(held, "field", where), pairs, held.get("else"))


def _get(held: Held, where: JsonPath) -> Value:
    index = whole_at(held, "index", where)
    if index is None:
        raise PlacedError("'index' is missing", cure="add 'index', counted from 0", where=where)
    return Get(text_at(held, "field", where), index)


def _chain(held: Held, where: JsonPath) -> Value:
    steps = held.get("functions")
    if not isinstance(steps, list) or not steps:
        raise PlacedError("a chain needs steps", cure="add 'functions', a list of functions", where=where)
    inner = (*where, "functions")
    read = tuple(read_value(step, (*inner, number)) for number, step in enumerate(steps))
    return Chain(read, _optional_text(held, "variable", where) or None)


def _one_field(made: Callable[[str], Value]) -> Callable[[Held, JsonPath], Value]:
    return lambda held, where: made(text_at(held, "field", where))


def _two_fields(made: Callable[[str, str], Value]) -> Callable[[Held, JsonPath], Value]:
    return lambda held, where: made(text_at(held, "field", where), text_at(held, "field_to_remove", where))


FUNCTIONS: Mapping[str, Callable[[Held, JsonPath], Value]] = {
    "chain": _chain,
    "constant": _constant,
    "first_non_empty": lambda held, where: FirstNonEmpty(_fields(held, where)),
    "format": _format,
    "get": _get,
    "join": _join,
    "map": _map,
    "mph_to_kph": _one_field(MphToKph),
    "postfixed_street": _postfixed_street,
    "postfixed_unit": _one_field(PostfixedUnit),
    "prefixed_number": _one_field(PrefixedNumber),
    "regexp": _regexp,
    "remove_postfix": _two_fields(RemovePostfix),
    "remove_prefix": _two_fields(RemovePrefix),
}
