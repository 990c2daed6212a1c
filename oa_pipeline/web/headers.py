"""The headers that every answer has, whatever it is and however it came about."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Response, g, request

from ..settings import Settings

_COMMON = "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
# What a page may load. Nothing is inline, nothing comes from elsewhere; a map has workers and reads tiles of the store.
POLICIES: Mapping[str, str] = {
    "page": f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; {_COMMON}",
    "map": (
        "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self' https:; {_COMMON}"
    ),
    "data": f"default-src 'none'; sandbox; {_COMMON}",
}
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
OPEN: Mapping[str, str] = {  # of what programs read: anybody's page may
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Link, Accept-Ranges, Content-Range",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT: Mapping[str, str] = {  # what a browser asks before another site's script may send these
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-Match, If-Modified-Since, If-None-Match, If-Range, Range",
    "Access-Control-Max-Age": "86400",
}
HSTS = "max-age=31536000"


def posting_to(address: str) -> str:
    """The policy of a page whose form is sent to `address`, or leads a browser there."""
    parts = urlsplit(address)
    return POLICIES["page"].replace("form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}")


def harden(response: Response, settings: Settings) -> Response:
    """The answer with all headers that it must have."""
    for name, value in ALWAYS.items():
        response.headers[name] = value
    _stay_here(response)
    is_page = response.mimetype == "text/html" and request.method != "OPTIONS"
    policy = g.get("policy", "page") if is_page else "data"
    response.headers.setdefault("Content-Security-Policy", POLICIES[policy])
    if settings.public_url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = HSTS
    if is_page:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    elif request.method in {"GET", "HEAD", "OPTIONS"}:
        response.headers.update(OPEN)
    if request.method == "OPTIONS":
        response.headers.update(PREFLIGHT)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _stay_here(response: Response) -> None:
    """A redirect that only corrects a slash names no host, and has no body: the request's may be anybody's."""
    location = response.headers.get("Location", "")
    if location.startswith(request.host_url):
        response.headers["Location"] = "/" + location.removeprefix(request.host_url)
        response.set_data(b"")
        del response.headers["Content-Type"]
