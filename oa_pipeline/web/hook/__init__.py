"""`POST /hook`: a delivery of GitHub's is verified, kept once, and answered. What follows is a sensor's work."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, abort, current_app, jsonify, request

from ...errors import OAError
from ...ledger import deliveries
from ...ledger.deliveries import Delivery
from ...ledger.tables import DeliveryStatus
from .receiving import IN_MEMORY, LARGEST_BODY, held, receive
from .signatures import Signatures, looks_like_one

__all__ = ["LARGEST_BODY", "hook"]
SIGNATURE = "X-Hub-Signature-256"
ACTIONS: dict[str, frozenset[str] | None] = {
    "pull_request": frozenset({"opened", "synchronize", "reopened", "ready_for_review", "closed"}),
    "issue_comment": frozenset({"created"}),
    "push": None,  # has no action
}
# GitHub's are UUIDs; whoever replays may use other words.
_GUID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_EVENT = re.compile(r"[a-z_]{1,40}", re.ASCII)
_SECONDS_DOWN = 60
_one_at_a_time = threading.Lock()
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
    if refused := _unread():
        return refused
    # Of a body without a length Werkzeug gives as many bytes as it may read, and no word that there were more.
    request.max_content_length = LARGEST_BODY + 1
    if (request.content_length or 0) > LARGEST_BODY:
        abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    settings = current_app.config["SETTINGS"]
    signatures = Signatures(settings.github_secrets)
    with held(settings.home) as body:
        try:
            size = receive(request.stream, body, signatures)
        except OAError as error:
            log.error("a delivery could not be received: %s", error)
            return _later("unavailable", "there is no room for this now; deliver it again later")
        if settings.github_secrets and not signatures.include(request.headers[SIGNATURE]):
            return _not_signed("the signature is not that of this body")
        # Large ones come into memory one at a time, and wait for it: they are known to be GitHub's own, which does not
        # send again by itself what was turned away.
        with _one_at_a_time if size > IN_MEMORY else nullcontext():
            return _take(body.read())


def _unread() -> tuple[Response, int] | None:
    """What is said where the headers show that the body need not be read."""
    header = request.headers.get(SIGNATURE, "")
    secrets = current_app.config["SETTINGS"].github_secrets
    if secrets and not header:
        return _no(HTTPStatus.UNAUTHORIZED, "missing_signature", f"the header {SIGNATURE} is missing")
    if request.mimetype != "application/json":
        return _no(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "set the webhook's content type to application/json",
        )
    if secrets and not looks_like_one(header):
        return _not_signed(f"the header {SIGNATURE} is no signature: sha256= and 64 digits, 0 to 9 and a to f")
    return None


def _not_signed(message: str) -> tuple[Response, int]:
    guid = request.headers.get("X-GitHub-Delivery", "")
    log.warning("delivery %s is not signed by any secret we have", guid if _GUID.fullmatch(guid) else "without id")
    return _no(HTTPStatus.UNAUTHORIZED, "invalid_signature", message)


def _take(body: bytes) -> tuple[Response, int]:
    """Takes a delivery of which it is known who sent it."""
    guid, event = request.headers.get("X-GitHub-Delivery", ""), request.headers.get("X-GitHub-Event", "")
    if not _GUID.fullmatch(guid):
        return _no(HTTPStatus.BAD_REQUEST, "missing_delivery", "the header X-GitHub-Delivery is no delivery's id")
    if not _EVENT.fullmatch(event):
        return _no(HTTPStatus.BAD_REQUEST, "missing_event", "the header X-GitHub-Event names no event")
    if current_app.config["SETTINGS"].reject_new_jobs:
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
    deliveries.receive(engine, delivery, status=status, detail=detail, now=datetime.now(UTC))


def _no(status: HTTPStatus, code: str, message: str) -> tuple[Response, int]:
    return jsonify(error={"code": code, "message": message}), status


def _later(code: str, message: str) -> tuple[Response, int]:
    response, status = _no(HTTPStatus.SERVICE_UNAVAILABLE, code, message)
    response.headers["Retry-After"] = str(_SECONDS_DOWN)
    return response, status
