"""What follows from which event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from oa_pipeline.github.events import Asked, CheckPull, CheckPush, ClosePull, Event, NoEvent, Nothing, event_of

from .fake import FakeGitHub, fake_github


@pytest.fixture(scope="module")
def world() -> Iterator[FakeGitHub]:
    with fake_github() as github:
        yield github


def read(event: tuple[str, Any], **changed: Any) -> Event:
    name, payload = event
    return event_of(name, json.dumps({**payload, **changed}).encode())


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review"])
@pytest.mark.parametrize("draft", [False, True])
def test_a_pull_requests_head_is_checked_draft_or_not(world: FakeGitHub, action: str, draft: bool) -> None:
    pull = world.open_pull({"a": "1"}, draft=draft, association="FIRST_TIMER")

    found = read(world.pull_event(pull, action))

    assert isinstance(found, CheckPull)
    assert (found.pull.number, found.pull.head_sha, found.pull.association) == (pull.number, pull.head, "FIRST_TIMER")


@pytest.mark.parametrize("action", ["labeled", "edited", "assigned", "converted_to_draft"])
def test_other_things_that_happen_to_a_pull_request_start_nothing(world: FakeGitHub, action: str) -> None:
    assert isinstance(read(world.pull_event(world.open_pull({"a": "1"}), action)), Nothing)


def test_a_closed_one_says_whether_it_was_merged(world: FakeGitHub) -> None:
    merged, closed = world.open_pull({"b": "1"}), world.open_pull({"c": "1"})
    world.merge(merged)
    world.close(closed)

    assert read(world.pull_event(merged, "closed")) == ClosePull(merged.number, True, merged.head)
    assert read(world.pull_event(closed, "closed")) == ClosePull(closed.number, False, closed.head)


def test_a_deleted_fork_is_no_obstacle(world: FakeGitHub) -> None:
    pull = world.open_pull({"a": "2"})
    world.delete_fork(pull)

    found = read(world.pull_event(pull))

    assert isinstance(found, CheckPull)
    assert found.pull.head_repository == ""


def test_a_push_says_from_where_to_where(world: FakeGitHub) -> None:
    before = world.head
    after = world.push({"a": "3"})

    assert read(world.push_event(before)) == CheckPush("master", before, after, "somebody", True)
    branch = world.push({"a": "4"}, "a/branch")
    assert read(world.push_event("0" * 40, "a/branch")) == CheckPush("a/branch", "", branch, "somebody", False)


def test_deleted_branches_tags_and_empty_pushes_start_nothing(world: FakeGitHub) -> None:
    before = world.head
    assert isinstance(read(world.push_event(before, "no-such-branch")), Nothing)
    assert isinstance(read(world.push_event(before), ref="refs/tags/v1"), Nothing)
    assert isinstance(read(world.push_event(before), commits=[], head_commit=None), Nothing)


SPELLINGS = [
    "re-run this, please", "rerun this please", "Re-Run This, Please!", "RERUN THIS PLEASE", "rerun this, please.",
    "The server is back.\r\n\r\nRe-run this please", "  re-run this please",
]  # fmt: skip
OTHER_WORDS = [
    "please re-run this",
    "> re-run this, please",
    "rerun this pleaseX",
    "re run this please",
    "",
    "rerun that please",
]


@pytest.mark.parametrize("body", SPELLINGS)
def test_every_spelling_of_the_wish_is_understood(world: FakeGitHub, body: str) -> None:
    pull = world.open_pull({"a": "5"})
    comment = world.comment(pull, body, author="maintainer", association="MEMBER")

    assert read(world.comment_event(pull, comment)) == Asked(pull.number, "maintainer", "rerun")


@pytest.mark.parametrize("body", OTHER_WORDS)
def test_other_words_are_no_wish(world: FakeGitHub, body: str) -> None:
    pull = world.open_pull({"a": "5"})
    comment = world.comment(pull, body, author="maintainer", association="MEMBER")

    assert isinstance(read(world.comment_event(pull, comment)), Nothing)


MAY = [
    ("contributor", "NONE", "re-run this, please", True),  # the pull request's own author
    ("stranger", "NONE", "re-run this, please", False),
    ("stranger", "CONTRIBUTOR", "re-run this, please", False),
    ("owner", "OWNER", "re-run this, please", True),
    ("helper", "COLLABORATOR", "re-run this, please", True),
    ("helper", "COLLABORATOR", "approve, please", True),
    ("contributor", "NONE", "approve, please", False),  # nobody approves of himself
]


@pytest.mark.parametrize(("who", "association", "body", "may"), MAY)
def test_only_those_who_may_are_heard(world: FakeGitHub, who: str, association: str, body: str, may: bool) -> None:
    pull = world.open_pull({"a": "6"}, author="contributor")
    comment = world.comment(pull, body, author=who, association=association)

    assert isinstance(read(world.comment_event(pull, comment)), Asked) is may


def test_comments_on_issues_closed_ones_and_edits_start_nothing(world: FakeGitHub) -> None:
    pull = world.open_pull({"a": "7"})
    event = world.comment_event(pull, world.comment(pull, "re-run this, please", author="o", association="OWNER"))
    issue = event[1]["issue"]

    assert isinstance(read(event, issue={k: v for k, v in issue.items() if k != "pull_request"}), Nothing)
    assert isinstance(read(event, issue={**issue, "state": "closed"}), Nothing)
    assert isinstance(read(event, action="edited"), Nothing)
    assert isinstance(read(event, action="deleted"), Nothing)


@pytest.mark.parametrize("name", ["ping", "pull_request_review", "star"])
def test_events_that_nobody_reads_start_nothing(name: str) -> None:
    assert isinstance(event_of(name, b"{}"), Nothing)


@pytest.mark.parametrize("name", ["pull_request", "push", "issue_comment"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"action": "opened", "pull_request": 7}', b"[" * 9999])
def test_a_payload_that_is_no_such_event_is_told(name: str, body: bytes) -> None:
    with pytest.raises(NoEvent):
        event_of(name, body)
