"""The templates of deploy/ as they come out: references and functions replaced by what they would be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parents[2]
TEMPLATES = TOP / "deploy" / "templates"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
NOTHING = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags: `!Sub x` is {"Fn::Sub": x}, `!GetAtt A.B` a list."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)  # type: ignore[no-untyped-call]


@cache
def template(name: str) -> dict[str, Any]:
    """A template as it is written."""
    path = TEMPLATES / f"{name}.yaml"
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    return loaded


class Made:
    """A template with its parameters. `values` are parameters, and what `Ref` and `GetAtt` (`Name.Attribute`) give."""

    def __init__(self, name: str, **values: str) -> None:
        self.source = template(name)
        defaults = {n: p["Default"] for n, p in self.source.get("Parameters", {}).items() if "Default" in p}
        self.values: Mapping[str, Any] = {**PSEUDO, **defaults, **values}
        self.resources: dict[str, Any] = {
            n: self._worked_out(r)
            for n, r in self.source["Resources"].items()
            if "Condition" not in r or self._holds(r["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of the resources of that type, by name."""
        return {n: r.get("Properties", {}) for n, r in self.resources.items() if r["Type"] == kind}

    def _holds(self, name: str) -> bool:
        return bool(self._worked_out(self.source["Conditions"][name]))

    def _worked_out(self, value: Any) -> Any:
        if isinstance(value, list):
            return [v for v in map(self._worked_out, value) if v is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
        done = {n: self._worked_out(v) for n, v in value.items()}
        return {n: v for n, v in done.items() if v is not NOTHING}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        return self.values.get(name, f"<{name}>")

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        known = {n: self._worked_out(v) for n, v in given.items()}
        return re.sub(r"\$\{([^!}]+)\}", lambda m: str(known.get(m[1], self._ref(m[1]))), text)

    def _if(self, argument: list[Any]) -> Any:
        return self._worked_out(argument[1] if self._holds(argument[0]) else argument[2])


_FUNCTIONS: Mapping[str, Any] = {
    "Ref": Made._ref,
    "Fn::Sub": Made._sub,
    "Fn::GetAtt": lambda made, a: made._ref(".".join(a)),
    "Fn::If": Made._if,
    "Condition": Made._holds,
    "Fn::Equals": lambda made, a: str(made._worked_out(a[0])) == str(made._worked_out(a[1])),
    "Fn::Not": lambda made, a: not made._worked_out(a[0]),
    "Fn::And": lambda made, a: all(map(made._worked_out, a)),
    "Fn::Base64": lambda made, a: made._worked_out(a),
    "Fn::Join": lambda made, a: a[0].join(map(str, made._worked_out(a[1]))),
    "Fn::Split": lambda made, a: str(made._worked_out(a[1])).split(a[0]),
    "Fn::Select": lambda made, a: _selected(int(a[0]), made._worked_out(a[1])),
    "Fn::GetAZs": lambda made, a: ["eu-west-1a", "eu-west-1b"],
    "Fn::Cidr": lambda made, a: [f"10.20.{16 * n}.0/20" for n in range(4)],
}


def _selected(index: int, values: Any) -> Any:
    return (values.split(",") if isinstance(values, str) else values)[index]
