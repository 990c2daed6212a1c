"""From the bytes of a source file to frozen types.

Lenient about what it does not know (keys, layers, protocols, formats, functions: the run reports those), strict about
what cannot be read at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from .generations import declared_in, is_flat
from .keys import name_fault, path_fault, source_of
from .licence import licence_of
from .model import (
    ATTRIBUTES,
    AcceptanceTest,
    Compression,
    Conform,
    Coverage,
    DataSource,
    Format,
    Layer,
    Protocol,
    Source,
)
from .places import JsonPath, PlacedError, shown
from .positions import Document, read_json
from .values import kind, read_value, text_at, whole_at

_Named = TypeVar("_Named", bound=StrEnum)


def parse_source(text: bytes, path: str) -> Source:
    """The source in a file's bytes.

    `path` is "us/ca/alameda" or any path of that file, "sources/us/ca/alameda.json". Raises SourceError with
    path, line, column, place in the JSON and cure. Of data sources that share a layer and a name the first is kept.
    """
    name = source_of(path)
    fault = path_fault(name)
    if fault:
        raise PlacedError(f"the path {shown(name)} {fault}", cure="rename the file")
    document = read_json(text, path)
    try:
        return _source(document, name, hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest())
    except PlacedError as error:
        raise error.located(path, *document.locate(error.where)) from None


def parse_declared(
    declared: dict[str, Any], coverage: dict[str, Any], source: str, layer: str, *, first: bool = True
) -> DataSource:
    """The data source whose `declared` object and coverage these are: equal to the one `parse_source` gave.

    Whether it is the `first` of its layer in the file, the object does not tell.
    """
    return _data_source(declared, Coverage(coverage), source, Layer(layer), (), first=first)


def _source(document: Document, name: str, blob_sha: str) -> Source:
    held = document.value
    if not isinstance(held, dict):
        raise PlacedError(f"a source must be an object, not {kind(held)}", cure="put it in { }")
    coverage = held.get("coverage")
    if not isinstance(coverage, dict | None):
        raise PlacedError("'coverage' must be an object", cure='write {"country": ...}', where=("coverage",))
    found: dict[tuple[str, str], DataSource] = {}
    for one in declared_in(held):
        layer = _known(Layer, one.layer)
        if layer:
            first = not any(other == one.layer for other, _ in found)
            made = _data_source(one.held, Coverage(coverage or {}), name, layer, one.where, first=first)
            found.setdefault((one.layer, made.name), made)
    schema = held.get("schema")
    version = schema if isinstance(schema, int) and not isinstance(schema, bool) else 2
    return Source(name, 1 if is_flat(held) else version, tuple(found.values()), Coverage(coverage or {}), blob_sha)


def _data_source(
    held: Any, coverage: Coverage, source: str, layer: Layer, where: JsonPath, *, first: bool
) -> DataSource:
    if not isinstance(held, dict):
        raise PlacedError(f"a data source must be an object, not {kind(held)}", cure="put it in { }", where=where)
    name = text_at(held, "name", where)
    fault = name_fault(name)
    if fault:
        raise PlacedError(f"the name {shown(name)} {fault}", cure="give it a short name", where=(*where, "name"))
    protocol = _word(held, "protocol", where)
    compression = _word(held, "compression", where)
    return DataSource(
        source=source,
        layer=layer,
        name=name,
        data=_address(held, where),
        protocol=_known(Protocol, protocol.lower()),
        protocol_text=protocol,
        compression=_known(Compression, compression),
        compression_text=compression,
        conform=_conform(held.get("conform"), layer, (*where, "conform")),
        skip=bool(held.get("skip")),
        tests=_tests(held.get("test"), (*where, "test")),
        licence=licence_of(held),
        website=held["website"].strip() if isinstance(held.get("website"), str) else "",
        coverage=coverage,
        request_headers=_headers(held.get("request"), (*where, "request")),
        declared=held,
        first=first,
        digest=_digest(held, coverage, first),
    )


def _digest(held: dict[str, Any], coverage: Coverage, first: bool) -> str:
    """Covers the order of the conform's attributes, which can matter to chains, and not the name.

    Also covers whether it is the first of its layer: others publish their csv under another name.
    """
    conform = held.get("conform")
    order = list(conform) if isinstance(conform, Mapping) else []
    said = [{key: value for key, value in held.items() if key != "name"}, order, coverage.declared]
    said += [] if first else ["not the first"]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _address(held: Mapping[str, Any], where: JsonPath) -> str:
    data = held.get("data")
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, str):
        cure = "add 'data', the address of the file or layer"
        raise PlacedError(f"'data' must be text, not {kind(data)}", cure=cure, where=(*where, "data"))
    return data.strip()


def _conform(held: Any, layer: Layer, where: JsonPath) -> Conform | None:
    if held is None:
        return None
    if not isinstance(held, Mapping):
        raise PlacedError(f"'conform' must be an object, not {kind(held)}", cure="put it in { }", where=where)
    format_text = _word(held, "format", where)
    mapped = {key: value for key, value in held.items() if key in ATTRIBUTES[layer] and value is not None}
    number = held.get("layer")
    return Conform(
        format=_known(Format, format_text),
        format_text=format_text,
        attributes=tuple((key, read_value(value, (*where, key))) for key, value in mapped.items()),
        srs=_word(held, "srs", where) or None,
        file=_word(held, "file", where) or None,
        layer=number if isinstance(number, str) else whole_at(held, "layer", where),
        encoding=_word(held, "encoding", where) or None,
        csvsplit=_word(held, "csvsplit", where) or ",",
        headers=whole_at(held, "headers", where),
        skiplines=whole_at(held, "skiplines", where),
        lat=_column(held.get("lat")),
        lon=_column(held.get("lon")),
    )


def _column(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _word(held: Mapping[str, Any], key: str, where: JsonPath) -> str:
    return "" if held.get(key) is None else text_at(held, key, where)


def _known(words: type[_Named], word: str) -> _Named | None:
    try:
        return words(word)
    except ValueError:
        return None


def _tests(held: Any, where: JsonPath) -> tuple[AcceptanceTest, ...]:
    if not isinstance(held, Mapping) or not held.get("enabled", True):
        return ()
    tests = held.get("acceptance-tests") or []
    inner = (*where, "acceptance-tests")
    if not isinstance(tests, list):
        raise PlacedError("'acceptance-tests' must be a list", cure="put the tests in [ ]", where=inner)
    return tuple(_test(test, (*inner, number)) for number, test in enumerate(tests))


def _test(held: Any, where: JsonPath) -> AcceptanceTest:
    parts = [held.get(key) if isinstance(held, Mapping) else None for key in ("inputs", "expected")]
    if not all(isinstance(part, Mapping) for part in parts):
        cure = "write an object with 'description', 'inputs' and 'expected'"
        raise PlacedError("an acceptance test needs inputs and expected values", cure=cure, where=where)
    inputs, expected = parts
    cells = tuple((key, _cell(value)) for key, value in inputs.items())  # type: ignore[union-attr]
    wanted = tuple(expected.items())  # type: ignore[union-attr]
    return AcceptanceTest(str(held.get("description") or ""), cells, wanted)


def _cell(value: Any) -> str | None:
    return value if isinstance(value, str | None) else str(value)


def _headers(held: Any, where: JsonPath) -> tuple[tuple[str, str], ...]:
    headers = held.get("headers") if isinstance(held, Mapping) else None
    if not isinstance(headers, Mapping):
        return ()
    inner = (*where, "headers")
    return tuple((key, text_at(headers, key, inner)) for key in headers)
