"""Further sources for the samples, and what a run said of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import (
    DagsterEventType,
    ExecuteInProcessResult,
)

from oa_pipeline.ledger import queries
from oa_pipeline.orchestration.workplace import Workplace

HARBOUR = "xx/harbour/addresses/city"
BROKEN = "xx/broken/addresses/city"
CSV = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}


def add(workplace: Workplace, name: str, data: str, **more: Any) -> str:
    """A further source in the repository; gives its key."""
    one = {"name": "city", "protocol": "http", "data": data, "conform": CSV, **more}
    text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}
    (Path(workplace.settings.sources) / f"sources/xx/{name}.json").write_text(json.dumps(text))
    return f"xx/{name}/addresses/city"


def checks(result: ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def failure(result: ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    error = event.step_failure_data.error
    assert error is not None
    return f"{error.message} {event.step_failure_data.user_failure_data}"


def latest(engine: sa.Engine, key: str) -> dict[str, Any]:
    return dict(queries.latest_runs(engine, [key])[key])
