"""The three shapes that source files have had, brought to one: layers of data sources.

1. flat, the transport in `type` and the kind of file in `conform.type`;
2. flat, with `protocol` and `conform.format` in their places;
3. `schema: 2` with `layers`.
A flat file is the data source `primary` of layer `addresses`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .places import JsonPath, PlacedError

PRIMARY = "primary"


@dataclass(frozen=True, slots=True)
class Declared:
    """A data source as its file states it, in today's words, and where in the file it stands."""

    layer: str
    held: Any
    where: JsonPath


def is_flat(source: Mapping[str, Any]) -> bool:
    """Whether this is a file of the first two generations."""
    return "layers" not in source and source.get("schema", 1) in (1, None)


def declared_in(source: Mapping[str, Any]) -> Iterator[Declared]:
    """Every data source of a file, in order, unknown layers and repeated names included."""
    if is_flat(source):
        yield Declared("addresses", modern(source), ())
        return
    layers = source.get("layers", {})
    if not isinstance(layers, Mapping):
        raise PlacedError("'layers' must be an object", cure='write {"addresses": [...]}', where=("layers",))
    for layer, held in layers.items():
        if not isinstance(held, list):
            raise PlacedError("a layer must be a list", cure="put its data sources in [ ]", where=("layers", layer))
        for number, item in enumerate(held):
            yield Declared(layer, item, ("layers", layer, number))


def modern(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The data source inside a flat file: all but the coverage, `type` renamed to today's words."""
    held = {key: value for key, value in flat.items() if key not in ("coverage", "schema")}
    _rename(held, "type", "protocol")
    if isinstance(held.get("conform"), Mapping):
        held["conform"] = dict(held["conform"])
        _rename(held["conform"], "type", "format")
    return {**held, "name": PRIMARY}


def _rename(held: dict[str, Any], old: str, new: str) -> None:
    if old in held:
        value = held.pop(old)
        held.setdefault(new, value)
