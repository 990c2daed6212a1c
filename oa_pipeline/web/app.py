"""The Flask application: what it needs, its addresses, and what every answer has in common."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, abort, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from ..errors import OAError, SettingsError
from ..settings import Settings
from ..text import one_line
from .answering.caching import Versions, respond
from .endpoints import Cache, Endpoint, Form, twin_path
from .errors import SAID, of_body, of_http, of_ours, worded
from .headers import harden
from .health import Health, health
from .hook import LARGEST_BODY, hook
from .pages import BLUEPRINTS, ENDPOINTS, NAVIGATION
from .rendering import STATIC
from .robots import ENDPOINTS as FOR_ROBOTS
from .serving.oddities import leave_out
from .site import Site
from .vendored import vendored

if TYPE_CHECKING:
    import sqlalchemy as sa

STATIC_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript", ".svg": "image/svg+xml"}
log = logging.getLogger(__name__)


def checked(settings: Settings) -> Settings:
    """The settings. Raises SettingsError where the webhook would be open to everybody."""
    if not settings.github_secrets and not settings.dev:
        raise SettingsError(
            "the webhook has no secret, so anybody could start jobs",
            cure="set OA_GITHUB_SECRETS to what the webhook has on GitHub; OA_DEV=1 on a development machine",
        )
    return settings


def create_app(settings: Settings | None = None, *, site: Site | None = None) -> Flask:
    """The application; `site` where it shall have other means than the settings'. Raises SettingsError as `checked`."""
    settings = checked(settings or (site.settings if site else Settings.from_env()))
    site = site or Site(settings)
    app = Flask(__name__, static_folder=None)
    app.config.update(SETTINGS=settings, SITE=site, HEALTH=Health(site), LEDGER=lambda: _ledger(settings))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.merge_slashes = False
    if settings.proxies:  # of what they say, the reader's address alone is taken
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    for blueprint in (hook, health, *BLUEPRINTS, *_for_maintainers(settings)):
        app.register_blueprint(blueprint)
    versions = Versions(site)
    for endpoint in (*ENDPOINTS, *FOR_ROBOTS):
        add(app, site, versions, endpoint)
    app.add_url_rule("/static/<name>", "static", static)
    app.add_url_rule("/favicon.ico", "favicon", partial(static, asset("icon.svg")))
    app.before_request(lambda: leave_out(request.environ))
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(ParseException, of_body)
    app.register_error_handler(OAError, of_ours)
    app.register_error_handler(Exception, _unforeseen)
    app.after_request(lambda response: harden(response, settings))
    site.templates.environment.globals.update(asset=asset, vendored=vendored, site=site, navigation=NAVIGATION)
    return app


def add(app: Flask, site: Site, versions: Versions, endpoint: Endpoint) -> None:
    """Adds an endpoint's address and those of its twins."""

    def view(extension: str, form: Form | None) -> Callable[..., Response]:
        def answer(**given: Any) -> Response:
            path = request.path
            if extension:
                path = path.removesuffix(f".{extension}") + ("/" if endpoint.path.endswith("/") else "")
            return respond(site, versions, endpoint, form, path, given)

        return answer

    app.add_url_rule(endpoint.path, endpoint.path, view("", endpoint.form))
    for extension, form in endpoint.twins.items():
        rule = twin_path(endpoint.path, extension)
        app.add_url_rule(rule, rule, view(extension, form))


def asset(name: str) -> str:
    """The address of a static file's very content: another content has another address."""
    return f"/static/{_assets()[name][0]}"


def static(name: str) -> Response:
    """A static file by its address; 404 where there is no such content any more."""
    name = name.removeprefix("/static/")
    body = dict(_assets().values()).get(name)
    if body is None:
        abort(404)
    response = Response(body, content_type=STATIC_TYPES[Path(name).suffix])
    response.headers["Cache-Control"] = Cache.IMMUTABLE.value if request.path != "/favicon.ico" else Cache.FIXED.value
    response.set_etag(name.split(".")[1])
    response.make_conditional(request)
    return response


@functools.cache
def _assets() -> Mapping[str, tuple[str, bytes]]:
    """By the file's name the last part of its address, and its content: as they were when the site began."""
    found = {path: path.read_bytes() for path in sorted(STATIC.glob("*.*"))}
    digests = {path: hashlib.sha256(body).hexdigest()[:10] for path, body in found.items()}
    return {path.name: (f"{path.stem}.{digests[path]}{path.suffix}", body) for path, body in found.items()}


def _for_maintainers(settings: Settings) -> tuple[Blueprint, ...]:
    """Signing in and uploads; where nobody can sign in there are no such addresses."""
    from . import signin, uploads

    return (signin.blueprint, uploads.blueprint) if signin.configured(settings) else ()


def _unforeseen(error: Exception) -> Response:
    """A mistake of ours: what it was stands in the log, and nowhere else."""
    log.error("%s %s", request.method, one_line(request.path), exc_info=error)
    if current_app.testing:
        raise error
    return worded(HTTPStatus.INTERNAL_SERVER_ERROR, SAID[HTTPStatus.INTERNAL_SERVER_ERROR])


def _ledger(settings: Settings) -> sa.Engine:
    from ..ledger.engine import ledger_engine
    from ..orchestration.storage import database_url

    return ledger_engine(database_url(settings))
