"""A code location for tests: jobs that end at once, wait, will not listen, die, or hold a run of the ledger."""

# Annotations are not postponed here: Dagster reads those of ops as they are.
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from dagster import Definitions, OpExecutionContext, in_process_executor, job, op

WAIT = 300.0


def note(folder: str, name: str) -> None:
    with (Path(folder) / name).open("a") as file:
        file.write(f"{os.getpid()}\n")


def until(path: Path) -> None:
    end = time.monotonic() + WAIT
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.05)


@op(config_schema={"folder": str})
def end_at_once(context: OpExecutionContext) -> None:
    note(context.op_config["folder"], "started")
    note(context.op_config["folder"], f"run-{context.run_id}")
    note(context.op_config["folder"], f"parent-{os.getppid()}")


@op(config_schema={"folder": str})
def wait(context: OpExecutionContext) -> None:
    """Until there is a file `go`."""
    note(context.op_config["folder"], "started")
    until(Path(context.op_config["folder"]) / "go")


@op(config_schema={"folder": str})
def will_not_listen(context: OpExecutionContext) -> None:
    end = time.monotonic() + WAIT
    note(context.op_config["folder"], "started")
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except BaseException:
            note(context.op_config["folder"], "asked")


@op(config_schema={"folder": str})
def die(context: OpExecutionContext) -> None:
    note(context.op_config["folder"], "started")
    os.kill(os.getpid(), signal.SIGKILL)


@op(config_schema={"folder": str})
def hold_a_run(context: OpExecutionContext) -> None:
    """Opens the ledger's run, waits for `go-<token>`, and ends it: accepted or refused."""
    from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
    from oa_pipeline.ledger.tables import RunStatus
    from oa_pipeline.orchestration import attempt
    from oa_pipeline.orchestration.workplace import Workplace

    folder, engine = context.op_config["folder"], Workplace().ledger()
    ticket = open_run(engine, Opening("x/addresses/y", context.run_id), now=datetime.now(UTC))
    note(folder, f"opened-{ticket.token}")
    until(Path(folder) / f"go-{ticket.token}")
    good = end_run(engine, ticket, Ending(RunStatus.SUCCEEDED, datetime.now(UTC)))
    note(folder, f"{'accepted' if good else 'refused'}-{ticket.token}")
    if not good:
        attempt.leave_if_lost(engine)
        raise RuntimeError("refused")


OPS = {"quick": end_at_once, "waiting": wait, "stubborn": will_not_listen, "dying": die, "holding": hold_a_run}


def as_job(name: str) -> object:
    @job(name=name, executor_def=in_process_executor)
    def one() -> None:
        OPS[name]()

    return one


defs = Definitions(jobs=[as_job(name) for name in OPS])  # type: ignore[misc]
