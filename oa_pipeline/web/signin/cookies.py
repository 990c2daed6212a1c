"""What a browser keeps for us: signed, so that it cannot be made up, and good for a short time only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import Response, request
from itsdangerous import BadData, URLSafeTimedSerializer

from ...settings import Settings


def sealed(settings: Settings, purpose: str, said: Mapping[str, Any]) -> str:
    """A text that says this, and that nobody else can have written."""
    return str(_seal(settings, purpose).dumps(dict(said)))


def opened(settings: Settings, purpose: str, text: str, *, seconds: int) -> Mapping[str, Any] | None:
    """What was sealed for this purpose no more than `seconds` ago; None where it was not, or was for another."""
    try:
        said = _seal(settings, purpose).loads(text, max_age=seconds)
    except BadData:
        return None
    return said if isinstance(said, Mapping) else None


def put(response: Response, settings: Settings, purpose: str, said: Mapping[str, Any], *, seconds: int) -> None:
    """Gives the browser a cookie, which no script and no other site's form can use."""
    response.set_cookie(_name(settings, purpose), sealed(settings, purpose, said), max_age=seconds, **_kind(settings))


def take(settings: Settings, purpose: str, *, seconds: int) -> Mapping[str, Any] | None:
    """What the browser's cookie says."""
    return opened(settings, purpose, request.cookies.get(_name(settings, purpose), ""), seconds=seconds)


def drop(response: Response, settings: Settings, purpose: str) -> None:
    """Takes the cookie away."""
    response.delete_cookie(_name(settings, purpose), **_kind(settings))


def secure(settings: Settings) -> bool:
    """Whether the site is reached over https; a cookie then never leaves by another way, nor comes from a subdomain."""
    return settings.public_url.startswith("https://")


def _name(settings: Settings, purpose: str) -> str:
    return f"__Host-oa-{purpose}" if secure(settings) else f"oa-{purpose}"


def _kind(settings: Settings) -> dict[str, Any]:
    return {"httponly": True, "secure": secure(settings), "samesite": "Lax", "path": "/"}


def _seal(settings: Settings, purpose: str) -> URLSafeTimedSerializer:
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(settings.github_client_secret, salt=f"oa-{purpose}", signer_kwargs=how)
