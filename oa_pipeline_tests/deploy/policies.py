"""Whether policies allow something: as AWS decides it, for the operators and wildcards that our templates use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

OPERATORS = {"StringEquals", "StringLike", "ArnEquals", "Bool"}


def allowed(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether one allows it and none denies it."""
    found = [s["Effect"] for s in statements if _applies(s, action, resource, context or {})]
    return "Allow" in found and "Deny" not in found


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    unknown = statement.keys() - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert not unknown, f"the evaluator does not know {unknown}"
    return (
        any(_like(p.lower(), action.lower()) for p in _list(statement["Action"]))
        and any(_like(p, resource) for p in _list(statement.get("Resource", "*")))
        and all(_condition(op, wanted, context) for op, wanted in statement.get("Condition", {}).items())
    )


def _condition(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    assert operator in OPERATORS, f"the evaluator does not know {operator}"
    for key, values in wanted.items():
        if key not in context:
            return False
        like = operator in {"StringLike", "ArnEquals"}
        if not any(_like(v, context[key]) if like else v == context[key] for v in _list(values)):
            return False
    return True


def _like(pattern: str, text: str) -> bool:
    parts = ("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), text)
    return re.fullmatch(parts[0], parts[1], re.DOTALL) is not None


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
