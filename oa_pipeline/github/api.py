"""Every call to GitHub's API, over PyGithub's requester: authorization, redirects and app tokens are its work.

No call waits for a limit to pass or tries again: what GitHub asks for is in GitHubError, and whoever called comes back.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import SettingsError
from ..known_secrets import learn, lines_of
from ..settings import Settings
from ..text import one_line
from .records import Annotation, Changed, Comment, Comparison, Entry, GitHubError, Head, Pull

if TYPE_CHECKING:
    from github import Github

SECONDS = 10  # for an answer to begin, and between its parts
PAGE = 100
MOST_PAGES = 100
MOST_FILES = 3000  # GitHub lists no more of a pull request
MOST_COMPARED = 300  # and no more of a comparison
MOST_ANNOTATIONS = 50  # a request
SECONDARY_SECONDS = 60.0  # what GitHub asks to wait at least where it names no time
RIGHTS: Mapping[str, str] = {
    "statuses": "commit statuses: write",
    "issues": "pull requests: write",
    "check-runs": "checks: write, which only a GitHub App can have",
    "pulls": "pull requests: read",
}


class GitHub:
    """The repository at GitHub. Raises GitHubError from every call."""

    def __init__(self, github: Github, repository: str) -> None:
        """`repository` is owner/name."""
        self._github = github
        self.repository = repository
        self._base = f"/repos/{repository}"

    @classmethod
    def from_settings(cls, settings: Settings, *, anonymous: bool = False) -> GitHub:
        """With the token or the GitHub App of the settings.

        Raises SettingsError where there is neither, unless `anonymous`: then as anybody, who may read 60 times an hour.
        """
        from github import Auth, Github, GithubIntegration

        options: dict[str, Any] = {
            "base_url": settings.github_api,
            "timeout": SECONDS,
            "retry": None,
            "per_page": PAGE,
            "seconds_between_requests": None,
            "seconds_between_writes": 0.1,
            "user_agent": "oa_pipeline",
        }
        if settings.github_token and (anonymous or not settings.github_checks):
            return cls(Github(auth=Auth.Token(settings.github_token), **options), settings.repository)
        if not settings.github_app_id and anonymous:
            return cls(Github(**options), settings.repository)
        if not settings.github_app_id:
            if settings.github_checks:
                cure = "set OA_GITHUB_APP_ID and OA_GITHUB_APP_KEY, or OA_GITHUB_CHECKS=0"
                raise SettingsError("OA_GITHUB_CHECKS=1 needs a GitHub App", cure=cure)
            raise SettingsError("GitHub cannot be asked", cure="set OA_GITHUB_TOKEN, or OA_GITHUB_APP_ID and _APP_KEY")
        from .app import App, Installation

        app = App(settings.github_app_id, _private_key(settings.github_app_key))
        owner, _, name = settings.repository.partition("/")
        installation = _guarded(
            "installation", lambda: GithubIntegration(auth=app, **options).get_repo_installation(owner, name)
        )
        return cls(Github(auth=Installation(app, installation.id), **options), settings.repository)

    # reading

    def default_branch(self) -> str:
        """The name of the default branch."""
        return str(self._get("")["default_branch"])

    def may_push(self) -> bool | None:
        """Whether we may write to the repository; None where GitHub does not say, as to an App."""
        rights = self._get("").get("permissions")
        return bool(rights.get("push")) if isinstance(rights, Mapping) else None

    def head(self, branch: str, etag: str = "") -> Head | None:
        """The branch's newest commit; None where it still is the one that `etag` came with, which costs no request."""
        path = f"{self._base}/branches/{quote(branch)}"
        status, headers, found = self._ask("GET", path, headers={"If-None-Match": etag} if etag else None)
        if status == 304:
            return None
        return Head(str(found["commit"]["sha"]), headers.get("etag", ""))

    def pull(self, number: int) -> Pull:
        """A pull request."""
        return pull_of(self._get(f"/pulls/{number}"))

    def open_pulls(self) -> Iterator[Pull]:
        """The open pull requests, the youngest first."""
        return map(pull_of, self._pages("/pulls", {"state": "open", "sort": "created", "direction": "desc"}))

    def changed_files(self, number: int) -> Iterator[Changed]:
        """The files that a pull request changes, against its merge base. GitHub lists no more than 3,000."""
        return map(_changed, self._pages(f"/pulls/{number}/files"))

    def compare(self, base: str, head: str) -> Comparison:
        """What lies between two commits of this repository; a fork's are found once a pull request has them."""
        found = self._get(f"/compare/{quote(base)}...{quote(head)}", {"per_page": "1"})
        files = tuple(map(_changed, found.get("files") or ()))
        return Comparison(
            str(found["merge_base_commit"]["sha"]), int(found["ahead_by"]), files, len(files) >= MOST_COMPARED
        )

    def merge_base(self, base: str, head: str) -> str:
        """The youngest commit that both have."""
        return self.compare(base, head).merge_base

    def tree(self, sha: str) -> dict[str, Entry]:
        """What lies in the folder of that tree, or at the top of that commit, by name."""
        found = self._get(f"/git/trees/{quote(sha)}")["tree"]
        return {
            str(each["path"]): Entry(str(each["mode"]), str(each["sha"]), int(each.get("size") or 0)) for each in found
        }

    def blob(self, blob_sha: str, limit: int) -> bytes:
        """A file's content. Raises GitHubError for one of more than `limit` bytes."""
        found = self._get(f"/git/blobs/{quote(blob_sha)}")
        if int(found.get("size") or 0) > limit:
            raise GitHubError(f"the file has {found['size']:,} bytes", cure=f"no more than {limit:,} are read")
        try:
            return base64.b64decode(found["content"])
        except (binascii.Error, TypeError) as error:
            raise GitHubError("GitHub sent a file that cannot be read", transient=True) from error

    def tarball(self, sha: str) -> str:
        """The address from which a commit's tarball can be downloaded, for a few minutes and without the token."""
        path = f"{self._base}/tarball/{quote(sha)}"
        status, headers, _ = self._ask("GET", path, follow=False)
        if status != 302 or "location" not in headers:
            raise GitHubError(f"GET {path}: GitHub answered {status} without an address", status=status, transient=True)
        return headers["location"]

    def login(self) -> str:
        """The account that our comments are by; empty where GitHub does not say."""
        try:
            return str(self._ask("GET", "/user")[2].get("login", ""))
        except GitHubError as error:
            if error.transient:
                raise
            return ""  # an installation's token may not ask

    # writing

    def set_status(self, sha: str, *, state: str, description: str, target_url: str, context: str) -> None:
        """Sets a commit's status."""
        said = {"state": state, "description": description, "context": context}
        self._send("POST", f"/statuses/{quote(sha)}", said | ({"target_url": target_url} if target_url else {}))

    def comments(self, number: int) -> Iterator[Comment]:
        """The comments on a pull request, the oldest first."""
        return map(_comment, self._pages(f"/issues/{number}/comments"))

    def comment(self, number: int, body: str) -> int:
        """Comments on a pull request. Returns the comment's number."""
        return _comment(self._send("POST", f"/issues/{number}/comments", {"body": body})).number

    def edit_comment(self, comment: int, body: str) -> None:
        """Replaces the text of one of our comments."""
        self._send("PATCH", f"/issues/comments/{comment}", {"body": body})

    def create_check(self, sha: str, name: str, facts: Mapping[str, Any]) -> int:
        """Begins a check run with such facts as `status`, `conclusion`, `details_url`, `output`. Returns its number."""
        return int(self._send("POST", "/check-runs", {"name": name, "head_sha": sha, **facts})["id"])

    def find_check(self, sha: str, name: str, external_id: str) -> int | None:
        """The number of our check run of that commit and name that we gave this id."""
        parameters = {"check_name": name, "filter": "all", "per_page": str(PAGE)}
        found = self._get(f"/commits/{quote(sha)}/check-runs", parameters)["check_runs"]
        return next((int(each["id"]) for each in found if each.get("external_id") == external_id), None)

    def annotations_of(self, check: int) -> int:
        """How many annotations a check run has."""
        return int((self._get(f"/check-runs/{check}").get("output") or {}).get("annotations_count") or 0)

    def update_check(self, check: int, facts: Mapping[str, Any], annotations: Sequence[Annotation] = ()) -> None:
        """Changes a check run; GitHub takes 50 annotations a request, so there may be several."""
        output = dict(facts.get("output") or {})
        blocks = [annotations[n : n + MOST_ANNOTATIONS] for n in range(0, len(annotations), MOST_ANNOTATIONS)]
        for block in blocks or [()]:
            said = dict(facts)
            if output or block:
                said["output"] = output | {"annotations": [_annotation(each) for each in block]}
            self._send("PATCH", f"/check-runs/{check}", said)

    # the wire

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        return self._ask("GET", self._base + path, parameters)[2]

    def _send(self, method: str, path: str, said: Mapping[str, Any]) -> Any:
        return self._ask(method, self._base + path, said=said)[2]

    def _pages(self, path: str, parameters: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Any]]:
        asked = {**(parameters or {}), "per_page": str(PAGE)}
        for page in range(1, MOST_PAGES + 1):
            _, headers, found = self._ask("GET", self._base + path, {**asked, "page": str(page)})
            yield from found
            if 'rel="next"' not in headers.get("link", ""):
                return

    def _ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        said: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> tuple[int, Mapping[str, str], Any]:
        import json

        requester, what = self._github.requester, f"{method} {path}"
        status, answered, text = _guarded(
            what,
            lambda: requester.requestJson(
                method,
                path,
                dict(parameters) if parameters else None,
                dict(headers) if headers else None,
                dict(said) if said is not None else None,
                follow_302_redirect=follow and method == "GET",
            ),
        )
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = {}
            if 200 <= status < 300:
                raise GitHubError(f"{what}: GitHub's answer is no JSON", transient=True, status=status) from None
        if status >= 400:
            raise _refusal(what, status, answered, found)
        return status, answered, found


def _private_key(name: str) -> str:
    try:
        key = Path(name).read_text("ascii")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the GitHub App's private key cannot be read: {error}", cure="OA_GITHUB_APP_KEY names its .pem file"
        ) from error
    learn(*lines_of(key))
    return key


def _guarded(what: str, call: Any) -> Any:
    """The call's result; whatever PyGithub and its transport raise becomes a GitHubError that shows no token."""
    import requests
    from github import GithubException

    try:
        return call()
    except GithubException as error:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        raise _refusal(what, error.status, headers, error.data) from None
    except requests.RequestException as error:
        raise GitHubError(
            f"{what}: GitHub does not answer: {type(error).__name__}", transient=True, cure="it is asked again later"
        ) from None


def _refusal(what: str, status: int, headers: Mapping[str, str], found: Any) -> GitHubError:
    said = one_line(str(found.get("message") or ""))[:200] if isinstance(found, Mapping) else ""
    message = f"{what}: GitHub answered {status}{f' ({said})' if said else ''}"
    wait = _wait(status, headers, said)
    if wait is not None:
        return GitHubError(
            message, status=status, transient=True, retry_after=wait, cure=f"wait {wait:.0f} seconds, as GitHub asks"
        )
    if status >= 500 or status in {408, 409}:
        return GitHubError(message, status=status, transient=True, cure="it is asked again later")
    return GitHubError(message, status=status, cure=_cure(status, what))


def _wait(status: int, headers: Mapping[str, str], said: str) -> float | None:
    """The seconds that GitHub asks us to wait; None where this is no limit."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if status not in {403, 429}:
        return None
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(1.0, float(headers["x-ratelimit-reset"]) - time.time() + 1)
    return SECONDARY_SECONDS if status == 429 or "rate limit" in said.lower() else None


def _cure(status: int, what: str) -> str:
    if status == 401:
        return "OA_GITHUB_TOKEN (or the app's key) is wrong or has expired"
    if status in {403, 404}:
        kind = re.sub(r"^\w+ /repos/[^/]+/[^/]+/", "", what).partition("/")[0]
        return f"the token may need the right {RIGHTS.get(kind, 'contents: read')!r} on the repository"
    return ""


def pull_of(found: Mapping[str, Any]) -> Pull:
    """A pull request from the API or from an event's payload."""
    head, base = found["head"], found["base"]
    fork = head.get("repo") or {}
    return Pull(
        number=int(found["number"]),
        state=str(found["state"]),
        draft=bool(found.get("draft")),
        merged=bool(found.get("merged") or found.get("merged_at")),
        merge_commit_sha=str(found.get("merge_commit_sha") or ""),
        author=str((found.get("user") or {}).get("login") or ""),
        association=str(found.get("author_association") or "NONE"),
        head_sha=str(head["sha"]),
        head_repository=str(fork.get("full_name") or ""),
        base_sha=str(base["sha"]),
        base_ref=str(base["ref"]),
        updated_at=_moment(found.get("updated_at")),
    )


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _changed(found: Mapping[str, Any]) -> Changed:
    return Changed(
        str(found["filename"]),
        str(found["status"]),
        str(found.get("sha") or ""),
        str(found.get("previous_filename") or ""),
    )


def _comment(found: Mapping[str, Any]) -> Comment:
    return Comment(int(found["id"]), str((found.get("user") or {}).get("login") or ""), str(found.get("body") or ""))


def _annotation(each: Annotation) -> dict[str, Any]:
    return {
        "path": each.path,
        "start_line": each.line,
        "end_line": each.line,
        "annotation_level": each.level,
        "message": each.message,
        "title": each.title,
    }
