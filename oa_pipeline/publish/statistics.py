"""`machine-stats.json`, as its readers know it, and `statistics.json` with what has been asked for since.

Both are made from the ledger, stored under the build's number, and current at the same moment; the first also at the
fixed key at which its readers look for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import OAError
from ..ledger import builds, statistics
from ..ledger.reading import Engine, Row
from .store import Store, StoredObject

KIND = "statistics"
MACHINE_STATS, STATISTICS = "machine-stats.json", "statistics.json"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Published:
    """What was made. `version` is equal where nothing but the time differs."""

    build: int
    version: str
    machine: Mapping[str, Any]
    ours: Mapping[str, Any]
    objects: Sequence[StoredObject]


def publish_statistics(
    engine: Engine, store: Store, *, now: Callable[[], datetime], dagster_run_id: str = ""
) -> Published:
    """Makes both files and makes them current. Raises PublishError; what was current then still is."""
    event = statistics.newest_event(engine)
    build = builds.begin_build(engine, KIND, run_ids=[], fingerprint=event, dagster_run_id=dagster_run_id, now=now())
    try:
        machine, points = machine_stats(engine)
        ours = our_statistics(engine)
        stored = [
            _store(store, f"{KIND}/{build}/{MACHINE_STATS}", machine),
            _store(store, f"{KIND}/{build}/{STATISTICS}", {"at": now().isoformat(), **ours}),
        ]
        made = [
            builds.Artifact(name, o.key, o.size, o.sha256, o.content_type, facts)
            for name, o, facts in zip((MACHINE_STATS, STATISTICS), stored, ({"points": points}, {}), strict=True)
        ]
        builds.publish_artifacts(engine, build, made, {}, now=now())
    except BaseException as error:
        with contextlib.suppress(OAError):  # the first trouble is the one to tell
            builds.fail_build(engine, build, f"{type(error).__name__}: {error}", now=now())
        raise
    store.copy(stored[0].key, MACHINE_STATS)
    builds.add_facts(engine, build, {"copied": True})
    version = hashlib.sha256(_text([machine, ours])).hexdigest()[:16]
    return Published(build, version, machine, ours, stored)


def changed_since(engine: Engine) -> bool:
    """Whether anything has happened since the statistics that are current, or they did not get to their fixed key."""
    last = builds.last_published(engine, KIND)
    return last is None or not last["facts"].get("copied") or last["fingerprint"] != statistics.newest_event(engine)


def machine_stats(engine: Engine) -> tuple[dict[str, Any], dict[str, Any]]:
    """The public's `machine-stats.json`; and its points by set, which never change and need no second look."""
    complete = statistics.complete_sets(engine)
    kept = (builds.artifact(engine, MACHINE_STATS) or {}).get("facts", {}).get("points", {})
    last: list[Row] = []
    points: dict[str, Any] = {}
    for one in complete:
        number = str(one["id"])
        if one is complete[-1] or number not in kept:
            last = statistics.results_of_set(engine, one["id"])
            points[number] = _point(one["started_at"], last)
        else:
            points[number] = kept[number]
    lost = [found["source"] for found in last if not found["addresses"]]
    best = statistics.best_of_sources(engine, lost, [one["id"] for one in complete])
    stats = {
        "timeseries": [points[str(one["id"])] for one in complete if points[str(one["id"])]["successful_sources"]],
        "last_address_counts": _sorted(last, "addresses"),
        "last_process_times": _sorted(last, "process_seconds"),
        "last_cache_times": _sorted(last, "cache_seconds"),
        "lost_sources": {
            "headers": ["Source", "Max Addresses", "Last Good"],
            "rows": [[f"{one['source']}.json", one["most"], f"{one['last'].timestamp():.3f}"] for one in best],
        },
    }
    return stats, points


def _point(started: datetime, results: Sequence[Row]) -> dict[str, Any]:
    good = [found for found in results if found["addresses"]]
    return {
        "ts": int(started.timestamp() * 1000),
        "addresses": sum(found["addresses"] for found in good),
        "successful_sources": len(good),
        "average_cache_time": _mean(found["cache_seconds"] for found in good),
        "average_process_time": _mean(found["process_seconds"] for found in good),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known else None


def _sorted(results: Sequence[Row], name: str) -> list[float]:
    return sorted(round(found[name], 3) for found in results if found[name] is not None)


def our_statistics(engine: Engine) -> dict[str, Any]:
    """The front page's numbers, problems to date, and what was lost and recovered in the last complete set."""
    index = statistics.index_numbers(engine)
    newest = index["newest"]
    complete = statistics.complete_sets(engine)[-2:]
    changes = statistics.changes_between(engine, *(one["id"] for one in complete)) if len(complete) == 2 else []
    return {
        "index": {**index, "newest": newest.astimezone(UTC).isoformat() if newest else None},
        "problems": statistics.problems_to_date(engine),
        "sets": [one["id"] for one in complete],
        "lost": _grouped([one for one in changes if one["lost"]]),
        "recovered": _grouped([one for one in changes if not one["lost"]]),
    }


def _grouped(changes: Sequence[Row]) -> dict[str, Any]:
    """By host and by problem, the most frequent first; then one by one."""
    return {
        "count": len(changes),
        "by_host": dict(_frequent(one["host"] for one in changes)),
        "by_problem": dict(_frequent(one["problem"] for one in changes)),
        "data_sources": [{name: one[name] for name in ("key", "host", "problem")} for one in changes],
    }


def _frequent(values: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))


def _store(store: Store, key: str, value: Mapping[str, Any]) -> StoredObject:
    with store.writer(key, content_type=JSON) as out:
        out.write(_text(value))
    return out.stored


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float).encode()
