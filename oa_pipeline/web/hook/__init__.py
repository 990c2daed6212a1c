"""`POST /hook`: a delivery of GitHub's is verified, kept once, and answered. What follows is a sensor's work."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, abort, current_app, jsonify, request

from ...errors import OAError
from ...ledger.deliveries import Delivery, receive
from ...ledger.tables import DeliveryStatus
from .signatures import signed

LARGEST_BODY = 25 * 1024 * 1024  # GitHub sends no larger ones
ACTIONS: dict[str, frozenset[str] | None] = {
    "pull_request": frozenset({"opened", "synchronize", "reopened", "ready_for_review", "closed"}),
    "issue_comment": frozenset({"created"}),
    "push": None,  # has no action
}
# GitHub's are UUIDs; whoever replays may use other words.
_GUID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_EVENT = re.compile(r"[a-z_]{1,40}", re.ASCII)
_SECONDS_DOWN = 60
log = logging.getLogger(__name__)
hook = Blueprint("hook", __name__)


class _Repository(msgspec.Struct):
    full_name: str


class _Sender(msgspec.Struct):
    login: str = ""


class _Envelope(msgspec.Struct):
    """What has to be known of a payload before it is kept."""

    repository: _Repository | None = None
    sender: _Sender | None = None
    action: str = ""


@hook.post("/hook")
def deliver() -> tuple[Response, int]:
    """Answers 202 with the delivery's id once it is safe, 204 where it concerns nobody, else a 4xx that says why."""
    settings = current_app.config["SETTINGS"]
    header = request.headers.get("X-Hub-Signature-256", "")
    secrets = settings.github_secrets
    if secrets and not header:
        return _no(HTTPStatus.UNAUTHORIZED, "missing_signature", "the header X-Hub-Signature-256 is missing")
    if request.mimetype != "application/json":
        return _no(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "set the webhook's content type to application/json",
        )
    guid, event = request.headers.get("X-GitHub-Delivery", ""), request.headers.get("X-GitHub-Event", "")
    # Of a body without a length Werkzeug gives as many bytes as it may read, and no word that there were more.
    request.max_content_length = LARGEST_BODY + 1
    if (request.content_length or 0) > LARGEST_BODY or len(body := request.get_data(cache=False)) > LARGEST_BODY:
        abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if secrets and not signed(header, body, secrets):
        log.warning("delivery %s is not signed by any secret we have", guid if _GUID.fullmatch(guid) else "without id")
        return _no(HTTPStatus.UNAUTHORIZED, "invalid_signature", "the signature is not that of this body")
    if not _GUID.fullmatch(guid):
        return _no(HTTPStatus.BAD_REQUEST, "missing_delivery", "the header X-GitHub-Delivery is no delivery's id")
    if not _EVENT.fullmatch(event):
        return _no(HTTPStatus.BAD_REQUEST, "missing_event", "the header X-GitHub-Event names no event")
    if settings.reject_new_jobs:
        return _later("new_jobs_rejected", "no new jobs are taken for now; deliver this again later")
    try:
        return _keep(guid, event, body)
    except OAError as error:
        log.error("delivery %s could not be kept: %s", guid, error)
        return _later("unavailable", "the database is away; deliver this again later")


def _keep(guid: str, event: str, body: bytes) -> tuple[Response, int]:
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _store(Delivery(guid, event, body), DeliveryStatus.REJECTED, "the body is no JSON object of an event")
        return _no(HTTPStatus.BAD_REQUEST, "invalid_body", "the body is no JSON object of an event")
    repository = envelope.repository.full_name if envelope.repository else ""
    sender = envelope.sender.login[:100] if envelope.sender else ""
    kept = Delivery(guid, event, body, envelope.action[:40], repository[:200], sender)
    ours = current_app.config["SETTINGS"].repository
    if repository and repository.lower() != ours.lower():
        _store(_empty(kept), DeliveryStatus.REJECTED, f"another repository than {ours}")
        return _no(HTTPStatus.FORBIDDEN, "foreign_repository", f"this machine works for {ours}")
    if event not in ACTIONS:
        return _ignored(kept, "no event that anything follows from")
    actions = ACTIONS[event]
    if actions is not None and envelope.action not in actions:
        return _ignored(kept, "no action that anything follows from")
    if not repository:
        _store(kept, DeliveryStatus.REJECTED, "the event names no repository")
        return _no(HTTPStatus.BAD_REQUEST, "invalid_body", "the event names no repository")
    _store(kept, DeliveryStatus.RECEIVED, "")
    return jsonify(delivery=guid), HTTPStatus.ACCEPTED


def _ignored(delivery: Delivery, why: str) -> tuple[Response, int]:
    _store(_empty(delivery), DeliveryStatus.IGNORED, why)
    return current_app.response_class(), HTTPStatus.NO_CONTENT


def _empty(delivery: Delivery) -> Delivery:
    """Without the body: it is counted, and nobody will read it."""
    return replace(delivery, body=b"")


def _store(delivery: Delivery, status: DeliveryStatus, detail: str) -> None:
    engine = current_app.config["LEDGER"]()
    receive(engine, delivery, status=status, detail=detail, now=datetime.now(UTC))


def _no(status: HTTPStatus, code: str, message: str) -> tuple[Response, int]:
    return jsonify(error={"code": code, "message": message}), status


def _later(code: str, message: str) -> tuple[Response, int]:
    response, status = _no(HTTPStatus.SERVICE_UNAVAILABLE, code, message)
    response.headers["Retry-After"] = str(_SECONDS_DOWN)
    return response, status
