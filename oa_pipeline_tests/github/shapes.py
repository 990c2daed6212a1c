"""GitHub's JSON objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .objects import BEGINNING, Change

if TYPE_CHECKING:
    from .fake import FakeGitHub, Pull


def repository(github: FakeGitHub, name: str = "") -> dict[str, Any]:
    name = name or github.repository
    owner, _, short = name.partition("/")
    return {
        "id": 1,
        "name": short,
        "full_name": name,
        "owner": {"login": owner},
        "default_branch": github.default_branch,
        "url": f"{github.url}/repos/{name}",
        "private": False,
    }


def commit(github: FakeGitHub, sha: str) -> dict[str, Any]:
    held = github.objects.commits[sha]
    base = f"{github.url}/repos/{github.repository}"
    who = {"name": "Somebody", "email": "somebody@example.com", "date": held.date}
    return {
        "sha": sha,
        "url": f"{base}/commits/{sha}",
        "commit": {
            "message": held.message,
            "author": who,
            "committer": who,
            "tree": {"sha": held.tree, "url": f"{base}/git/trees/{held.tree}"},
        },
        "parents": [{"sha": parent, "url": f"{base}/commits/{parent}"} for parent in held.parents],
    }


def pull_request(github: FakeGitHub, pull: Pull) -> dict[str, Any]:
    fork = repository(github, pull.repository) if pull.repository else None
    updated = datetime.fromtimestamp(BEGINNING + 10_000 + pull.updated, UTC)
    base = f"{github.url}/repos/{github.repository}"
    return {
        "number": pull.number,
        "state": pull.state,
        "draft": pull.draft,
        "merged": pull.merge_commit is not None,
        "merge_commit_sha": pull.merge_commit,
        "title": f"Proposal {pull.number}",
        "url": f"{base}/pulls/{pull.number}",
        "issue_url": f"{base}/issues/{pull.number}",
        "comments_url": f"{base}/issues/{pull.number}/comments",
        "user": {"login": pull.author},
        "author_association": pull.association,
        "updated_at": f"{updated:%Y-%m-%dT%H:%M:%SZ}",
        "created_at": "2026-01-01T00:00:00Z",
        "head": {"ref": pull.branch, "sha": pull.head, "repo": fork, "label": f"{pull.author}:{pull.branch}"},
        "base": {"ref": pull.base, "sha": github.branches[pull.base], "repo": repository(github)},
        "changed_files": len(pull_files(github, pull)),
    }


def pull_files(github: FakeGitHub, pull: Pull) -> list[dict[str, Any]]:
    base = github.objects.merge_base(github.branches[pull.base], pull.head)
    return [file(each) for each in github.objects.changes(base, pull.head)] if base else []


def file(change: Change) -> dict[str, Any]:
    found = {"filename": change.path, "status": change.status, "sha": change.sha, "additions": 1, "deletions": 1}
    return found | ({"previous_filename": change.previous} if change.previous else {})


def comparison(github: FakeGitHub, base: str, head: str) -> dict[str, Any] | None:
    """Without its pages."""
    found = github.objects.merge_base(base, head)
    if found is None:
        return None
    ahead = [sha for sha in github.objects.ancestors(head) if sha not in set(github.objects.ancestors(base))]
    behind = [sha for sha in github.objects.ancestors(base) if sha not in set(github.objects.ancestors(head))]
    words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind", (False, False): "identical"}
    return {
        "url": f"{github.url}/repos/{github.repository}/compare/{base}...{head}",
        "status": words[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "base_commit": commit(github, base),
        "merge_base_commit": commit(github, found),
        "commits": [commit(github, sha) for sha in reversed(ahead)],
        "files": [file(each) for each in github.objects.changes(found, head)][:300],
    }
