"""GitHub's sign-in: an OAuth app, the people who allow it to ask, and what it may then ask."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from oa_pipeline_tests.servers import Request, Response

CLIENT_ID, CLIENT_SECRET = "Iv1.0123456789abcdef", "client-secret-0123456789"


@dataclass(frozen=True)
class Code:
    """What somebody allowed, until it is exchanged."""

    login: str
    scopes: frozenset[str]
    callback: str
    challenge: str


@dataclass
class OAuth:
    """The people of a GitHub, and who of them sits at the browser."""

    at_browser: str = "maintainer"
    members: dict[str, dict[str, str]] = field(default_factory=dict)  # organisation: login: state
    teams: dict[str, dict[str, str]] = field(default_factory=dict)  # organisation/team: login: state
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Code] = field(default_factory=dict)
    given_back: list[str] = field(default_factory=list)
    broken: bool = False

    def answer(self, request: Request) -> Response | None:
        """The answer to what belongs to signing in; None to all else."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        for (method, pattern), route in ROUTES.items():
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method and not (request.path == "/user" and token not in self.tokens):
                return Response(502) if self.broken else route(self, request, *found.groups())
        return None

    def scopes_of(self, request: Request) -> Code | None:
        return self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))


def _json(found: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(found).encode(), {"Content-Type": "application/json; charset=utf-8"})


def _authorize(github: OAuth, request: Request) -> Response:
    asked = {name: values[0] for name, values in request.query.items()}
    assert asked["client_id"] == CLIENT_ID
    assert asked["code_challenge_method"] == "S256"
    code = secrets.token_hex(10)
    scopes = frozenset(asked["scope"].split(","))
    github.codes[code] = Code(github.at_browser, scopes, asked["redirect_uri"], asked["code_challenge"])
    back = {"code": code, "state": asked["state"]} if github.at_browser else {"error": "access_denied"}
    return Response(302, b"", {"Location": f"{asked['redirect_uri']}?{urlencode(back | {'state': asked['state']})}"})


def _token(github: OAuth, request: Request) -> Response:
    given: Mapping[str, str] = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if (given.get("client_id"), given.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        return _json({"error": "incorrect_client_credentials"})
    code = github.codes.pop(given.get("code", ""), None)
    digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
    shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if code is None or code.callback != given.get("redirect_uri") or code.challenge != shown:
        return _json({"error": "bad_verification_code"})
    token = f"gho_{secrets.token_hex(18)}"
    github.tokens[token] = code
    return _json({"access_token": token, "token_type": "bearer", "scope": ",".join(code.scopes)})


def _user(github: OAuth, request: Request) -> Response:
    code = github.scopes_of(request)
    assert code is not None
    return _json({"login": code.login, "id": 1})


def _membership(state: str | None, code: Code | None) -> Response:
    if code is None:
        return _json({"message": "Bad credentials"}, 401)
    if state is None or "read:org" not in code.scopes:
        return _json({"message": "Not Found"}, 404)
    return _json({"state": state, "role": "member"})


def _organisation(github: OAuth, request: Request, organisation: str) -> Response:
    code = github.scopes_of(request)
    return _membership(github.members.get(organisation, {}).get(code.login) if code else None, code)


def _team(github: OAuth, request: Request, organisation: str, team: str, login: str) -> Response:
    return _membership(github.teams.get(f"{organisation}/{team}", {}).get(login), github.scopes_of(request))


def _give_back(github: OAuth, request: Request, client: str) -> Response:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    if client != CLIENT_ID or request.headers.get("authorization") != f"Basic {basic}":
        return _json({"message": "Not Found"}, 404)
    token = json.loads(request.body)["access_token"]
    github.tokens.pop(token, None)
    github.given_back.append(token)
    return Response(204)


ROUTES: Mapping[tuple[str, str], Callable[..., Response]] = {
    ("GET", "/login/oauth/authorize"): _authorize,
    ("POST", "/login/oauth/access_token"): _token,
    ("GET", "/user"): _user,
    ("GET", "/user/memberships/orgs/([^/]+)"): _organisation,
    ("GET", "/orgs/([^/]+)/teams/([^/]+)/memberships/([^/]+)"): _team,
    ("DELETE", "/applications/([^/]+)/token"): _give_back,
}
