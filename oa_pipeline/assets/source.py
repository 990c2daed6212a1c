"""The asset `source`: one partition for each data source, whose one op downloads, converts and publishes it.

What is done stands in `orchestration.carry_out`; here it is put into Dagster's words. Nothing heavy is imported before
the op runs, as every process of Dagster's imports this module.
"""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    Config,
    DataVersion,
    DynamicPartitionsDefinition,
    Failure,
    MaterializeResult,
    ResourceParam,
    RetryRequested,
    asset,
)
from pydantic import Field

from .. import __version__
from ..crash import point
from ..orchestration.tags import JOB_TAG, SET_TAG
from ..orchestration.workplace import Workplace
from .checks import check_results, check_specs

if TYPE_CHECKING:
    from ..orchestration.carry_out import Carried

PARTITIONS = "sources"
SOURCE = AssetKey("source")
RETRIES = 2
FIRST_PAUSE = 60.0  # seconds before the first retry, twice as many before the second

sources = DynamicPartitionsDefinition(name=PARTITIONS)


class SourceConfig(Config):
    """What a person may ask of a run in the launchpad."""

    force: bool = Field(
        default=False,
        description="Convert again even where nothing has changed, and publish the result whatever it lost.",
    )


@asset(
    key=SOURCE,
    partitions_def=sources,
    check_specs=check_specs(SOURCE, sources),
    code_version=__version__,
    group_name="sources",
    kinds={"python"},
    owners=["team:openaddresses"],
    output_required=False,
    description=(
        "One data source: its file in the source repository, downloaded, converted and published. "
        "An unchanged one is materialized again as what it was, with the same data version."
    ),
)
def source(
    context: AssetExecutionContext, config: SourceConfig, workplace: ResourceParam[Workplace]
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """Carries out one run of the data source that the partition key names."""
    yield from run_of(context, workplace, force=config.force)


def run_of(
    context: AssetExecutionContext, workplace: Workplace, *, force: bool = False
) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """One run of the partition, published or proposed, in Dagster's words."""
    from ..orchestration import attempt
    from ..orchestration.carry_out import Order, carry_out
    from ..orchestration.watch import Superseded

    order = Order(
        key=context.partition_key,
        dagster_run_id=context.run.run_id,
        attempt=context.op_execution_context.retry_number,
        force=force,
        final=context.op_execution_context.retry_number >= RETRIES,
        set_id=set_of(context.run.tags),
        job_id=context.run.tags.get(JOB_TAG),
    )
    try:
        # The log's lines go to the run's standard output: a line of context.log is a row of the database.
        carried = carry_out(workplace, order, say=saying(context), echo=functools.partial(print, flush=True))
    except Superseded:
        attempt.leave_if_lost(workplace.ledger())
        raise Failure(
            "Another run of this data source took over, so this one may not publish.", allow_retries=False
        ) from None
    if carried.transient and not order.final:
        context.log.warning(f"{carried.ending.problem}: {carried.ending.detail}; trying again")
        raise RetryRequested(RETRIES, FIRST_PAUSE * 2**context.op_execution_context.retry_number)
    point("dagster.before-materialization")
    yield from told(carried, workplace)
    point("dagster.after-materialization")


def saying(context: AssetExecutionContext) -> Callable[[str], None]:
    """Says a line to whoever looks at the run in Dagster. A database that is away for a moment ends no run."""

    def say(text: str) -> None:
        try:
            context.log.info(text)
        except Exception as error:
            print(f"{text} (which Dagster could not be told: {type(error).__name__})", flush=True)

    return say


def set_of(tags: Mapping[str, str]) -> int | None:
    """The set that asked for the run; None where none did, whatever a person may have written there."""
    number = tags.get(SET_TAG, "")
    return int(number) if number.isdecimal() else None


def told(carried: "Carried", workplace: Workplace) -> Iterator[MaterializeResult[Any] | AssetCheckResult]:
    """A run's end as Dagster's events. Raises Failure, not to be retried, where the source is at fault."""
    from ..ledger.tables import RunStatus
    from .metadata import metadata_of

    ending = carried.ending
    metadata = metadata_of(carried, workplace.store())
    if ending.status is RunStatus.FAILED:
        yield from check_results(carried)
        said = f"{ending.problem}: {ending.detail}" if ending.detail else f"{ending.problem}"
        cure = f" ({ending.cure})" if ending.cure else ""
        raise Failure(f"{said}{cure}", metadata=metadata, allow_retries=False)
    version = ending.data_version
    if ending.status in (RunStatus.SKIPPED, RunStatus.HELD):
        # What was published before stays the latest; without it there is nothing to have a version.
        version = carried.last["data_version"] if carried.last is not None else "skipped"
    yield MaterializeResult(
        metadata=metadata, data_version=DataVersion(version), check_results=list(check_results(carried))
    )
