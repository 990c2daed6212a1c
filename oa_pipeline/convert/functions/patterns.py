"""A pattern and a replacement, read once: refused with a message, or ready for both engines."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import polars as pl

from ...errors import ConvertError
from ..task import Limits
from .patience import Patience, TooSlow
from .translate import (
    Oversized,
    Untranslatable,
    check_size,
    groups_of_whole_texts,
    is_whole_text,
    may_be_empty,
    parse,
    to_rust,
)

MOST_GROUPS = 500

_REFERENCE = re.compile(r"(\\.)|\$([0-9]+)|\$\{([0-9]+)\}", re.DOTALL)
_MARK = 0xF0000  # a private-use plane: stands for group 0, the next for group 1, and so on


@dataclass(frozen=True, slots=True)
class Pattern:
    """`rust` does on plain text what `python` does on any; None where only Python can, and `reason` says why."""

    python: re.Pattern[str]
    rust: str | None
    reason: str
    replaces_alike: bool  # whether substitution, too, is the same in both
    of_whole_texts: frozenset[int]  # groups in every match, where every match is a whole text

    @property
    def groups(self) -> int:
        """How many groups it has."""
        return self.python.groups


@dataclass(frozen=True, slots=True)
class Template:
    """A replacement: `python` for Match.expand, `rust` for Rust, or None where it cannot be said there."""

    python: str
    rust: str | None


def compile_pattern(text: str, limits: Limits, place: str) -> Pattern:
    """`text` for both engines. Raises ConvertError with `place` for what does not compile or is too large."""
    if len(text) > limits.pattern_chars:
        raise ConvertError(
            f"the pattern has {len(text)} characters, more than {limits.pattern_chars}",
            cure="split it into several steps of a chain",
            place=place,
        )
    try:
        with Patience(limits.pattern_seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parse(text)
            check_size(tree)
            if tree.state.groups - 1 > MOST_GROUPS:
                raise Oversized
            compiled = re.compile(text)
    except re.error as error:
        raise ConvertError(
            f"the pattern does not compile: {error}", cure="patterns are those of Python's re module", place=place
        ) from None
    except (Oversized, RecursionError, OverflowError, MemoryError, TooSlow):
        raise ConvertError(
            "the pattern is too large: too many groups, nested too deeply, or repeated too often",
            cure=f"use at most {MOST_GROUPS} groups and smaller {{m,n}} counts",
            place=place,
        ) from None
    rust, reason = _translated(tree)
    # After an empty match Python looks for one that is not empty at the same place, Rust at the next.
    alike = is_whole_text(tree) or not may_be_empty(tree)
    return Pattern(compiled, rust, reason, alike, groups_of_whole_texts(tree))


def _translated(tree: object) -> tuple[str | None, str]:
    try:
        rust = to_rust(tree)
    except Untranslatable as error:
        return None, str(error)
    except RecursionError:
        return None, "nested deeply"
    return (rust, "") if _rust_takes(rust) else (None, "too large for Rust")


def _rust_takes(pattern: str) -> bool:
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError:
        return False
    return True


def compile_template(text: str, pattern: Pattern, place: str) -> Template:
    r"""A `replace` text for `pattern`: `$1`, `$12`, `${1}` are groups, `$name` is itself, Python's escapes work.

    Raises ConvertError with `place` for a group that the pattern does not have and for an escape that Python refuses.
    """
    template = _REFERENCE.sub(lambda m: m[1] or f"\\g<{m[2] or m[3]}>", text)
    try:
        pieces = _expanded(template, pattern)
    except (re.error, IndexError, OverflowError, ValueError) as error:
        raise ConvertError(
            f"the replacement {text[:80]!r} cannot be used: {error}",
            cure=f"the pattern has {pattern.groups} group(s), $1 is the first; write \\\\ for a backslash",
            place=place,
        ) from None
    marked = any(ord(char) >= _MARK for char in text)
    return Template(template, None if marked else _rust_template(pieces, pattern.groups))


def _expanded(template: str, pattern: Pattern) -> str:
    """What `template` makes of a match whose groups are one private mark each.

    So Python itself reads the escapes, and where the marks end up is where the groups go.
    """
    names = {number: name for name, number in pattern.python.groupindex.items()}
    groups = "".join(
        f"(?P<{names[n]}>{chr(_MARK + n)})" if n in names else f"({chr(_MARK + n)})"
        for n in range(1, pattern.groups + 1)
    )
    probe = re.compile(chr(_MARK) + groups).fullmatch("".join(chr(_MARK + n) for n in range(pattern.groups + 1)))
    assert probe is not None
    return probe.expand(template)


def _rust_template(expanded: str, groups: int) -> str | None:
    whole = "".join(chr(_MARK + n) for n in range(groups + 1))
    parts: list[str] = []
    position = 0
    while position < len(expanded):
        code = ord(expanded[position])
        if code == _MARK and expanded.startswith(whole, position):
            parts.append("${0}")
            position += len(whole)
            continue
        if code >= _MARK:
            parts.append(f"${{{code - _MARK}}}")
        else:
            parts.append("$$" if expanded[position] == "$" else expanded[position])
        position += 1
    return "".join(parts)
