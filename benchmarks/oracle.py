"""The plainest reading of what a conform means: one row at a time, dictionaries and functions, nothing clever.

It shares no code with the pipeline's functions but the types a conform is parsed into. Tests hold the pipeline against
it, and the benchmark measures against it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import Any

from oa_pipeline.sources import model
from oa_pipeline.sources.model import Conform, Layer

Row = dict[str, Any]

# What a step gives when it has nothing to say and a chain's value stays as it is.
NOTHING = None

NUMBER_PREFIX = r"\s*(?:\d+(?:[ -]\d/\d)?|\d+-\d+|\d+-?[a-z])\s+"
UNIT_WORDS = r"(?:unit|apartment|apt\.?|suite|ste\.?|building|bldg\.?|lot)\s+"


def conform_row(conform: Conform, layer: Layer, row: dict[str, str], *, missing_is_empty: bool = False) -> Row:
    """The published attributes of a row: text, null, or a number in `accuracy`."""
    results: Row = {}
    computed: dict[str, str] = {}
    kept_empty = ("number", "street", "unit") if layer == Layer.ADDRESSES else ()
    for attribute, value in conform.attributes:
        if attribute not in model.ATTRIBUTES[layer]:
            continue
        names = {**row, **computed}
        got = evaluate(value, names, attribute, layer)
        if isinstance(value, model.Column) and value.name not in names:
            got = "" if missing_is_empty or attribute in kept_empty else None
        elif got is NOTHING:
            got = ""
        computed[f"oa:{attribute}"] = "" if got is None else str(got)
        results[attribute] = got if attribute == "accuracy" or got is None else str(got)
    published = {attribute: results.get(attribute, "") for attribute in model.ATTRIBUTES[layer]}
    for attribute in kept_empty:
        published[attribute] = published[attribute].strip()
    if "number" in published and published["number"].endswith(".0"):
        published["number"] = published["number"][:-2]
    return published


def evaluate(value: model.Value, names: dict[str, str], working: str, layer: Layer) -> Any:
    """What one value gives; NOTHING where it leaves a chain as it is."""
    if isinstance(value, model.Chain):
        return chain(value, names, working, layer)
    return FUNCTIONS[type(value)](value, names)


def chain(value: model.Chain, row: dict[str, str], working: str, layer: Layer) -> Any:
    names = dict(row)
    variable = value.variable or ""
    if variable.startswith("oa:"):
        variable = variable[3:]
    if variable and variable not in model.ATTRIBUTES[layer] and variable not in names:
        working = variable
    other = variable if variable and variable not in names else working
    other_result = f"oa:{variable}" if variable and f"oa:{variable}" not in names else f"oa:{working}"
    result: Any = names.get(f"oa:{working}", "")
    for step in value.steps:
        got = evaluate(step, names, working, layer)
        if got is not NOTHING:
            result = got
        names[f"oa:{working}"] = names[other_result] = str(result)
        if str(result) != "":
            names[working] = names[other] = str(result)
        elif other not in names and working in names:
            names[other] = names[working]
    return result


def column(value: model.Column, row: dict[str, str]) -> Any:
    return row.get(value.name, "")


def columns(value: model.Columns, row: dict[str, str]) -> Any:
    parts = [row.get(name, "").strip() for name in value.names]
    return " ".join(part for part in parts if part)


def constant(value: model.Constant, row: dict[str, str]) -> Any:
    return value.value


def join(value: model.Join, row: dict[str, str]) -> Any:
    if any(name not in row for name in value.fields):
        return NOTHING
    parts = [row[name].strip() for name in value.fields]
    return value.separator.join(part for part in parts if part)


def format_text(value: model.FormatText, row: dict[str, str]) -> Any:
    cells = [row.get(name, "").strip() for name in value.fields]
    filled = [cell != "" for cell in cells]
    texts = [cell[:-2] if cell.endswith(".0") else cell for cell in cells]
    made, position, first, earlier = "", 0, True, False
    for match in re.finditer(r"\$([0-9]+)", value.template):
        index = int(match.group(1)) - 1
        before = value.template[position : match.start()]
        position = match.end()
        if not 0 <= index < len(cells):
            continue
        if any_used(value, filled) if first else earlier and filled[index]:
            made += before
        made += texts[index]
        first = False
        earlier = earlier or filled[index]
    return made + value.template[position:] if earlier else ""


def any_used(value: model.FormatText, filled: list[bool]) -> bool:
    used = [int(digits) - 1 for digits in re.findall(r"\$([0-9]+)", value.template)]
    return any(filled[index] for index in used if 0 <= index < len(filled))


def regexp(value: model.Regexp, row: dict[str, str]) -> Any:
    text = row.get(value.field, "")
    if not value.replace:
        return groups_of(re.search(value.pattern, text))
    reference = r"(\\.)|\$(?:([0-9]+)|\{([0-9]+)\})"
    template = re.sub(reference, lambda m: m[1] or rf"\g<{m[2] or m[3]}>", value.replace, flags=re.DOTALL)
    return re.sub(value.pattern, template, text)


def groups_of(match: re.Match[str] | None) -> str:
    return "".join(group or "" for group in match.groups()) if match else ""


def prefixed_number(value: model.PrefixedNumber, row: dict[str, str]) -> Any:
    found = re.match(NUMBER_PREFIX, row.get(value.field, ""), re.IGNORECASE)
    return found.group().strip() if found else ""


def postfixed_street(value: model.PostfixedStreet, row: dict[str, str]) -> Any:
    text = row.get(value.field, "")
    prefix = re.match(NUMBER_PREFIX, text, re.IGNORECASE)
    starts = [0]
    if prefix:  # as much white space as possible belongs to the number, but the street must have a character
        starts = [*range(prefix.end(), len(prefix.group().rstrip()), -1), 0]
    if not value.may_contain_units:
        return text[starts[0] :].split("\n")[0]
    street = rf"(.+?)(?:\s+(?:{UNIT_WORDS}|#).+)?$"
    tries = (re.compile(street, re.IGNORECASE).match(text, start) for start in starts)
    return next((found.group(1) for found in tries if found), "")


def postfixed_unit(value: model.PostfixedUnit, row: dict[str, str]) -> Any:
    return groups_of(re.search(rf"\s((?:{UNIT_WORDS}|#).+)$", row.get(value.field, ""), re.IGNORECASE))


def remove_prefix(value: model.RemovePrefix, row: dict[str, str]) -> Any:
    text, prefix = row.get(value.field, ""), row.get(value.field_to_remove, "")
    return text[len(prefix) :].lstrip(" ") if text.startswith(prefix) else text


def remove_postfix(value: model.RemovePostfix, row: dict[str, str]) -> Any:
    text, postfix = row.get(value.field, ""), row.get(value.field_to_remove, "")
    return text[: -len(postfix)].rstrip(" ") if postfix and text.endswith(postfix) else text


def first_non_empty(value: model.FirstNonEmpty, row: dict[str, str]) -> Any:
    return next((row[name] for name in value.fields if row.get(name, "").strip()), NOTHING)


def map_values(value: model.MapValues, row: dict[str, str]) -> Any:
    if value.field not in row:
        return ""
    for key, mapped in value.pairs:
        if key == row[value.field]:
            return mapped
    return "" if value.otherwise is None else value.otherwise


def mph_to_kph(value: model.MphToKph, row: dict[str, str]) -> Any:
    try:
        return str(round(float(row.get(value.field, "")) * 1.60934))
    except (ValueError, OverflowError):
        return ""


def get(value: model.Get, row: dict[str, str]) -> Any:
    text = row.get(value.field, "")
    held: Any = None
    bracketed = text.strip().startswith("[") and text.strip().endswith("]")
    for read in (json.loads, ast.literal_eval) if bracketed else ():
        try:
            held = held if isinstance(held, list) else read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    items = held if isinstance(held, list) else [text]
    if not 0 <= value.index < len(items) or items[value.index] is None:
        return ""
    item = items[value.index]
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) if isinstance(item, list | dict) else str(item)


def unknown(value: model.Unknown, row: dict[str, str]) -> Any:
    return NOTHING


FUNCTIONS: dict[type, Callable[[Any, dict[str, str]], Any]] = {
    model.Column: column,
    model.Columns: columns,
    model.Constant: constant,
    model.Join: join,
    model.FormatText: format_text,
    model.Regexp: regexp,
    model.PrefixedNumber: prefixed_number,
    model.PostfixedStreet: postfixed_street,
    model.PostfixedUnit: postfixed_unit,
    model.RemovePrefix: remove_prefix,
    model.RemovePostfix: remove_postfix,
    model.FirstNonEmpty: first_non_empty,
    model.MapValues: map_values,
    model.MphToKph: mph_to_kph,
    model.Get: get,
    model.Unknown: unknown,
}
