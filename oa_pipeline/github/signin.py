"""Signing people in with GitHub: where a browser is sent, what the code that it brings is worth, who may do what.

Nothing is stored. A person's token lives for the few requests that ask who they are, and is then given back.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ..settings import Settings
from .records import GitHubError
from .report.loading import web_of

if TYPE_CHECKING:
    import urllib3

SCOPE = "read:org"  # memberships can be asked for; nothing can be changed
SECONDS = 10
LARGEST_ANSWER = 256 * 1024
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Person:
    """An account of GitHub's, and whether it belongs to the group that was asked about."""

    login: str
    member: bool


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The OAuth app that the site is registered as. Every method that asks GitHub raises GitHubError."""

    client_id: str
    secret: str = field(repr=False)
    site: str  # where people sign in
    api: str
    group: str  # an organisation, or organisation/team

    @classmethod
    def from_settings(cls, settings: Settings) -> OAuthApp:
        """As the settings have it; the group is the repository's owner where none is named."""
        group = settings.upload_group or settings.repository.partition("/")[0]
        api = settings.github_api
        return cls(settings.github_client_id, settings.github_client_secret, web_of(api), api, group)

    def authorize_url(self, *, callback: str, state: str, verifier: str) -> str:
        """Where a browser is sent. GitHub sends it back to `callback` with `state` and a code."""
        asked = {
            "client_id": self.client_id,
            "redirect_uri": callback,
            "scope": SCOPE,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            "allow_signup": "false",
        }
        return f"{self.site}/login/oauth/authorize?{urlencode(asked)}"

    def person(self, code: str, *, callback: str, verifier: str) -> Person:
        """Who has brought the code."""
        token = self._token(code, callback, verifier)
        try:
            login = str(self._ask("GET", f"{self.api}/user", token).get("login", ""))
            if not _LOGIN.fullmatch(login):
                raise GitHubError("GitHub names no account that can sign in")
            return Person(login, self._belongs(token, login))
        finally:
            self._give_back(token)

    def _token(self, code: str, callback: str, verifier: str) -> str:
        given = {
            "client_id": self.client_id,
            "client_secret": self.secret,
            "code": code,
            "redirect_uri": callback,
            "code_verifier": verifier,
        }
        found = self._ask("POST", f"{self.site}/login/oauth/access_token", said=urlencode(given))
        token = found.get("access_token")
        if not isinstance(token, str) or not token:
            raise GitHubError("GitHub does not take the code", cure="sign in again")
        return token

    def _belongs(self, token: str, login: str) -> bool:
        """An invitation that has not been accepted counts for nothing."""
        organisation, _, team = self.group.partition("/")
        place = (
            f"/orgs/{quote(organisation)}/teams/{quote(team)}/memberships/{quote(login)}"
            if team
            else f"/user/memberships/orgs/{quote(organisation)}"
        )
        try:
            return self._ask("GET", self.api + place, token).get("state") == "active"
        except GitHubError as error:
            if error.status in {403, 404}:
                return False
            raise

    def _give_back(self, token: str) -> None:
        """Takes the token's rights away; where that fails, it is merely forgotten here."""
        basic = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        with contextlib.suppress(GitHubError):
            self._ask(
                "DELETE",
                f"{self.api}/applications/{quote(self.client_id)}/token",
                said=json.dumps({"access_token": token}),
                headers={"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
            )

    def _ask(
        self, method: str, url: str, token: str = "", *, said: str = "", headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        import urllib3

        sent = {"Accept": "application/json", "User-Agent": "oa_pipeline"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if said:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        what = f"{method} {url.partition('?')[0]}"
        try:
            with _pool() as pool:
                answer = pool.request(
                    method, url, body=said or None, headers=sent | dict(headers or {}), redirect=False, retries=False,
                    preload_content=False,
                )  # fmt: skip
                body = answer.read(LARGEST_ANSWER)
        except urllib3.exceptions.HTTPError as error:
            raise GitHubError(f"{what}: GitHub does not answer: {type(error).__name__}", transient=True) from None
        if not 200 <= answer.status < 300:
            raise GitHubError(f"{what}: GitHub answered {answer.status}", status=answer.status)
        try:
            found = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise GitHubError(f"{what}: GitHub's answer is no JSON") from None
        if not isinstance(found, Mapping):
            raise GitHubError(f"{what}: GitHub's answer is no JSON object")
        return found


def challenge(verifier: str) -> str:
    """What is told of the verifier beforehand, so that only who has it can use the code."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _pool() -> urllib3.PoolManager:
    import certifi
    import urllib3

    return urllib3.PoolManager(ca_certs=certifi.where(), timeout=urllib3.Timeout(connect=SECONDS, read=SECONDS))
