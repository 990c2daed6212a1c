"""The JSON Schema of source files, and its validator. Nothing it refers to is ever fetched."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry


@cache
def schema() -> dict[str, Any]:
    """The schema as JSON, descriptions included. Read-only by agreement."""
    held: dict[str, Any] = json.loads(files(__package__).joinpath("source.schema.json").read_text("utf-8"))
    return held


@cache
def validator() -> Any:
    """A validator of parsed source files. Its registry is empty: a reference outside the schema is an error."""
    return Draft202012Validator(schema(), registry=Registry())
