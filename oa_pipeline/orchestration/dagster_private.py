"""All that we use of Dagster beyond its public interface, in one place, so that an upgrade has one place to look.

Each entry has a test that fails when the installed Dagster no longer offers it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType as InstigatorType
from dagster._core.launcher.base import CheckRunHealthResult as CheckRunHealthResult
from dagster._core.launcher.base import LaunchRunContext as LaunchRunContext
from dagster._core.launcher.base import ResumeRunContext as ResumeRunContext
from dagster._core.launcher.base import RunLauncher as RunLauncher
from dagster._core.launcher.base import WorkerStatus as WorkerStatus
from dagster._core.run_coordinator.base import SubmitRunContext as SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator as QueuedRunCoordinator
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig as RunQueueConfig
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunsTable as RunsTable
from dagster._core.storage.sql import create_engine
from dagster._core.storage.tags import GRPC_INFO_TAG as GRPC_INFO_TAG
from dagster._serdes import ConfigurableClass as ConfigurableClass
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage as DagsterPostgresStorage

from ..errors import SettingsError
from ..ledger.masking import mask_writes

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

# What Dagster's storage says, to the root logger, each time that the database did not answer, with the whole error.
RETRYING = "Retrying failed database connection: %s"
POOL = {"pool_size": 1, "max_overflow": 20, "pool_recycle": 300, "pool_pre_ping": True}


def pool_connections(storage: DagsterPostgresStorage) -> None:
    """Gives the three parts of a PostgreSQL storage engines that keep one tested connection each and write no secret.

    Also replaces what the webserver does to the same end, whose pool hands out dead connections after a restart.
    """
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        _pool(part, statement_timeout=0)
        part.optimize_for_webserver = _optimiser(part)  # type: ignore[method-assign]


def _optimiser(part: Any) -> Any:
    def optimize_for_webserver(statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        _pool(part, statement_timeout=statement_timeout)

    return optimize_for_webserver


def _pool(part: Any, *, statement_timeout: int) -> None:
    former: sa.Engine = part._engine
    given = former.url.query.get("options")
    options = f"{given or ''} -c statement_timeout={statement_timeout}".strip()
    part._engine = create_engine(
        part.postgres_url,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": options, "application_name": "oa_dagster"},
        **POOL,
    )
    mask_writes(part._engine)
    former.dispose()


def require_postgres(instance: DagsterInstance) -> None:
    """Raises SettingsError where the instance keeps its events anywhere but in PostgreSQL."""
    from dagster_postgres import PostgresEventLogStorage

    if not isinstance(instance.event_log_storage, PostgresEventLogStorage):
        raise SettingsError(
            f"Dagster keeps its events in a {type(instance.event_log_storage).__name__}, not in PostgreSQL",
            cure="use the dagster.yaml of this project",
        )


def run_connection(instance: DagsterInstance) -> AbstractContextManager[sa.Connection]:
    """A connection to Dagster's table of runs; each statement is its own transaction."""
    storage: Any = instance.run_storage
    return cast("AbstractContextManager[sa.Connection]", storage.connect())


def event_connection(instance: DagsterInstance) -> AbstractContextManager[sa.Connection]:
    """A connection to Dagster's event log; each statement is its own transaction."""
    storage: Any = instance.event_log_storage
    return cast("AbstractContextManager[sa.Connection]", storage.index_connection())


def newest_storage_version() -> str:
    """The version of its tables in PostgreSQL that the installed Dagster needs."""
    from alembic.script import ScriptDirectory
    from dagster_postgres.run_storage import run_storage
    from dagster_postgres.utils import pg_alembic_config

    (head,) = ScriptDirectory.from_config(pg_alembic_config(run_storage.__file__)).get_heads()
    return head


def instance_ref(folder: str) -> InstanceRef:
    """What dagster.yaml in this folder says, without connecting to anything: safe to have before a fork."""
    from dagster._core.instance.ref import InstanceRef

    return InstanceRef.from_dir(folder)


def instance_of(ref: InstanceRef) -> DagsterInstance:
    """The instance, with connections of its own: for after the fork."""
    from dagster import DagsterInstance

    return DagsterInstance.from_ref(ref)


def execute(instance: DagsterInstance, run_id: str, *, resume: bool) -> int:
    """Carries a launched run out in this process, as `dagster api execute_run` and `resume_run` do; an exit status."""
    from dagster._cli.api import _execute_run_command_body, _resume_run_command_body
    from dagster._utils.interrupts import capture_interrupts

    if resume and (status := _recorded_end(instance, run_id)) is not None:
        return status
    body = _resume_run_command_body if resume else _execute_run_command_body
    with capture_interrupts():
        return int(body(run_id, instance, lambda _event: None, set_exit_code_on_failure=True))


def _recorded_end(instance: DagsterInstance, run_id: str) -> int | None:
    """The exit status of a run that died between its end's event and its status, which follows now; None: it goes on.

    Dagster stores the two one after the other.
    """
    from dagster import DagsterEventType

    ends = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE}
    found = instance.get_records_for_run(run_id, of_type=ends, limit=1).records
    event = found[0].event_log_entry.dagster_event if found else None
    if event is None:
        return None
    instance.run_storage.handle_run_event(run_id, event)
    return 0 if event.event_type is DagsterEventType.RUN_SUCCESS else 1


def load_location(module: str) -> None:
    """Loads the definitions of a code location as a run would, so that runs forked from here find them loaded."""
    from dagster._core.code_pointer import CodePointer
    from dagster._core.definitions.reconstruct import ReconstructableRepository
    from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

    folder = str(Path.cwd())
    for target in loadable_targets_from_python_module(module, working_directory=folder):
        pointer = CodePointer.from_module(module, target.attribute, working_directory=folder)
        repository = ReconstructableRepository(pointer).get_definition()
        for job in repository.get_all_jobs():
            assert job.name
