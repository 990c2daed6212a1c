"""The Flask application: what it needs, what it refuses, and how it words an error."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from ..errors import SettingsError
from ..settings import Settings
from .hook import LARGEST_BODY, hook

if TYPE_CHECKING:
    import sqlalchemy as sa


def checked(settings: Settings) -> Settings:
    """The settings. Raises SettingsError where the webhook would be open to everybody."""
    if not settings.github_secrets and not settings.dev:
        raise SettingsError(
            "the webhook has no secret, so anybody could start jobs",
            cure="set OA_GITHUB_SECRETS to what the webhook has on GitHub; OA_DEV=1 on a development machine",
        )
    return settings


def create_app(settings: Settings | None = None) -> Flask:
    """The application. Raises SettingsError as `checked` does."""
    settings = checked(settings or Settings.from_env())
    app = Flask(__name__, static_folder=None)
    app.config.update(SETTINGS=settings, LEDGER=lambda: _ledger(settings), MAX_CONTENT_LENGTH=LARGEST_BODY)
    app.register_blueprint(hook)
    app.register_error_handler(HTTPException, _worded)
    return app


def _ledger(settings: Settings) -> sa.Engine:
    from ..ledger.engine import ledger_engine
    from ..orchestration.storage import database_url

    return ledger_engine(database_url(settings))


def _worded(error: HTTPException) -> Response:
    """An error in the one shape that all errors have; nothing of the request is repeated in it."""
    status = HTTPStatus(error.code or 500)
    answer: Response = jsonify(error={"code": status.phrase.lower().replace(" ", "_"), "message": status.phrase})
    answer.status_code = status
    if error.response is None:
        for name, value in error.get_headers():
            if name.lower() == "allow":
                answer.headers[name] = value
    return answer
