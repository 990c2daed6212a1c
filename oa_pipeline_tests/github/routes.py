"""GitHub's addresses, each with what it answers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from oa_pipeline_tests.servers import Request, Response

from . import shapes
from .objects import LINK, SUBMODULE, TREE

if TYPE_CHECKING:
    from .fake import FakeGitHub

LONGEST_COMMENT = 65_536
MOST_STATUSES = 1000  # of one commit and context
MOST_FILES = 3000
KINDS = {TREE: "tree", SUBMODULE: "commit"}


class Refusal(Exception):  # noqa: N818
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(github: FakeGitHub, request: Request) -> Response:
    """The answer to any request: faults first, then who asks, then what."""

    def do() -> Response:
        try:
            return _answered(github, request)
        except Refusal as refusal:
            return _json(github, {"message": str(refusal)}, refusal.status)

    fault = next((each for each in github.faults if each.happens(request)), None)
    return fault.how(do) if fault else do()


def _answered(github: FakeGitHub, request: Request) -> Response:
    if request.path.startswith("/codeload/"):
        sha = request.path.rsplit("/", 1)[1]
        owner, name = github.repository.split("/")
        return Response(
            200, github.objects.tarball(sha, f"{owner}-{name}-{sha[:7]}"), {"Content-Type": "application/x-gzip"}
        )
    path = request.path.removeprefix(f"/repos/{github.repository}") or "/"
    if path == request.path and path not in {"/rate_limit", "/user"} and not path.startswith("/app"):
        raise Refusal(404, "Not Found")
    token = re.sub("^(token|bearer) ", "", request.headers.get("authorization", ""), flags=re.IGNORECASE)
    jwt = path.startswith("/app") or path == "/installation"
    if token not in github.tokens and not (jwt and token.count(".") == 2):
        raise Refusal(401, "Bad credentials")
    for (method, pattern), route in ROUTES.items():
        found = re.fullmatch(pattern, path)
        if found and method == request.method:
            return route(github, request, *found.groups())
    raise Refusal(404, "Not Found")


def _json(github: FakeGitHub, found: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(found).encode()
    github.used += status != 304
    return Response(
        status,
        b"" if status == 304 else body,
        {
            "Content-Type": "application/json; charset=utf-8",
            "X-RateLimit-Limit": str(github.limit),
            "X-RateLimit-Remaining": str(max(0, github.limit - github.used)),
            "X-RateLimit-Reset": str(int(time.time()) + 3600),
            **(headers or {}),
        },
    )


def _conditional(github: FakeGitHub, request: Request, found: Any) -> Response:
    etag = f'"{hashlib.sha256(json.dumps(found).encode()).hexdigest()}"'
    return _json(github, found, 304 if request.headers.get("if-none-match") == etag else 200, {"ETag": etag})


def _page(github: FakeGitHub, request: Request, items: list[Any]) -> Response:
    size = min(100, int(request.query.get("per_page", ["30"])[0]))
    page = int(request.query.get("page", ["1"])[0])
    last = max(1, -(-len(items) // size))
    here = f"{github.url}{request.path}?per_page={size}"
    links = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
    shown = [f'<{here}&page={n}>; rel="{rel}"' for rel, n in links.items() if 1 <= n <= last and n != page]
    return _json(github, items[(page - 1) * size : page * size], headers={"Link": ", ".join(shown)} if shown else {})


def _sha(github: FakeGitHub, ref: str) -> str:
    pull = re.fullmatch(r"(?:refs/)?pull/(\d+)/head", ref)
    if pull and int(pull[1]) in github.pulls:
        return github.pulls[int(pull[1])].head
    sha = github.branches.get(ref.removeprefix("refs/").removeprefix("heads/"), ref)
    if sha not in github.objects.commits:
        raise Refusal(404 if len(ref) != 40 else 422, f"No commit found for SHA: {ref}")
    return sha


def _pull(github: FakeGitHub, number: str) -> Any:
    if int(number) not in github.pulls:
        raise Refusal(404, "Not Found")
    return github.pulls[int(number)]


def _posted(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(found, dict):
        raise Refusal(400, "Problems parsing JSON")
    return found


def branch(github: FakeGitHub, request: Request, name: str) -> Response:
    if name not in github.branches:
        raise Refusal(404, "Branch not found")
    return _conditional(github, request, {"name": name, "commit": shapes.commit(github, github.branches[name])})


def commit(github: FakeGitHub, request: Request, ref: str) -> Response:
    return _conditional(github, request, shapes.commit(github, _sha(github, ref)))


def pulls(github: FakeGitHub, request: Request) -> Response:
    state = request.query.get("state", ["open"])[0]
    found = [p for p in github.pulls.values() if state in {"all", p.state}]
    return _page(github, request, [shapes.pull_request(github, p) for p in sorted(found, key=lambda p: -p.number)])


def pull(github: FakeGitHub, request: Request, number: str) -> Response:
    return _conditional(github, request, shapes.pull_request(github, _pull(github, number)))


def pull_files(github: FakeGitHub, request: Request, number: str) -> Response:
    return _page(github, request, shapes.pull_files(github, _pull(github, number))[:MOST_FILES])


def compare(github: FakeGitHub, request: Request, base: str, head: str) -> Response:
    found = shapes.comparison(github, _sha(github, base), _sha(github, head))
    if found is None:
        raise Refusal(404, "No common ancestor")
    size, page = int(request.query.get("per_page", ["250"])[0]), int(request.query.get("page", ["1"])[0])
    found["commits"] = found["commits"][(page - 1) * size : page * size]
    if page > 1:
        found["files"] = []
    return _json(github, found)


def tree(github: FakeGitHub, request: Request, ref: str) -> Response:
    sha = ref if github.objects.raw.get(ref, ("",))[0] == "tree" else github.objects.commits[_sha(github, ref)].tree
    entries: list[dict[str, Any]] = []

    def walk(at: str, below: str) -> None:
        for mode, name, each in github.objects.listed(at):
            kind = KINDS.get(mode, "blob")
            size = {"size": len(github.objects.raw[each][1])} if kind == "blob" else {}
            entries.append({"path": below + name, "mode": mode.zfill(6), "type": kind, "sha": each, **size})
            if kind == "tree" and "recursive" in request.query:
                walk(each, f"{below}{name}/")

    walk(sha, "")
    most = github.largest_tree
    return _json(github, {"sha": sha, "tree": entries[:most], "truncated": len(entries) > most})


def blob(github: FakeGitHub, _: Request, sha: str) -> Response:
    kind, data = github.objects.raw.get(sha, ("", b""))
    if kind != "blob":
        raise Refusal(404, "Not Found")
    text = base64.encodebytes(data).decode()
    return _json(github, {"sha": sha, "size": len(data), "encoding": "base64", "content": text})


def contents(github: FakeGitHub, request: Request, path: str) -> Response:
    files = github.objects.files[_sha(github, request.query.get("ref", [github.default_branch])[0])]
    if path not in files:
        raise Refusal(404, "Not Found")
    mode, sha = files[path]
    found: dict[str, Any] = {"path": path, "name": path.rpartition("/")[2], "sha": sha}
    if mode == SUBMODULE:
        return _json(github, {**found, "type": "submodule"})
    data = github.objects.raw[sha][1]
    if mode == LINK:
        return _json(github, {**found, "type": "symlink", "target": data.decode()})
    text = base64.encodebytes(data).decode()
    return _json(github, {**found, "type": "file", "size": len(data), "encoding": "base64", "content": text})


def tarball(github: FakeGitHub, _: Request, ref: str) -> Response:
    sha = _sha(github, ref)
    return Response(302, b"", {"Location": f"{github.url}/codeload/{github.repository}/legacy.tar.gz/{sha}"})


def set_status(github: FakeGitHub, request: Request, sha: str) -> Response:
    said = _posted(request)
    if sha not in github.objects.commits:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    if said.get("state") not in {"error", "failure", "pending", "success"}:
        raise Refusal(422, "Validation Failed")
    if len(said.get("description") or "") > 140:
        raise Refusal(422, "Validation Failed: description is too long (maximum is 140 characters)")
    held = github.statuses.setdefault(sha, [])
    said = {"context": "default", **said}
    if sum(each["context"] == said["context"] for each in held) >= MOST_STATUSES:
        raise Refusal(422, "This SHA and context has reached the maximum number of statuses.")
    held.append({**said, "id": len(held) + 1})
    return _json(github, held[-1], 201)


def statuses(github: FakeGitHub, request: Request, ref: str) -> Response:
    return _page(github, request, list(reversed(github.statuses.get(_sha(github, ref), []))))


def comments(github: FakeGitHub, request: Request, number: str) -> Response:
    return _page(github, request, github.comments.get(_pull(github, number).number, []))


def _body(request: Request) -> str:
    body = _posted(request).get("body")
    if not isinstance(body, str) or not body.strip():
        raise Refusal(422, "Validation Failed: body cannot be blank")
    if len(body) > LONGEST_COMMENT:
        raise Refusal(422, f"Validation Failed: body is too long (maximum is {LONGEST_COMMENT} characters)")
    return body


def comment(github: FakeGitHub, request: Request, number: str) -> Response:
    from .fake import BOT

    pull, body = _pull(github, number), _body(request)
    if github.only_one_comment and any(c["user"]["login"] == BOT for c in github.comments.get(pull.number, [])):
        raise Refusal(403, "You have commented already")
    return _json(github, github.comment(pull, body, author=BOT), 201)


def edit_comment(github: FakeGitHub, request: Request, number: str) -> Response:
    body = _body(request)
    for each in (c for held in github.comments.values() for c in held if c["id"] == int(number)):
        each["body"] = body
        return _json(github, each)
    raise Refusal(404, "Not Found")


def _check(github: FakeGitHub, request: Request, found: dict[str, Any]) -> Response:
    said = _posted(request)
    annotations = (said.get("output") or {}).pop("annotations", [])
    if len(annotations) > 50:
        raise Refusal(422, "Validation Failed: no more than 50 annotations a request")
    if said.get("head_sha", found.get("head_sha")) not in github.objects.commits:
        raise Refusal(422, "No commit found for SHA")
    found.setdefault("annotations", []).extend(annotations)
    found.update(said)
    return _json(github, found, 201 if request.method == "POST" else 200)


def create_check(github: FakeGitHub, request: Request) -> Response:
    number = len(github.checks) + 1
    found = {"id": number, "url": f"{github.url}/repos/{github.repository}/check-runs/{number}"}
    response = _check(github, request, found)
    github.checks.append(found)
    return response


def update_check(github: FakeGitHub, request: Request, number: str) -> Response:
    if not 0 < int(number) <= len(github.checks):
        raise Refusal(404, "Not Found")
    return _check(github, request, github.checks[int(number) - 1])


def checks_of(github: FakeGitHub, request: Request, ref: str) -> Response:
    sha, name = _sha(github, ref), request.query.get("check_name", [""])[0]
    found = [_shown_check(each) for each in github.checks if each["head_sha"] == sha and name in {"", each["name"]}]
    return _json(github, {"total_count": len(found), "check_runs": found[::-1]})


def get_check(github: FakeGitHub, _: Request, number: str) -> Response:
    if not 0 < int(number) <= len(github.checks):
        raise Refusal(404, "Not Found")
    return _json(github, _shown_check(github.checks[int(number) - 1]))


def _shown_check(found: dict[str, Any]) -> dict[str, Any]:
    counted = {**(found.get("output") or {}), "annotations_count": len(found["annotations"])}
    return {**{name: value for name, value in found.items() if name != "annotations"}, "output": counted}


def new_token(github: FakeGitHub, _: Request, number: str) -> Response:
    token = f"ghs_installation_{number}_{len(github.tokens)}"
    github.tokens.add(token)
    return _json(github, {"token": token, "expires_at": "2099-01-01T00:00:00Z", "permissions": {}}, 201)


Route = Callable[..., Response]
ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/"): lambda g, r: _conditional(g, r, shapes.repository(g)),
    ("GET", "/rate_limit"): lambda g, _: _json(
        g, {"resources": {"core": {"limit": g.limit, "used": g.used, "remaining": g.limit - g.used, "reset": 0}}}
    ),
    ("GET", "/user"): lambda g, _: _json(g, {"login": "oa-machine[bot]", "id": 2}),
    ("GET", "/app"): lambda g, _: _json(g, {"id": 1, "slug": "oa-machine"}),
    ("GET", "/installation"): lambda g, _: _json(g, {"id": 77, "app_id": 1}),
    ("POST", r"/app/installations/(\d+)/access_tokens"): new_token,
    ("GET", "/branches/(.+)"): branch,
    ("GET", "/commits/([^/]+)/statuses"): statuses,
    ("GET", r"/commits/((?:refs/)?(?:heads/|pull/)?[^/]+(?:/head)?)"): commit,
    ("GET", "/pulls"): pulls,
    ("GET", r"/pulls/(\d+)"): pull,
    ("GET", r"/pulls/(\d+)/files"): pull_files,
    ("GET", r"/compare/(.+)\.\.\.(.+)"): compare,
    ("GET", "/git/trees/(.+)"): tree,
    ("GET", "/git/blobs/(.+)"): blob,
    ("GET", "/contents/(.+)"): contents,
    ("GET", "/tarball/(.+)"): tarball,
    ("POST", "/statuses/([^/]+)"): set_status,
    ("GET", r"/issues/(\d+)/comments"): comments,
    ("POST", r"/issues/(\d+)/comments"): comment,
    ("PATCH", r"/issues/comments/(\d+)"): edit_comment,
    ("POST", "/check-runs"): create_check,
    ("GET", "/commits/([^/]+)/check-runs"): checks_of,
    ("GET", r"/check-runs/(\d+)"): get_check,
    ("PATCH", r"/check-runs/(\d+)"): update_check,
}
