"""Which layer of a file is meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyogrio

from ...errors import ConvertError
from ..membernames import listing


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its place in the file, from 0. `remark`: what a contributor should know of how it was picked."""

    index: int
    name: str
    spatial: bool
    remark: str = ""


def pick_layer(path: Path, wanted: str | int | None) -> Layer:
    """The layer called `wanted` (in any case, when none is spelt so), or at that place.

    Without `wanted` the first that has geometry, else the first. A text of digits is a name. Raises ConvertError that
    lists the layers.
    """
    layers = [Layer(at, str(name), kind is not None) for at, (name, kind) in enumerate(pyogrio.list_layers(path))]
    if not layers:
        raise ConvertError("the file has no layers", place=path.name, cure="look whether it holds rasters only")
    if wanted is None:
        return _first(layers)
    found = _numbered(layers, wanted) if isinstance(wanted, int) else _named(layers, wanted)
    if found is None:
        raise ConvertError(
            f"there is no layer {wanted!r}",
            place=path.name,
            cure=f"`layer` may be {listing([layer.name for layer in layers], 40)}",
        )
    return found


def _first(layers: list[Layer]) -> Layer:
    spatial = [layer for layer in layers if layer.spatial]
    if len(spatial) < 2:
        return next(iter(spatial), layers[0])
    first, others = spatial[0], listing([layer.name for layer in spatial[1:]], 10)
    return replace(first, remark=f"there is no `layer`: {first.name} is read, and not {others}")


def _numbered(layers: list[Layer], wanted: int) -> Layer | None:
    return layers[wanted] if 0 <= wanted < len(layers) else None


def _named(layers: list[Layer], wanted: str) -> Layer | None:
    exact = (layer for layer in layers if layer.name == wanted)
    alike = (layer for layer in layers if layer.name.casefold() == wanted.casefold())
    return next(exact, None) or next(alike, None)
