"""A code location for tests with the schedules as they are, and jobs that do nothing."""

from __future__ import annotations

from dagster import Definitions, job

from oa_pipeline.automation.nightly import nightly_schedules
from oa_pipeline.automation.weekly import set_schedule
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings


@job
def process() -> None:
    """Nothing."""


@job
def index() -> None:
    """Nothing."""


@job
def count() -> None:
    """Nothing."""


@job
def prune() -> None:
    """Nothing."""


@job
def sweep() -> None:
    """Nothing."""


SETTINGS = Settings(sources="somewhere")  # of one's own, so that all are on
JOBS = [index, count, prune, sweep]


class Anew(Workplace):
    """Reads the settings at each question, as tests share this module."""

    @property
    def settings(self) -> Settings:
        return Settings.from_env()


defs = Definitions(
    jobs=[process, *JOBS],
    schedules=[set_schedule(SETTINGS, process), *nightly_schedules(SETTINGS, JOBS)],
    resources={"workplace": Anew()},
)
