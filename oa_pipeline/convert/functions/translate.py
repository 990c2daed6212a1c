r"""Python's regular expressions in the words of Rust's, where both mean the same.

Python's own parser says what a pattern means; the Rust pattern is written anew from that, with every character spelled
as its number. So nothing depends on how Rust would have read the original (`\<`, `[[:alpha:]]`, `[a&&b]`).
The promise holds for text of plain characters only (see `alphabet`): there the two agree on whether and where a
pattern matches and on every group. What cannot be promised raises Untranslatable, and the pattern stays with Python:

- look-around, back-references, conditionals, atomic and possessive groups, which Rust lacks;
- groups inside a repetition, and repetitions of something that may be empty, where the engines keep other groups;
- case-insensitive text beyond ASCII, re.ASCII, and `\B`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_codes: Any = importlib.import_module("re._constants")

# A pattern that would unroll to more than this is refused: {0,100000} of {0,100000}.
LARGEST = 1_000_000


class Untranslatable(Exception):  # noqa: N818 - not a failure: Python will do it
    """Only Python can run this pattern; the text says why."""


class Oversized(Exception):  # noqa: N818
    """The pattern's repetitions multiply to more than LARGEST."""


def parse(pattern: str) -> Any:
    """Python's syntax tree of `pattern`; raises what re.compile would."""
    return _parser.parse(pattern)


def check_size(tree: Any) -> None:
    """Raises Oversized where nested counted repetitions would unroll to more than LARGEST."""
    _size(tree)


def _size(tree: Any) -> int:
    total = 0
    for op, argument in tree:
        total += _size_of(op, argument)
        if total > LARGEST:
            raise Oversized
    return total


def _size_of(op: Any, argument: Any) -> int:
    if op in _REPEATS or op is _codes.POSSESSIVE_REPEAT:
        low, high, item = argument
        times = low if high is _codes.MAXREPEAT else high
        return max(1, int(times)) * _size(item)
    return 1 + sum(_size(child) for child in _children(op, argument))


def _children(op: Any, argument: Any) -> Iterable[Any]:
    if op is _codes.BRANCH:
        return tuple(argument[1])
    if op is _codes.SUBPATTERN:
        return (argument[3],)
    if op in (_codes.ASSERT, _codes.ASSERT_NOT):
        return (argument[1],)
    if op is _codes.ATOMIC_GROUP:
        return (argument,)
    if op in _REPEATS:
        return (argument[2],)
    if op is _codes.GROUPREF_EXISTS:
        return tuple(part for part in argument[1:] if part is not None)
    return ()


def starts_at_start(tree: Any) -> bool:
    """Whether the pattern can only match at the beginning of a text that has no line ends."""
    if not len(tree):
        return False
    op, argument = tree[0]
    if op is _codes.AT:
        return argument in (_codes.AT_BEGINNING, _codes.AT_BEGINNING_STRING)
    if op is _codes.SUBPATTERN:
        return starts_at_start(argument[3])
    if op is _codes.BRANCH:
        return all(starts_at_start(branch) for branch in argument[1])
    return False


def is_whole_text(tree: Any) -> bool:
    """Whether the pattern matches the whole of a text without line ends or nothing of it."""
    if len(tree) < 2 or not starts_at_start(tree):
        return False
    op, argument = tree[len(tree) - 1]
    return op is _codes.AT and argument in (_codes.AT_END, _codes.AT_END_STRING)


def groups_of_whole_texts(tree: Any) -> frozenset[int]:
    """The groups that take part in every match, where every match is the whole of a text; otherwise none."""
    if not is_whole_text(tree):
        return frozenset()
    return frozenset(part[0] for op, part in tree if op is _codes.SUBPATTERN and part[0] is not None)


def may_be_empty(tree: Any) -> bool:
    """Whether the pattern can match nothing at all."""
    return int(tree.getwidth()[0]) == 0


def to_rust(tree: Any) -> str:
    """The same pattern for Rust; raises Untranslatable."""
    flags = int(tree.state.flags)
    if flags & re.ASCII:
        raise Untranslatable("re.ASCII")
    # The group around it keeps polars from taking a pattern without punctuation for literal text.
    return f"(?:{_sequence(tree, bool(flags & re.IGNORECASE))})"


def _sequence(tree: Any, fold: bool) -> str:
    return "".join(_node(op, argument, fold) for op, argument in tree)


def _node(op: Any, argument: Any, fold: bool) -> str:
    write = _WRITERS.get(op)
    if write is None:
        raise Untranslatable(str(op).lower())
    return write(op, argument, fold)


def _one(code: int) -> str:
    return f"\\x{{{code:x}}}"


def _literal(_op: Any, code: int, fold: bool) -> str:
    cases = _cases(code) if fold else (code,)
    return _one(code) if len(cases) == 1 else "[" + "".join(map(_one, cases)) + "]"


def _not_literal(_op: Any, code: int, fold: bool) -> str:
    return "[^" + "".join(map(_one, _cases(code) if fold else (code,))) + "]"


def _cases(code: int) -> tuple[int, ...]:
    if code > 0x7F:
        raise Untranslatable("ignoring case beyond ASCII")
    char = chr(code)
    return (code,) if char.swapcase() == char else (code, ord(char.swapcase()))


def _any(_op: Any, _argument: Any, _fold: bool) -> str:
    return r"[^\n]"  # plain text has no line ends, so DOTALL makes no difference


def _set(_op: Any, items: Any, fold: bool) -> str:
    parts: list[str] = []
    negated = False
    for op, argument in items:
        if op is _codes.NEGATE:
            negated = True
        elif op is _codes.LITERAL:
            parts.extend(map(_one, _cases(argument) if fold else (argument,)))
        elif op is _codes.RANGE:
            parts.extend(_range(argument[0], argument[1], fold))
        else:
            parts.append(_CATEGORIES[argument])
    return ("[^" if negated else "[") + "".join(parts) + "]"


def _range(first: int, last: int, fold: bool) -> Iterable[str]:
    if not fold:
        return (f"{_one(first)}-{_one(last)}",)
    if last > 0x7F:
        raise Untranslatable("ignoring case beyond ASCII")
    return map(_one, sorted({case for code in range(first, last + 1) for case in _cases(code)}))


def _category(_op: Any, argument: Any, _fold: bool) -> str:
    return _CATEGORIES[argument]


def _branch(_op: Any, argument: Any, fold: bool) -> str:
    return "(?:" + "|".join(_sequence(branch, fold) for branch in argument[1]) + ")"


def _group(_op: Any, argument: Any, fold: bool) -> str:
    number, added, removed, tree = argument
    if added & re.ASCII:
        raise Untranslatable("re.ASCII")
    fold = (fold or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
    return ("(?:" if number is None else "(") + _sequence(tree, fold) + ")"


def _repeat(op: Any, argument: Any, fold: bool) -> str:
    low, high, item = argument
    endless = high is _codes.MAXREPEAT
    if endless or high > 1:
        if may_be_empty(item):
            raise Untranslatable("repeats what may be empty")
        if _has_group(item):
            raise Untranslatable("repeats a group")
    count = f"{{{low},}}" if endless else f"{{{low},{high}}}"
    return f"(?:{_sequence(item, fold)}){count}" + ("?" if op is _codes.MIN_REPEAT else "")


def _has_group(tree: Any) -> bool:
    return any(
        (op is _codes.SUBPATTERN and argument[0] is not None) or any(map(_has_group, _children(op, argument)))
        for op, argument in tree
    )


def _at(_op: Any, argument: Any, _fold: bool) -> str:
    if argument not in _PLACES:
        raise Untranslatable("\\B")  # empty text has one in Rust and, until 3.14, none in Python
    return _PLACES[argument]


_REPEATS = (_codes.MAX_REPEAT, _codes.MIN_REPEAT)

_WRITERS: dict[Any, Callable[[Any, Any, bool], str]] = {
    _codes.LITERAL: _literal,
    _codes.NOT_LITERAL: _not_literal,
    _codes.ANY: _any,
    _codes.IN: _set,
    _codes.CATEGORY: _category,
    _codes.BRANCH: _branch,
    _codes.SUBPATTERN: _group,
    _codes.MAX_REPEAT: _repeat,
    _codes.MIN_REPEAT: _repeat,
    _codes.AT: _at,
}

_CATEGORIES: dict[Any, str] = {
    _codes.CATEGORY_DIGIT: r"\d",
    _codes.CATEGORY_NOT_DIGIT: r"\D",
    _codes.CATEGORY_SPACE: r"\s",
    _codes.CATEGORY_NOT_SPACE: r"\S",
    _codes.CATEGORY_WORD: r"\w",
    _codes.CATEGORY_NOT_WORD: r"\W",
}

_PLACES: dict[Any, str] = {
    _codes.AT_BEGINNING: r"\A",
    _codes.AT_BEGINNING_STRING: r"\A",
    _codes.AT_END: r"\z",
    _codes.AT_END_STRING: r"\z",
    _codes.AT_BOUNDARY: r"\b",
}
