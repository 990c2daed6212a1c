"""How an error is worded: a page for people, one shape of JSON for programs. Nothing of the request is repeated."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..errors import OAError
from .endpoints import BadRequest, NotFound
from .limits import TooMany
from .serving.unreadable import code_of, told
from .site import here

SECONDS_DOWN = 10
SAID = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address can only be read.",
    HTTPStatus.SERVICE_UNAVAILABLE: "This page cannot be made at the moment. Please come back in a minute.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here, not with you. It has been noted.",
}


def of_http(error: HTTPException) -> Response:
    """An error of routing or of Flask's."""
    status = HTTPStatus(error.code or 500)
    response = worded(status, SAID.get(status, status.phrase) if request.path != "/hook" else status.phrase)
    if error.response is None:
        for name, value in error.get_headers():
            if name.lower() == "allow":
                response.headers[name] = value
    return response


def of_body(error: Exception) -> Response:
    """An error in how the body was sent, which was found when it was read. Its connection is not used again."""
    return worded(*told(error))


def of_ours(error: OAError) -> Response:
    """An error that a page raised on purpose."""
    if isinstance(error, NotFound):
        return worded(HTTPStatus.NOT_FOUND, error.message, error.cure)
    if isinstance(error, BadRequest):
        return worded(HTTPStatus.BAD_REQUEST, error.message, error.cure)
    if isinstance(error, TooMany):
        response = worded(HTTPStatus.TOO_MANY_REQUESTS, error.message, error.cure)
        response.headers["Retry-After"] = str(error.seconds)
        return response
    response = worded(HTTPStatus.SERVICE_UNAVAILABLE, SAID[HTTPStatus.SERVICE_UNAVAILABLE])
    response.headers["Retry-After"] = str(SECONDS_DOWN)
    return response


def worded(status: HTTPStatus, message: str, detail: str = "") -> Response:
    """The error in the shape that its reader can use."""
    if _for_people():
        names: dict[str, Any] = {"title": status.phrase, "message": message, "detail": detail}
        text = here().templates.render("error.html", **names)
        response = Response(text, content_type="text/html; charset=utf-8")
    else:
        said = {"code": code_of(status), "message": message}
        response = jsonify(error=said if request.path == "/hook" else {**said, "detail": detail})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _for_people() -> bool:
    """Whether a browser asked for a page."""
    last = request.path.rpartition("/")[2]
    if request.path == "/hook" or last.endswith((".json", ".csv", ".geojson", ".atom", ".txt")):
        return False
    accepted = request.accept_mimetypes
    return bool(accepted) and accepted.best_match(["application/json", "text/html"]) == "text/html"
