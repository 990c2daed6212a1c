"""What PostgreSQL touched to answer: every statement of a block is explained, and then carried out as it would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True)
class Plan:
    """One statement: which tables were read from end to end, rows looked at in all, blocks of 8 KiB touched."""

    statement: str
    scanned: frozenset[str]
    rows: int
    blocks: int

    @property
    def short(self) -> str:
        """The statement on one line."""
        return " ".join(self.statement.split())[:300]


@contextmanager
def explained(engine: sa.Engine) -> Iterator[list[Plan]]:
    """The plans of all that is asked through this engine within the block, in order.

    A statement that writes is explained within a savepoint that is taken back before it is carried out.
    """
    plans: list[Plan] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(EXPLAINED):
            with connection.connection.cursor() as own:
                own.execute("SAVEPOINT before_explain")
                own.execute(EXPLAIN + statement, parameters[0] if isinstance(parameters, list) else parameters)
                plans.append(_plan(statement, own.fetchone()[0]))
                own.execute("ROLLBACK TO SAVEPOINT before_explain")

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)


def _plan(statement: str, told: Any) -> Plan:
    (top,) = json.loads(told) if isinstance(told, str) else told
    nodes = list(_nodes(top["Plan"]))
    scanned = frozenset(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan")
    rows = sum(_rows(node) for node in nodes if node["Node Type"].endswith("Scan"))
    blocks = top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]
    return Plan(statement, scanned, rows, blocks)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: dict[str, Any]) -> int:
    looked_at = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(looked_at * node["Actual Loops"])
