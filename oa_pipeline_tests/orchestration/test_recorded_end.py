"""A process that dies after its run's end was recorded, and before the run's status was: the end is not told again."""

from __future__ import annotations

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus, job
from dagster._core.events import JobFailureData, RunFailureReason

from oa_pipeline.orchestration.dagster_private import execute


@job
def nothing_to_do() -> None:
    """It would have to be found to be carried out."""


def ends_of(instance: DagsterInstance, run_id: str) -> list[str]:
    wanted = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE}
    found = instance.get_records_for_run(run_id, of_type=wanted).records
    return [one.event_log_entry.dagster_event_type.value for one in found if one.event_log_entry.dagster_event_type]


def test_a_recorded_end_becomes_the_status_and_is_not_told_again() -> None:
    with DagsterInstance.ephemeral() as instance:
        for event_type, data, exit_status, status in (
            (DagsterEventType.RUN_SUCCESS, None, 0, DagsterRunStatus.SUCCESS),
            (
                DagsterEventType.RUN_FAILURE,
                JobFailureData(error=None, failure_reason=RunFailureReason.UNKNOWN),
                1,
                DagsterRunStatus.FAILURE,
            ),
        ):
            run = instance.create_run_for_job(nothing_to_do, status=DagsterRunStatus.STARTED)
            event = DagsterEvent(event_type.value, "nothing_to_do", event_specific_data=data)
            instance.report_dagster_event(event, run.run_id)
            instance.run_storage.handle_run_event(  # as it was when the process died
                run.run_id, DagsterEvent(DagsterEventType.RUN_START.value, "nothing_to_do")
            )
            assert execute(instance, run.run_id, resume=True) == exit_status
            assert ends_of(instance, run.run_id) == [event_type.value]
            found = instance.get_run_by_id(run.run_id)
            assert found is not None
            assert found.status is status
