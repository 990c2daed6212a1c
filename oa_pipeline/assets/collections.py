"""The asset `collections`: the regional files of all sources, made together and published together.

What is done stands in `orchestration.collect`; here it is put into Dagster's words. Nothing heavy is imported before
the op runs, as every process of Dagster's imports this module.
"""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    Config,
    DagsterInstance,
    DagsterRunStatus,
    DataVersion,
    Failure,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    RunsFilter,
)
from pydantic import Field

from ..orchestration.workplace import Workplace
from .keeping import former_stays, made_of_sources

if TYPE_CHECKING:
    from ..orchestration.collect import Collection
    from ..publish.store import Store

COLLECTIONS = AssetKey("collections")
JOB = "make_collections"
AT_WORK = (DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)
MOST_LINES = 50  # of what was left out; every event is stored for good
MIB = 1024 * 1024


class CollectionsConfig(Config):
    """What a person may ask of a run in the launchpad."""

    force: bool = Field(
        default=False,
        description="Make them even where nothing has changed, or where much less would be collected than before.",
    )


@made_of_sources(
    COLLECTIONS,
    "All sources by region and licence: zips of csv files, and GeoParquet sorted by place. Made of the latest good "
    "results there are when it begins; the former ones stay until all new ones are there. Where nothing has "
    "changed it is materialized again as what it was, with the same data version.",
)
def collections(
    context: AssetExecutionContext, config: CollectionsConfig, workplace: ResourceParam[Workplace]
) -> MaterializeResult[Any]:
    """Makes and publishes all regional files."""
    from ..orchestration.collect import collect

    other = at_work(context.instance, context.run.run_id)
    if other:
        raise Failure(f"Run {other} makes collections already.", allow_retries=False)
    with former_stays(workplace):
        done = collect(workplace, say=context.log.info, dagster_run_id=context.run.run_id, force=config.force)
    return MaterializeResult(
        metadata=metadata_of(done, workplace.store()), data_version=DataVersion(done.fingerprint[:16])
    )


def at_work(instance: DagsterInstance, run_id: str = "") -> str:
    """The run that makes collections, begun before `run_id` where that is given; empty where there is none."""
    records = instance.get_run_records(RunsFilter(statuses=list(AT_WORK)), limit=500)
    mine = next((r.create_timestamp for r in records if r.dagster_run.run_id == run_id), None)
    for record in records:
        run = record.dagster_run
        selected = run.job_name == JOB or COLLECTIONS in (run.asset_selection or ())
        if selected and run.run_id != run_id and (mine is None or record.create_timestamp < mine):
            return run.run_id
    return ""


def metadata_of(done: "Collection", store: "Store") -> dict[str, Any]:
    """What a person wants to see of the files that are current now."""
    from .metadata import stated, table

    facts = done.facts
    left_out = facts.get("left_out", [])
    found: dict[str, Any] = {
        "status": f"unchanged since build {done.build}" if done.unchanged else f"build {done.build}",
        "sources": facts.get("sources"),
        "dagster/row_count": facts.get("rows"),
        "files": table(
            ("file", "area", "licence", "layer", "sources", "rows", "MiB", "sha256"),
            [
                (
                    row["key"].rpartition("/")[2],
                    row["area"],
                    "share alike" if row["licence"] else "free",
                    row["layer"],
                    row["sources"],
                    row["rows"],
                    round(row["size"] / MIB, 3),
                    row["sha256"],
                )
                for row in done.files
            ],
        ),
        "MiB": round(facts.get("bytes", 0) / MIB, 3),
        "left out": len(left_out),
        "left out, and why": table(
            ("key", "run", "form", "why"),
            [(left["key"], left["run"], left["form"], left["why"]) for left in left_out[:MOST_LINES]],
        ),
        "global zip": _link(done, store),
    }
    if not done.unchanged:
        spent = facts["zip_seconds"]
        found |= {"seconds": facts["seconds"], "seconds of zips": spent}
        found["zip bytes a second"] = round(facts["zip_bytes_read"] / spent) if spent else None
    return stated(found)


def _link(done: "Collection", store: "Store") -> MetadataValue[Any] | None:
    from .metadata import links

    for row in done.files:
        if (row["area"], row["licence"], row["form"]) == ("global", "", "zip"):
            link: MetadataValue[Any] = next(iter(links({"csv": row}, store).values()))
            return link
    return None
