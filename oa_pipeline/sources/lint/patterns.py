"""Regular expressions and what replaces their matches."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

from ..places import JsonPath
from .findings import Finding, Site, Subject, functions_in, text_of

PATTERN_CAP = 64_000  # characters; real ones reach 48,000
GROUP_CAP = 1_000

_reference = re.compile(r"\$(?:(\d+)|\{(\d+)\})", re.ASCII)


def patterns(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the `regexp` functions of a conform."""
    for attribute, value in subject.conform.items():
        for held, where in functions_in(value, subject.at("conform", attribute)):
            if held.get("function") == "regexp" and isinstance(held.get("pattern"), str):
                yield from _regexp(subject.site, held["pattern"], text_of(held, "replace"), where)


def _regexp(site: Site, pattern: str, replace: str, where: JsonPath) -> Iterator[Finding]:
    place = (*where, "pattern")
    if len(pattern) > PATTERN_CAP:
        message = f"the pattern has {len(pattern):,} characters; at most {PATTERN_CAP:,} are tried"
        yield site.error("long-pattern", place, message, "use 'map', or a simpler pattern")
        return
    compiled = _compiled(pattern)
    if isinstance(compiled, str):
        yield site.error("bad-pattern", place, f"the pattern does not compile: {compiled}", "mend the pattern")
        return
    if compiled.groups > GROUP_CAP:
        message = f"the pattern has {compiled.groups:,} groups; at most {GROUP_CAP:,} are tried"
        yield site.error("long-pattern", place, message, "write groups that are not needed as (?:...)")
        return
    if not compiled.groups and not replace:
        cure = "put what is wanted in parentheses, or add 'replace'"
        yield site.warning("always-empty", place, "without a group or a 'replace' the result is always empty", cure)
    if _repeats_itself(pattern):
        cure = "let what is repeated start with something that it cannot end with"
        yield site.warning("slow-pattern", place, "a repetition of a repetition can take for ever", cure)
    fault = _template_fault(compiled, replace)
    if fault:
        cure = f"the pattern has {compiled.groups} groups, $1 is the first; a backslash is written \\\\\\\\ in JSON"
        yield site.error("bad-replace", (*where, "replace"), f"'replace' cannot be used: {fault}", cure)


def _compiled(pattern: str) -> re.Pattern[str] | str:
    """The compiled pattern, or why it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error as error:
        return str(error)
    except (RecursionError, OverflowError, MemoryError):
        return "it is nested too deeply or repeats too often"


def _template_fault(compiled: re.Pattern[str], replace: str) -> str:
    """Why `replace` cannot be used with the pattern; empty where it can.

    `$1` and `${1}` are groups; `$name` is plain text; backslashes are Python's.
    """
    template = _reference.sub(lambda found: f"\\g<{(found.group(1) or found.group(2)).lstrip('0') or '0'}>", replace)
    try:
        compiled.sub(template, "")
    except (re.error, IndexError) as error:
        return str(error)
    return ""


def _repeats_itself(pattern: str) -> bool:
    """Whether an unbounded repetition repeats something that is itself little else than an unbounded repetition."""
    parser: Any = importlib.import_module("re._parser")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _nested(parser.parse(pattern), parser.MAXREPEAT)
    except (RecursionError, re.error):
        return False


def _nested(items: Any, unbounded: int) -> bool:
    for operation, argument in items:
        if _endless(operation, argument, unbounded) and _ambiguous(argument[2], unbounded):
            return True
        if any(_nested(inner, unbounded) for inner in _inside(argument)):
            return True
    return False


def _endless(operation: Any, argument: Any, unbounded: int) -> bool:
    return str(operation) in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] == unbounded


def _ambiguous(body: Any, unbounded: int) -> bool:
    """Whether text that `body` matches could be cut into one or into many matches of it."""
    items = list(body)
    while len(items) == 1 and str(items[0][0]) in ("SUBPATTERN", "ATOMIC_GROUP"):
        inner = items[0][1]
        items = list(inner[-1] if isinstance(inner, tuple) else inner)
    if len(items) == 1 and str(items[0][0]) == "BRANCH":
        return any(_ambiguous(branch, unbounded) for branch in items[0][1][1])
    endless = [item for item in items if _endless(item[0], item[1], unbounded)]
    needed = [item for item in items if not (str(item[0]) in ("MAX_REPEAT", "MIN_REPEAT") and item[1][0] == 0)]
    return bool(endless) and all(item in endless for item in needed) and len(needed) <= 1


def _inside(argument: Any) -> Iterator[Any]:
    """The item lists below an operation's argument."""
    if hasattr(argument, "data"):
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from _inside(part)
