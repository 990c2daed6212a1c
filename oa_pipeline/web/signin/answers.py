"""Answers for one reader alone, which nobody in between may keep: pages for who has signed in, and ways to them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.utils import redirect

from ..endpoints import Cache
from ..site import here


def page(template: str, *, title: str, **names: Any) -> Response:
    """The page of this template."""
    text = here().templates.render(template, title=title, **names)
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = Cache.NEVER.value
    return response


def to(location: str, status: HTTPStatus = HTTPStatus.FOUND) -> Response:
    """The way to another address."""
    response = redirect(location, status, Response)
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = Cache.NEVER.value
    return response
