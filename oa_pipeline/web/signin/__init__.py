"""Signing in with GitHub, for the few who may upload files.

A browser is sent to GitHub with a word that only it and we know, comes back with a code, and gets a cookie for an hour
where its account belongs to the group of the settings. Nobody is ever sent to an address that a request names.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request

from ...errors import SettingsError
from ...github.records import GitHubError
from ...github.signin import OAuthApp
from ...settings import Settings
from ..errors import worded
from ..headers import posting_to
from ..site import here
from . import answers, cookies

SIGNIN, SESSION = "signin", "session"  # purposes of cookies
SIGNIN_SECONDS, SESSION_SECONDS = 600, 3600
LONGEST_CODE = 400
AFTERWARDS = "/upload-cache"
blueprint = Blueprint("signin", __name__)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in and may upload."""

    login: str
    until: datetime


def configured(settings: Settings) -> bool:
    """Whether anybody can sign in. Raises SettingsError where it would not be safe."""
    if not settings.github_client_id:
        return False
    if not settings.github_client_secret:
        raise SettingsError("OA_GITHUB_CLIENT_ID has no secret", cure="set OA_GITHUB_CLIENT_SECRET too")
    if not (cookies.secure(settings) or settings.dev):
        cure = "give OA_PUBLIC_URL an https address; OA_DEV=1 on a development machine"
        raise SettingsError("who signs in would do so over an open line", cure=cure)
    return True


def session() -> Session | None:
    """Who has signed in with this browser within the last hour."""
    said = cookies.take(_settings(), SESSION, seconds=SESSION_SECONDS)
    if said is None:
        return None
    return Session(str(said["login"]), datetime.fromtimestamp(said["at"] + SESSION_SECONDS, UTC))


def from_our_own_form() -> bool:
    """Whether a browser sends what one of our own pages asked for: no other site's form is taken for it."""
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched == "same-origin"
    ours = urlsplit(_settings().public_url)
    return request.headers.get("Origin") == f"{ours.scheme}://{ours.netloc}"


def strange_form() -> Response:
    """The answer to another site's form."""
    return worded(HTTPStatus.FORBIDDEN, "This form was not sent from our own page.", "Open the page and send it there.")


@blueprint.get("/auth")
def page() -> Response:
    """Whether somebody is signed in, and the buttons to sign in or out."""
    return _page(session())


@blueprint.post("/auth/login")
def login() -> Response:
    """303 to GitHub."""
    if not from_our_own_form():
        return strange_form()
    settings = _settings()
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    target = OAuthApp.from_settings(settings).authorize_url(callback=_callback(), state=state, verifier=verifier)
    response = answers.to(target, HTTPStatus.SEE_OTHER)
    cookies.put(response, settings, SIGNIN, {"state": state, "verifier": verifier}, seconds=SIGNIN_SECONDS)
    return response


@blueprint.get("/auth/callback")
def callback() -> Response:
    """Where GitHub sends the browser back to: 302 to the uploads, or why not."""
    response = _answer()
    cookies.drop(response, _settings(), SIGNIN)  # good for one answer
    return response


@blueprint.post("/auth/logout")
def logout() -> Response:
    """302 to the page above, signed out."""
    if not from_our_own_form():
        return strange_form()
    response = answers.to("/auth")
    cookies.drop(response, _settings(), SESSION)
    return response


def _answer() -> Response:
    settings = _settings()
    begun = cookies.take(settings, SIGNIN, seconds=SIGNIN_SECONDS)
    state, code = request.args.get("state", ""), request.args.get("code", "")
    if begun is None or not hmac.compare_digest(state.encode(), str(begun["state"]).encode()):
        return worded(
            HTTPStatus.BAD_REQUEST, "This is not the end of a sign-in that was begun here.", "Sign in again at /auth."
        )
    if not 0 < len(code) <= LONGEST_CODE:
        return worded(HTTPStatus.FORBIDDEN, "GitHub did not let you sign in.", "Try again at /auth.")
    here().limits.spend(request.remote_addr or "")  # each question to GitHub counts
    app = OAuthApp.from_settings(settings)
    try:
        person = app.person(code, callback=_callback(), verifier=str(begun["verifier"]))
    except GitHubError as error:
        log.warning("nobody signed in: %s", error)
        if error.transient or (error.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return worded(HTTPStatus.BAD_GATEWAY, "GitHub does not answer.", "Try again at /auth in a minute.")
        return worded(HTTPStatus.FORBIDDEN, "GitHub did not let you sign in.", "Try again at /auth.")
    if not person.member:
        return worded(
            HTTPStatus.FORBIDDEN,
            f"{person.login} is not a member of {app.group}.",
            "Its owners can invite you on GitHub.",
        )
    response = answers.to(AFTERWARDS)
    kept = {"login": person.login, "at": int(time.time())}
    cookies.put(response, settings, SESSION, kept, seconds=SESSION_SECONDS)
    return response


def _page(who: Session | None) -> Response:
    app = OAuthApp.from_settings(_settings())
    response = answers.page("signin.html", title="Sign in", who=who, group=app.group)
    response.headers["Content-Security-Policy"] = posting_to(app.site)
    return response


def _callback() -> str:
    return f"{_settings().public_url}/auth/callback"


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found
