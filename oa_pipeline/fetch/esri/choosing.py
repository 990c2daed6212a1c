"""Which plans suit a layer, best first. Later ones are asked for only when an earlier one is refused."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from ...errors import FetchError
from .answers import whole
from .client import Client
from .layer import Layer
from .plans import BoxPlan, IdsPlan, OffsetPlan, Plan, WindowPlan

Maker = Callable[[], Plan]


def plans(client: Client, layer: Layer, count: int | None) -> Iterator[tuple[str, Maker]]:
    """Names and makers of plans. A maker may ask the server; it raises FetchError where its plan is not possible.

    Row numbers need a count, because a layer that cannot count rarely pages as it says.
    """
    oid = layer.oid
    if count is not None and layer.paginates:
        if oid is not None and layer.orders:
            yield "offset", lambda: OffsetPlan(count, oid)
        yield "unordered offset", lambda: OffsetPlan(count, None)
    if oid is None:
        return
    if layer.counts_statistics:
        yield "windows", lambda: _windows(client, layer, oid)
    yield "ids", lambda: _ids(client, oid)
    yield "boxes", lambda: _boxes(layer)


def _windows(client: Client, layer: Layer, oid: str) -> Plan:
    wishes = [
        {"statisticType": kind, "onStatisticField": oid, "outStatisticFieldName": f"THE_{kind.upper()}"}
        for kind in ("min", "max")
    ]
    answer = client.ask({"where": "1=1", "outFields": "", "outStatistics": json.dumps(wishes)})
    smallest, largest = _min_max(answer)
    # Some servers make the numbers up: both ids must exist.
    where = f"{oid} = {smallest} OR {oid} = {largest}"
    found = _object_ids(client.ask({"where": where, "returnIdsOnly": "true"}))
    if not {smallest, largest} <= set(found):
        raise FetchError("the layer's statistics name object ids that do not exist", status=400)
    return WindowPlan(oid, smallest, largest, layer.page_limit)


def _min_max(answer: dict[str, Any]) -> tuple[int, int]:
    try:
        held = {str(k).upper(): whole(v) for k, v in answer["features"][0]["attributes"].items()}
        smallest, largest = held["THE_MIN"], held["THE_MAX"]
    except (KeyError, IndexError, TypeError, AttributeError):
        smallest = largest = None
    if smallest is None or largest is None or smallest > largest:
        raise FetchError("the layer's statistics hold no smallest and largest object id", status=400)
    return smallest, largest


def _ids(client: Client, oid: str) -> Plan:
    found = _object_ids(client.ask({"where": "1=1", "returnIdsOnly": "true"}))
    found.sort()
    held = array("q", (number for number, _ in groupby(found)))
    return IdsPlan(oid, held, len(found), hashlib.sha256(held.tobytes()).hexdigest())


def _object_ids(answer: dict[str, Any]) -> list[int]:
    listed = answer.get("objectIds", [])
    if listed is None:
        return []
    numbers = [whole(value) for value in listed] if isinstance(listed, list) else [None]
    ids = [number for number in numbers if number is not None]
    if len(ids) != len(numbers):
        raise FetchError("the layer's list of object ids holds something else", status=400)
    return ids


def _boxes(layer: Layer) -> Plan:
    if layer.extent is None:
        raise FetchError("the layer has no usable extent", status=400)
    return BoxPlan(layer.extent, layer.page_limit)
