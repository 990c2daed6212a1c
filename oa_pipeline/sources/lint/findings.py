"""One thing to say about a source file, and what the rules get to say it with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..generations import Declared
from ..places import JsonPath, dotted, printable, shown
from ..positions import Document

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and what to do about it. `line` and `column` count from 1."""

    path: str
    line: int
    column: int
    where: str  # layers.addresses[0].conform.number
    severity: Severity
    message: str
    cure: str
    rule: str = ""  # a stable word for the kind of finding


@dataclass(frozen=True, slots=True)
class Site:
    """A file under the rules: what they read and what they report with."""

    path: str
    source: str  # us/ca/alameda
    document: Document
    allow_local: bool

    @property
    def held(self) -> dict[str, Any]:
        """The file's object."""
        held: dict[str, Any] = self.document.value
        return held

    def error(self, rule: str, where: JsonPath, message: str, cure: str, *, key: bool = False) -> Finding:
        """A finding that keeps the file from being accepted."""
        return self._finding("error", rule, where, message, cure, key)

    def warning(self, rule: str, where: JsonPath, message: str, cure: str, *, key: bool = False) -> Finding:
        """A finding that a person should look at."""
        return self._finding("warning", rule, where, message, cure, key)

    def _finding(self, severity: Severity, rule: str, where: JsonPath, message: str, cure: str, key: bool) -> Finding:
        line, column = (self.document.locate_key if key else self.document.locate)(where)
        return Finding(self.path, line, column, dotted(where), severity, message, cure, rule)


@dataclass(frozen=True, slots=True)
class Subject:
    """One data source under the rules, in today's words."""

    site: Site
    declared: Declared

    @property
    def held(self) -> dict[str, Any]:
        """The data source's object; empty where it is none."""
        return self.declared.held if isinstance(self.declared.held, dict) else {}

    @property
    def conform(self) -> dict[str, Any]:
        """Its conform; empty where there is none."""
        conform = self.held.get("conform")
        return conform if isinstance(conform, dict) else {}

    def at(self, *steps: str | int) -> JsonPath:
        """The place of something inside the data source."""
        return (*self.declared.where, *steps)


def functions_in(value: Any, where: JsonPath) -> Iterator[tuple[dict[str, Any], JsonPath]]:
    """Every function object in an attribute's value, itself first, then the steps of chains in order."""
    if isinstance(value, dict):
        yield value, where
        steps = value.get("functions")
        for number, step in enumerate(steps if isinstance(steps, list) else ()):
            yield from functions_in(step, (*where, "functions", number))


def text_of(held: dict[str, Any], key: str) -> str:
    """The text at `key`; empty where there is none."""
    value = held.get(key)
    return value if isinstance(value, str) else ""


def format_finding(finding: Finding) -> str:
    """`path:line:col: error: message (where) cure`, always on one line."""
    where = f" ({finding.where})" if finding.where else ""
    place = f"{finding.path}:{finding.line}:{finding.column}"
    return printable(f"{place}: {finding.severity}: {finding.message}{where} {finding.cure}".rstrip())


__all__ = ["Finding", "Severity", "Site", "Subject", "format_finding", "functions_in", "shown", "text_of"]
