"""What an event of GitHub's asks for: a typed wish, or why there is nothing to do. Pure: GitHub is not asked here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .api import pull_of
from .records import Pull

ZEROS = re.compile("0{40}|0{64}")
SHA = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
# A line that begins so, in any case, with or without hyphen and comma: "re-run this, please", "Rerun this please!"
RERUN = re.compile(r"^[ \t]*re-?run this,? please\b", re.IGNORECASE | re.MULTILINE)
APPROVE = re.compile(r"^[ \t]*approve(?: this)?,? please\b", re.IGNORECASE | re.MULTILINE)
TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
NEWCOMERS = frozenset({"NONE", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN"})
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing follows from the event."""

    why: str


@dataclass(frozen=True, slots=True)
class CheckPull:
    """A pull request has a head that is to be checked."""

    pull: Pull


@dataclass(frozen=True, slots=True)
class ClosePull:
    """A pull request was closed; `merged`: into the branch it was for."""

    number: int
    merged: bool
    head_sha: str


@dataclass(frozen=True, slots=True)
class CheckPush:
    """Commits came to a branch of the repository."""

    branch: str
    before: str  # empty: the branch is new
    after: str
    pusher: str
    default: bool  # the default branch


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who may asked for something in a comment on a pull request."""

    number: int
    by: str
    wish: str  # "rerun" or "approve"


Event = CheckPull | ClosePull | CheckPush | Asked | Nothing


class NoEvent(ValueError):  # noqa: N818 - a fact about a payload
    """The payload is not what GitHub sends for an event of this name."""


def event_of(name: str, body: bytes) -> Event:
    """What the delivery of an event of that name asks for. Raises NoEvent."""
    reader = _READERS.get(name)
    if reader is None:
        return Nothing(f"nothing follows from {name}")
    try:
        payload = json.loads(body)
        return reader(payload)
    except NoEvent:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoEvent(f"the payload is no {name}: {type(error).__name__} {error}"[:200]) from error


def _pull_request(payload: Payload) -> Event:
    pull, action = pull_of(payload["pull_request"]), payload["action"]
    if not SHA.fullmatch(pull.head_sha):
        raise NoEvent("the head is no commit")
    if action == "closed":
        return ClosePull(pull.number, pull.merged, pull.head_sha)
    if action not in {"opened", "synchronize", "reopened", "ready_for_review"}:
        return Nothing(f"nothing follows from a pull request that was {action}")
    return CheckPull(pull)


def _push(payload: Payload) -> Event:
    ref, before, after = payload["ref"], payload["before"], payload["after"]
    branch = ref.removeprefix("refs/heads/")
    if branch == ref:
        return Nothing("a tag is no branch")
    if payload.get("deleted") or ZEROS.fullmatch(after):
        return Nothing("the branch was deleted")
    if not SHA.fullmatch(before) or not SHA.fullmatch(after):
        raise NoEvent("the push is not from a commit to another")
    if not payload.get("commits") and not payload.get("head_commit"):
        return Nothing("the push brought no commits")
    default = branch == payload["repository"]["default_branch"]
    pusher = str((payload.get("sender") or payload.get("pusher") or {}).get("login") or "")
    return CheckPush(branch, "" if ZEROS.fullmatch(before) else before, after, pusher, default)


def _issue_comment(payload: Payload) -> Event:
    issue, comment = payload["issue"], payload["comment"]
    if payload["action"] != "created":
        return Nothing("nothing follows from a comment that was edited or deleted")
    if issue.get("pull_request") is None:
        return Nothing("an issue is no pull request")
    body = comment.get("body") or ""
    wish = "rerun" if RERUN.search(body) else "approve" if APPROVE.search(body) else ""
    if not wish:
        return Nothing("the comment asks for nothing")
    if issue.get("state") != "open":
        return Nothing("the pull request is closed")
    who, author = comment["user"]["login"], issue["user"]["login"]
    trusted = comment.get("author_association") in TRUSTED
    if not (trusted or (wish == "rerun" and who == author)):
        return Nothing(f"{who} may not ask for that")
    return Asked(int(issue["number"]), str(who), wish)


_READERS: Mapping[str, Callable[[Payload], Event]] = {
    "pull_request": _pull_request,
    "push": _push,
    "issue_comment": _issue_comment,
}
