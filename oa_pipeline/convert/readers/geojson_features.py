"""GeoJSON features as typed values: fast where they are what the standard says, patiently where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ...counters import Counters
from ...errors import ConvertError
from .geojson_geometry import BY_NAME, UNREADABLE, AnyGeometry, Geometry, Unreadable
from .json_lenient import lenient
from .named import Named
from .ragged import TOO_MANY_VERTICES, surely_too_many

NOT_A_FEATURE = "rows/dropped/not-a-feature"
NOT_JSON = "rows/dropped/not-json"

Properties: TypeAlias = Any


class Row:
    """One feature that needed patience."""

    __slots__ = ("geometry", "properties")

    def __init__(self, properties: Any, geometry: Geometry | Unreadable | None) -> None:
        """The same attributes as the structs of `FeatureDecoding`."""
        self.properties = properties
        self.geometry = geometry


def _nests() -> ConvertError:
    return ConvertError("a feature nests too deeply", cure="no address data does; check what was downloaded")


def loose_geometry(held: Any) -> Geometry | Unreadable | None:
    """A geometry from plain JSON values: numbers may be written as text. None where there is none."""
    if held is None or held == {}:
        return None
    kind = BY_NAME.get(str(held.get("type"))) if isinstance(held, dict) else None
    if kind is None:
        return UNREADABLE
    return kind.loosely(held)


class FeatureDecoding:
    """Decodes the properties called `names` and the geometry of features; drops and counts what is no feature."""

    def __init__(self, names: Sequence[str], vertices: int, counters: Counters) -> None:
        """Only `names` are made into Python values; `vertices` is the most that a geometry may have."""
        self._vertices = vertices
        self._named = Named(names)
        self.returns = False  # whether some text may hold a carriage return
        self._counters = counters
        feature = msgspec.defstruct(
            "Feature",
            [
                ("type", Literal["Feature"]),
                ("properties", self._named.type | None, None),
                ("geometry", AnyGeometry | None, None),
            ],
            gc=False,
        )
        self._one = msgspec.json.Decoder(feature)
        self._many = msgspec.json.Decoder(list[feature])  # type: ignore[valid-type]

    def array(self, raw: bytes) -> list[Any] | None:
        """All features of a list, None where one of them is out of the ordinary."""
        return self._try(self._many.decode, raw)

    def lines(self, raw: bytes) -> list[Any] | None:
        """All features of JSON lines, None where one of them is out of the ordinary."""
        return self._try(self._one.decode_lines, raw)

    def _try(self, decode: Any, raw: bytes) -> list[Any] | None:
        if surely_too_many(raw, self._vertices):
            return None
        self._look(raw)
        try:
            made: list[Any] = decode(raw)
        except (ValueError, msgspec.MsgspecError):
            return None
        except RecursionError:
            raise _nests() from None
        return made

    def _look(self, raw: bytes) -> None:
        """A carriage return can only come as an escape, and many files have none at all."""
        self.returns = self.returns or b"\\" in raw

    def one(self, raw: bytes) -> Any:
        """One feature, None (and counted) where it is none."""
        if surely_too_many(raw, self._vertices):
            self._counters.add("rows/read")
            self._counters.add(TOO_MANY_VERTICES)
            return None
        self._look(raw)
        try:
            return self._one.decode(raw)
        except (ValueError, msgspec.MsgspecError):
            pass
        except RecursionError:
            raise _nests() from None
        try:
            return self._loosely(lenient(raw, self._counters))
        except ValueError:
            self._counters.add("rows/read")
            self._counters.add(NOT_JSON)
            return None
        except RecursionError:
            raise _nests() from None

    def _loosely(self, value: Any) -> Row | None:
        is_feature = isinstance(value, dict) and (
            value.get("type") == "Feature" or ("type" not in value and "geometry" in value)
        )
        if not is_feature:
            self._counters.add("rows/read")
            self._counters.add(NOT_A_FEATURE)
            return None
        held = value.get("properties")
        properties = held if isinstance(held, dict) else {}
        return Row(self._named.of(properties), loose_geometry(value.get("geometry")))

    def columns(self, features: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """The values of each name, None where a feature has none."""
        return self._named.columns([feature.properties for feature in features])


class _Keys(Struct, gc=False):
    properties: dict[str, msgspec.Raw] | None = None


class KeyDecoding:
    """Decodes nothing but the names of properties, for a look at which columns there are."""

    def __init__(self) -> None:
        self._many = msgspec.json.Decoder(list[_Keys])
        self._single = msgspec.json.Decoder(_Keys)

    def array(self, raw: bytes) -> list[list[str]] | None:
        """See Decoding."""
        return self._try(self._many.decode, raw)

    def lines(self, raw: bytes) -> list[list[str]] | None:
        """See Decoding."""
        return self._try(self._single.decode_lines, raw)

    def _try(self, decode: Any, raw: bytes) -> list[list[str]] | None:
        try:
            return [list(one.properties or ()) for one in decode(raw)]
        except (ValueError, msgspec.MsgspecError):
            return None
        except RecursionError:
            raise _nests() from None

    def one(self, raw: bytes) -> list[str] | None:
        """See Decoding."""
        try:
            value = lenient(raw, Counters())
        except ValueError:
            return None
        except RecursionError:
            raise _nests() from None
        properties = value.get("properties") if isinstance(value, dict) else None
        return list(properties) if isinstance(properties, dict) else []
