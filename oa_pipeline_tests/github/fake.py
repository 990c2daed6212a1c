"""A GitHub on 127.0.0.1 that behaves: one repository with its forks, pull requests, statuses, comments and check runs.

A test changes it by its methods, as people do on GitHub, and our programs meet it over HTTP only.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request as Sent
from urllib.request import urlopen

import pytest

from oa_pipeline.web.hook.signatures import signature
from oa_pipeline_tests.servers import Request, Response, serve

from .faults import Fault
from .oauth import OAuth
from .objects import Content, Objects

TOKEN = "fake-token-0123456789"
BOT = "oa-machine[bot]"
REPOSITORY = "openaddresses/openaddresses"


@dataclass
class Pull:
    """A pull request."""

    number: int
    branch: str
    base: str
    author: str
    association: str
    repository: str | None  # the fork's; None: it was deleted
    head: str
    draft: bool = False
    state: str = "open"
    merge_commit: str | None = None
    updated: int = 0


@dataclass
class FakeGitHub:
    """All that GitHub knows."""

    repository: str = REPOSITORY
    default_branch: str = "master"
    objects: Objects = field(default_factory=Objects)
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    limit: int = 5000
    used: int = 0
    only_one_comment: bool = False
    largest_tree: int = 100_000
    oauth: OAuth = field(default_factory=OAuth)
    url: str = ""

    def __post_init__(self) -> None:
        self.branches[self.default_branch] = self.objects.commit({"README.md": "sources\n"}, message="the first")

    # what people do

    @property
    def head(self) -> str:
        """The default branch's newest commit."""
        return self.branches[self.default_branch]

    def push(
        self, changes: Mapping[str, Content], branch: str = "", *, since: str = "", message: str = "a change"
    ) -> str:
        """A commit on a branch, which is made from `since` (else the default branch) where there is none."""
        branch = branch or self.default_branch
        parent = since or self.branches.get(branch, self.head)
        self.branches[branch] = self.objects.commit(changes, [parent], message)
        return self.branches[branch]

    def open_pull(
        self,
        changes: Mapping[str, Content],
        *,
        author: str = "contributor",
        association: str = "CONTRIBUTOR",
        fork: bool = True,
        draft: bool = False,
        since: str = "",
    ) -> Pull:
        """A pull request of one commit on top of the default branch (or of `since`)."""
        number = 100 + len(self.pulls) + 1
        head = self.objects.commit(changes, [since or self.head], "a proposal")
        repository = f"{author}/{self.repository.partition('/')[2]}" if fork else self.repository
        pull = Pull(number, f"proposal-{number}", self.default_branch, author, association, repository, head, draft)
        self.pulls[number] = pull
        return pull

    def push_to(self, pull: Pull, changes: Mapping[str, Content], *, force: bool = False) -> str:
        """Another commit; `force`: in the place of those that were there."""
        parent = self.objects.merge_base(self.head, pull.head) if force else pull.head
        assert parent is not None
        pull.head = self.objects.commit(changes, [parent], "a better proposal")
        pull.updated += 1
        return pull.head

    def merge(self, pull: Pull) -> str:
        """Merges it into the default branch."""
        base = self.objects.merge_base(self.head, pull.head)
        assert base is not None
        theirs, ours = self.objects.files[pull.head], self.objects.files[base]
        changes: dict[str, Content] = {}
        for path in theirs.keys() | ours.keys():
            if theirs.get(path) != ours.get(path):
                entry = theirs.get(path)
                changes[path] = None if entry is None else self.objects.raw[entry[1]][1]
        sha = self.objects.commit(changes, [self.head, pull.head], f"Merge pull request #{pull.number}")
        self.branches[self.default_branch] = pull.merge_commit = sha
        pull.state = "closed"
        return sha

    def close(self, pull: Pull) -> None:
        pull.state = "closed"

    def delete_fork(self, pull: Pull) -> None:
        pull.repository = None

    def comment(self, pull: Pull, body: str, *, author: str = "somebody", association: str = "NONE") -> dict[str, Any]:
        """A comment by a person."""
        held = self.comments.setdefault(pull.number, [])
        number = 9000 + sum(map(len, self.comments.values()))
        held.append(
            {
                "id": number,
                "body": body,
                "user": {"login": author},
                "author_association": association,
                "url": f"{self.url}/repos/{self.repository}/issues/comments/{number}",
            }
        )
        return held[-1]

    # what GitHub tells us

    def event(self, name: str, **facts: Any) -> tuple[str, dict[str, Any]]:
        """An event's name and its payload, as GitHub words it."""
        return name, {"repository": {"full_name": self.repository, "default_branch": self.default_branch}, **facts}

    def pull_event(self, pull: Pull, action: str = "opened") -> tuple[str, dict[str, Any]]:
        from .shapes import pull_request

        return self.event(
            "pull_request",
            action=action,
            number=pull.number,
            pull_request=pull_request(self, pull),
            sender={"login": pull.author},
        )

    def push_event(self, before: str, branch: str = "") -> tuple[str, dict[str, Any]]:
        """A push that brought the branch from `before` to where it is."""
        branch = branch or self.default_branch
        after = self.branches.get(branch, "0" * 40)
        changes = (
            self.objects.changes(before, after)
            if after in self.objects.commits and before in self.objects.commits
            else []
        )
        lists: dict[str, list[str]] = {"added": [], "modified": [], "removed": []}
        for change in changes:
            lists["added" if change.status == "renamed" else change.status].append(change.path)
            if change.previous:
                lists["removed"].append(change.previous)
        head = {"id": after, "timestamp": "2026-01-01T00:00:00Z", **lists} if set(after) != {"0"} else None
        return self.event(
            "push",
            ref=f"refs/heads/{branch}",
            before=before,
            after=after,
            deleted=head is None,
            created=set(before) == {"0"},
            forced=False,
            commits=[head] if head else [],
            head_commit=head,
            pusher={"name": "somebody"},
            sender={"login": "somebody"},
        )

    def comment_event(
        self, pull: Pull, comment: Mapping[str, Any], action: str = "created"
    ) -> tuple[str, dict[str, Any]]:
        issue = {"number": pull.number, "user": {"login": pull.author}, "state": pull.state, "pull_request": {}}
        return self.event("issue_comment", action=action, issue=issue, comment=dict(comment), sender=comment["user"])

    def deliver(
        self, event: tuple[str, Mapping[str, Any]], hook: str, secret: str, *, guid: str = ""
    ) -> tuple[int, str]:
        """Sends an event to a webhook, signed. Returns the answer's status and the delivery's id."""
        name, payload = event
        body, guid = json.dumps(payload).encode(), guid or str(uuid.uuid4())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/fake",
            "X-GitHub-Event": name,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signature(secret, body),
        }
        with urlopen(Sent(hook, body, headers), timeout=120) as answer:
            return answer.status, guid

    # what it answers

    def answer(self, request: Request) -> Response:
        """An answer to a request of our programs."""
        from .routes import answer

        self.requests.append(request)
        return self.oauth.answer(request) or answer(self, request)


@contextmanager
def fake_github(**facts: Any) -> Iterator[FakeGitHub]:
    """A running GitHub. It shares this process with whoever asks it here, so that it is waited for longer."""
    github = FakeGitHub(**facts)
    with serve(github.answer) as server, pytest.MonkeyPatch.context() as patch:
        for asking in ("api", "signin"):
            patch.setattr(f"oa_pipeline.github.{asking}.SECONDS", 120)
        github.url = server.url
        yield github
