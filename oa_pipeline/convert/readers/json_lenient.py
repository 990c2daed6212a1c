"""JSON as the world writes it: NaN, numbers beyond doubles, half surrogate pairs, bytes that are not UTF-8."""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...counters import Counters
from .cells import REPLACED, whole_surrogates

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _int(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # more digits than Python is willing to convert: the text says it as well
        return text


_decoder = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=lambda name: None, strict=False)


def lenient(raw: bytes, counters: Counters) -> Any:
    """The value of a JSON text; NaN and Infinity are null, numbers that no double holds stay text.

    Bytes that are not UTF-8 are replaced and counted; half a surrogate pair is replaced in names, too.
    Raises ValueError where it is no JSON, RecursionError where it nests too deeply.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
        counters.add(REPLACED, text.count("\ufffd") - raw.count("\ufffd".encode()))
    value = _decoder.decode(text.strip("\ufeff\x1e \t\r\n"))
    return _whole(value) if _SURROGATE.search(text) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole_surrogates(value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {whole_surrogates(name): _whole(one) for name, one in value.items()}
    return value


@contextmanager
def no_collections() -> Iterator[None]:
    """Keeps the cycle collector out while many objects are made that hold no cycles: it would look at each of them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
