"""How long a run may take, whoever sees to it."""

from __future__ import annotations

import re

import pytest
import yaml

from oa_pipeline.automation import lost
from oa_pipeline.automation.sensors import LOST_SECONDS
from oa_pipeline.orchestration.deadline import MARGIN, deadline_of
from oa_pipeline.orchestration.instance import with_workers
from oa_pipeline.settings import Settings

TWO_MINUTES = 120
MONITORING = yaml.safe_load(with_workers())["run_monitoring"]
LAUNCHER = yaml.safe_load(with_workers())["run_launcher"]["config"]


def test_a_pull_requests_run_has_less_time_than_one_of_the_default_branch() -> None:
    settings = Settings()
    assert deadline_of(settings, pull_request=True).seconds == 3600
    assert deadline_of(settings, pull_request=False).seconds == 9 * 3600
    assert deadline_of(settings, pull_request=True).setting == "OA_PULL_REQUEST_DEADLINE_SECONDS"


def test_run_monitoring_comes_a_little_after_a_runs_own_deadline() -> None:
    assert MONITORING["max_runtime_seconds"] == Settings().deadline_seconds + MARGIN


@pytest.mark.parametrize(
    ("what", "seconds"),
    [
        ("a silent worker's run is resumed or failed", MONITORING["poll_interval_seconds"]),
        ("... and its end is in the ledger", MONITORING["poll_interval_seconds"] + LOST_SECONDS),
        (
            "a cancelled run that nobody interrupts is cancelled in both",
            MONITORING["cancel_timeout_seconds"] + MONITORING["poll_interval_seconds"] + LOST_SECONDS,
        ),
        ("a run that no worker has taken up again is lost", LOST_SECONDS),
        ("a run of the default launcher is failed at the second look", 2 * LOST_SECONDS),
    ],
    ids=lambda value: re.sub(r"\W+", " ", value).strip() if isinstance(value, str) else "",
)
def test_with_the_settings_that_are_shipped_what_is_lost_ends_within_two_minutes(what: str, seconds: float) -> None:
    assert seconds <= TWO_MINUTES, what


def test_nobody_is_called_lost_for_less_silence_than_three_beats() -> None:
    assert LAUNCHER["heartbeat_timeout_seconds"] >= 3 * 20
    assert lost.SILENCE.total_seconds() / 2 >= 3 * 20
