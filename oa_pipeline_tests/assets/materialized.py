"""What a run of a data source said when it materialized it."""

from __future__ import annotations

from typing import Any

from dagster import ExecuteInProcessResult, TableMetadataValue


def data_version(result: ExecuteInProcessResult) -> str | None:
    """The data version."""
    (event,) = result.asset_materializations_for_node("source")
    return (event.tags or {}).get("dagster/data_version")


def metadata(result: ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata, tables as their records."""
    (event,) = result.asset_materializations_for_node("source")
    return {
        name: value.records if isinstance(value, TableMetadataValue) else value.value
        for name, value in event.metadata.items()
    }
