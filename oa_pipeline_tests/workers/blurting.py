"""A code location for tests that says all its secrets, in every way there is: when it is loaded and when it runs."""

# Annotations are not postponed here: Dagster reads those of ops as they are.
import logging
import os
import sys
import warnings
from urllib.parse import quote, unquote

from dagster import Definitions, OpExecutionContext, in_process_executor, job, op

SENTINEL = "sentinel"


def secrets() -> str:
    """What careless error messages repeat; the last words are no secret."""
    held = [f"{name} is {value}" for name, value in sorted(os.environ.items()) if SENTINEL in value]
    coded = [form for value in os.environ.values() if SENTINEL in value for form in (quote(value), unquote(value))]
    return "; ".join([*held, *coded, "and that is all"])


def blurt(where: str) -> None:
    said = f"{where}: {secrets()}"
    print(said)
    print(said, file=sys.stderr)
    logging.getLogger("careless").error(said)
    warnings.warn(said, stacklevel=1)


@op(config_schema={"folder": str})
def succeed(context: OpExecutionContext) -> None:
    blurt("in a run that succeeds")


@op(config_schema={"folder": str})
def fail(context: OpExecutionContext) -> None:
    blurt("in a run that fails")
    context.log.error(secrets())
    raise RuntimeError(secrets())


@job(executor_def=in_process_executor)
def good() -> None:
    succeed()


@job(executor_def=in_process_executor)
def bad() -> None:
    fail()


if "pytest" not in sys.modules:
    blurt("on being loaded")
if os.environ.get("DAGSTER_HOME", "").endswith("unusable"):
    raise RuntimeError(secrets())
defs = Definitions(jobs=[good, bad])
