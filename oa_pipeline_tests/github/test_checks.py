"""Check runs in place of statuses: begun once, with each remark once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import SettingsError
from oa_pipeline.github.api import GitHub
from oa_pipeline.github.checks import annotations_of, check_of
from oa_pipeline.github.jobs import approve
from oa_pipeline.ledger import jobs
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.tables import JobStatus, RunStatus
from oa_pipeline.settings import Settings

from . import faults
from .fake import FakeGitHub
from .faults import Fault
from .reports import file, finding, job
from .test_outgoing import KEYS, PATH, Desk


@pytest.fixture
def desk(github: FakeGitHub, api: GitHub, engine: sa.Engine) -> Desk:
    desk = Desk(github, api, engine)
    desk.settings = replace(desk.settings, github_checks=True, github_app_id="1")
    return desk


def remarks(count: int) -> list[dict[str, Any]]:
    return [file(PATH, "invalid", "", *(finding(n + 1, f"layers[{n}]", "is wrong", "mend it") for n in range(count)))]


def with_files(desk: Desk, job_id: str, files: list[dict[str, Any]]) -> None:
    in_transaction(desk.engine, lambda c: jobs.change(c, job_id, files=files))


def test_a_check_run_takes_the_place_of_statuses(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job_id = desk.job(pull)
    desk.pay("what is known")
    (check,) = desk.github.checks
    assert (check["name"], check["head_sha"], check["status"]) == ("openaddresses/hooked", pull.head, "in_progress")
    assert check["output"] == {"title": f"Checking {PATH}", "summary": f"what is known of {job_id}"}

    for key in KEYS:
        desk.end(job_id, key, RunStatus.SUCCEEDED)
        desk.pay()

    (check,) = desk.github.checks
    assert (check["status"], check["conclusion"]) == ("completed", "success")
    assert check["details_url"] == f"https://results.example/jobs/{job_id}"
    assert desk.github.statuses == {}
    assert len(desk.github.comments[pull.number]) == 1


@pytest.mark.parametrize("count", [1, 50, 120])
def test_each_finding_is_remarked_on_once_however_often_the_check_changes(desk: Desk, count: int) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job_id = desk.job(pull)
    with_files(desk, job_id, remarks(count))
    desk.pay()
    for key in KEYS:
        desk.end(job_id, key, RunStatus.SUCCEEDED)
        desk.pay()

    (check,) = desk.github.checks
    assert check["conclusion"] == "failure"
    assert [each["start_line"] for each in check["annotations"]] == list(range(1, count + 1))
    assert {each["path"] for each in check["annotations"]} == {PATH}


@pytest.mark.parametrize(("method", "below"), [("POST", "/check-runs"), ("PATCH", "/check-runs/")])
def test_an_answer_that_was_lost_begins_no_second_check_and_repeats_no_remark(
    desk: Desk, method: str, below: str
) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job_id = desk.job(pull)
    with_files(desk, job_id, remarks(70))
    desk.github.faults.append(Fault(faults.reply_lost, method=method, below=below))

    first = desk.pay()
    assert first.until is not None
    desk.now = first.until
    desk.pay()

    (check,) = desk.github.checks
    assert [each["start_line"] for each in check["annotations"]] == list(range(1, 71))
    held = jobs.job(desk.engine, job_id)
    assert held is not None
    assert held["check_id"] == check["id"]


def test_a_job_that_waits_asks_for_action_and_begins_another_check_once_approved(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job_id = desk.job(pull)
    waits = {"status": JobStatus.WAITING.value, "trusted": False, "detail": "Waits for approval: 12 data sources"}
    in_transaction(desk.engine, lambda c: jobs.change(c, job_id, **waits))
    from oa_pipeline.github.jobs import reassert

    in_transaction(desk.engine, lambda c: reassert(c, desk.settings, job_id, now=desk.now))
    desk.pay()
    assert desk.github.checks[-1]["conclusion"] == "action_required"

    in_transaction(desk.engine, lambda c: approve(c, desk.settings, pull.number, by="owner", now=desk.now))
    desk.pay()

    asked, begun = desk.github.checks
    assert (asked["conclusion"], begun["status"]) == ("action_required", "in_progress")
    assert "conclusion" not in begun


@pytest.mark.parametrize(
    ("status", "detail", "stands"),
    [
        ("pending", "", ("in_progress", None)),
        ("failing", "", ("completed", "failure")),
        ("failure", "", ("completed", "failure")),
        ("error", "", ("completed", "failure")),
        ("success", "", ("completed", "success")),
        ("success", "Too many files: more than 300", ("completed", "neutral")),
        ("nothing", "", ("completed", "neutral")),
        ("waiting", "Waits for approval", ("completed", "action_required")),
    ],
)
def test_each_state_has_its_conclusion(status: str, detail: str, stands: tuple[str, str | None]) -> None:
    check = check_of(job(status, detail=detail), [], public_url="https://results.example")

    assert check is not None
    assert (check["status"], check.get("conclusion")) == stands


def test_of_a_cancelled_job_nothing_is_said() -> None:
    assert check_of(job("cancelled"), [], public_url="https://results.example") is None


def test_remarks_are_one_line_of_bearable_length() -> None:
    found = finding(0, "w" * 5000, "m\n\u202e" * 5000, "c" * 5000, "warning")
    (remark,) = annotations_of(job("failure", [file(PATH, "changed", "", found)]))

    assert (remark.line, remark.level) == (1, "warning")
    assert len(remark.message) <= 2000
    assert len(remark.title) <= 200
    assert "\n" not in remark.message + remark.title


def test_a_path_that_is_not_whole_gets_no_remark() -> None:
    assert annotations_of(job("failure", [file("x" * 200 + "…", "invalid", "", finding(1, "a", "b", "c"))])) == []


def test_checks_without_a_github_app_are_refused() -> None:
    with pytest.raises(SettingsError, match="GitHub App"):
        GitHub.from_settings(Settings(github_checks=True, github_token="t"))
