"""Numbers, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...counters import Counters
from .facts import Glimpse, Row, SourceFacts
from .inert import cell, code
from .outcomes import several

MOST_COLUMNS = 40  # of a publisher's table
MOST_NAMED = 50  # columns in a list
NONE = "–"


def change(now: int | None, before: int | None) -> str:
    """What became more or less."""
    if now is None or before is None:
        return NONE
    share = f" ({(now - before) / before:+.1%})" if before else ""
    return f"{now - before:+,}{share}" if now != before else "the same"


def table(header: Sequence[str], lines: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """A table of cells that are inert already; `numbers`: all columns but the first are right-aligned."""
    rule = ["---", *(["--:" if numbers else "---"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))


def rows_said(member: Row, facts: SourceFacts) -> str:
    """How many rows there are, against those of the default branch."""
    now, before = member["run_rows"], facts.before
    if now is None:
        return ""
    if member["run_sampled"]:
        had = f" The default branch has {before['rows']:,}." if before and before["rows"] is not None else ""
        return f"A sample of {several(now, 'row')}: the source has more than a pull request may convert.{had}"
    if before is None or before["rows"] is None:
        return f"{several(now, 'row')}. The default branch has no result to compare with."
    return f"{several(now, 'row')}. The default branch has {before['rows']:,}: {change(now, before['rows'])}."


def dropped_said(member: Row) -> list[str]:
    """Which rows are missing, and from what."""
    counters = Counters(member["run_counters"])
    said = []
    for prefix, words in (("rows/dropped", "Dropped"), ("rows/kept", "In GeoJSON only")):
        causes = counters.under(prefix)
        if causes:
            listed = ", ".join(f"{code(cause)} {number:,}" for cause, number in sorted(causes.items()))
            said.append(f"{words}: {several(sum(causes.values()), 'row')} ({listed}).")
    return said


def completeness(member: Row, facts: SourceFacts) -> str:
    """In how many rows each field has text, now and in the default branch."""
    rows = member["run_rows"]
    if not rows or not facts.attributes:
        return ""
    now, before = Counters(member["run_counters"]), facts.before
    had = Counters(before["counters"]) if before else Counters()
    rows_before = before["rows"] if before else None
    lines = []
    for name in facts.attributes:
        filled, earlier = now[f"field/{name}/filled"], had[f"field/{name}/filled"]
        if filled or earlier or name in facts.mapped:
            share = f"{filled / rows:.1%}" if filled or name in facts.mapped else "not mapped"
            lines.append((f"`{name}`", f"{filled:,}", share, f"{earlier / rows_before:.1%}" if rows_before else NONE))
    return table(("field", "rows with text", "now", "default branch"), lines, numbers=True) if lines else ""


def glimpse(title: str, held: Glimpse) -> str:
    """The first rows, a line for each column."""
    if held.trouble:
        return f"**{title}** cannot be shown: {held.trouble}."
    if not held.rows:
        return ""
    header = ("column", *(f"row {n}" for n in range(1, len(held.rows) + 1)))
    lines = [
        (cell(name) or NONE, *(cell(row[n]) if n < len(row) else "" for row in held.rows))
        for n, name in enumerate(held.columns[:MOST_COLUMNS])
    ]
    more = len(held.columns) - MOST_COLUMNS
    rest = f"\n\n… and {several(more, 'column')} more." if more > 0 else ""
    return f"**{title}**\n\n{table(header, lines)}{rest}"


def unread(facts: SourceFacts) -> str:
    """The publisher's columns that nothing in the conform reads."""
    names = [name for name in facts.publisher.columns if name.strip() and name not in facts.reads]
    if not names or not facts.reads:
        return ""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"Nothing in the conform reads {', '.join(code(name, 40) for name in names[:MOST_NAMED])}{more}."
