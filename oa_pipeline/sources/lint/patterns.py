"""Regular expressions and what replaces their matches."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from ..places import JsonPath
from .findings import Finding, Site, Subject, functions_in, text_of
from .pattern_tree import Tree

PATTERN_CAP = 64_000  # characters; real ones reach 48,000
GROUP_CAP = 500
UNROLLED_CAP = 1_000_000

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
    unrolled, slow = _cost(pattern)
    if unrolled > UNROLLED_CAP:
        message = f"the pattern unrolls to more than {UNROLLED_CAP:,} items"
        yield site.error("long-pattern", place, message, "use fewer parentheses, and smaller counts in {m,n}")
        return
    if slow:
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


def _cost(pattern: str) -> tuple[int, bool]:
    """How many items the pattern unrolls to, and whether it repeats a repetition."""
    try:
        tree = Tree(pattern)
        return tree.unrolled(), tree.repeats_itself()
    except RecursionError:
        return UNROLLED_CAP + 1, False


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
