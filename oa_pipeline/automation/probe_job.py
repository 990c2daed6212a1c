"""The job `probe`: one Dagster run for each block of a set's members whose publishers are asked."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import Any

from dagster import (
    Failure,
    JobDefinition,
    MetadataValue,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    ResourceParam,
    in_process_executor,
    job,
    op,
)

from ..assets.source import set_of
from ..orchestration.tags import SET_TAG
from ..orchestration.workplace import Workplace


@op(out=Out(Nothing, description="How many data sources were taken up, asked about, unchanged, and are due."))
def ask_publishers(context: OpExecutionContext, workplace: ResourceParam[Workplace]) -> Output[Any]:
    """Asks the publishers of a set's next data sources whether anything has changed."""
    from dataclasses import asdict

    from .probing import Probing

    number = set_of(context.run.tags)
    if number is None:
        raise Failure(
            f"No set is named by the tag {SET_TAG}; the sensor `feed` starts these runs.", allow_retries=False
        )
    done = Probing(workplace, context.instance, number, context.run.run_id, say=context.log.info).block()
    context.log.info(f"set {number}, {done}")
    return Output(None, metadata={name: MetadataValue.int(count) for name, count in asdict(done).items()})


def probe_job(workplace: Workplace) -> JobDefinition:
    """The job, with its workplace: where Dagster has to supply it, it makes the sensor anew, with a warning."""

    @job(
        name="probe",
        executor_def=in_process_executor,
        resource_defs={"workplace": workplace},
        description="Asks publishers whether anything has changed, for the open set. Started by the sensor `feed`.",
    )
    def probe() -> None:
        ask_publishers()

    return probe
