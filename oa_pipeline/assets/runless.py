"""Tells Dagster that another result of a source is the latest, where no run of Dagster's does: a decision, a repair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    MetadataValue,
)

from .. import __version__
from .checks import publication_gate
from .metadata import links, sizes
from .source import SOURCE

if TYPE_CHECKING:
    from ..ledger.runs import Ending
    from ..publish.store import Store

# As Dagster itself tags what a run materializes.
VERSION_TAG, OUR_VERSION_TAG = "dagster/data_version", "dagster/data_version_is_user_provided"
CODE_TAG = "dagster/code_version"


def tell_latest(instance: DagsterInstance, row: Mapping[str, Any], store: Store, why: str) -> bool:
    """Materializes the source's partition as that run's result, and says why. False: Dagster knew, nothing was told."""
    if _known(instance, row):
        return False
    found: dict[str, Any] = {"status": why, "run": row["id"], "dagster/row_count": row["rows"]}
    if row["held_because"]:
        found["let through"] = MetadataValue.md("\n".join(f"- {reason}" for reason in row["held_because"]))
    found |= links(row["outputs"], store) | {"sizes": sizes(row["outputs"])}
    instance.report_runless_asset_event(
        AssetMaterialization(
            SOURCE,
            description=why,
            partition=row["key"],
            metadata={name: value for name, value in found.items() if value not in (None, "")},
            tags={VERSION_TAG: row["data_version"], OUR_VERSION_TAG: "true", CODE_TAG: __version__},
        )
    )
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            SOURCE,
            publication_gate.__name__,
            passed=True,
            severity=AssetCheckSeverity.WARN,
            description=why,
            metadata={"rows": row["rows"] or 0},
            partition=row["key"],
        )
    )
    return True


def tell_unchanged(instance: DagsterInstance, key: str, number: int, ending: Ending, **more: int) -> None:
    """Materializes the source's partition as what it was: run `number` found nothing changed. `more` is shown too."""
    metadata: dict[str, Any] = {
        "status": f"unchanged since run {ending.copy_of}",
        "run": number,
        "dagster/row_count": ending.rows or 0,
        **more,
    }
    tags = {VERSION_TAG: ending.data_version, OUR_VERSION_TAG: "true", CODE_TAG: __version__}
    instance.report_runless_asset_event(AssetMaterialization(SOURCE, partition=key, metadata=metadata, tags=tags))


def _known(instance: DagsterInstance, row: Mapping[str, Any]) -> bool:
    """Whether the newest materialization is of this very result. A held run's own is of the one it did not replace."""
    newest = instance.fetch_materializations(AssetRecordsFilter(SOURCE, asset_partitions=[row["key"]]), limit=1)
    for record in newest.records:
        told = record.asset_materialization
        if told is not None and "run" in told.metadata and told.metadata["run"].value == row["id"]:
            return bool((told.tags or {}).get(VERSION_TAG) == row["data_version"])
    return False
