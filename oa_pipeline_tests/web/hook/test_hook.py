from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oa_pipeline.errors import SettingsError
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.tables import deliveries
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.hook.signatures import signature

from ..conftest import SECRETS

OURS = {"full_name": "openaddresses/openaddresses"}
PULL = {"action": "opened", "number": 7, "pull_request": {"head": {"sha": "a" * 40}}, "repository": OURS}


def deliver(
    client: FlaskClient,
    payload: Any = PULL,
    *,
    event: str = "pull_request",
    guid: str | None = None,
    secret: str = SECRETS[0],
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> TestResponse:
    body = json.dumps(payload).encode() if body is None else body
    sent = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": signature(secret, body),
    }
    sent.update(headers or {})
    return client.post("/hook", data=body, headers={name: value for name, value in sent.items() if value})


def kept(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(deliveries)).mappings()]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_signed_delivery_is_kept_as_it_came_and_answered_with_its_id(
    client: FlaskClient, engine: sa.Engine, secret: str
) -> None:
    body = b'{ "action":"opened",\n"repository":{"full_name":"OpenAddresses/openaddresses"} }'

    answer = deliver(client, body=body, guid="72d3162e-cc78-11e3-81ab-4c9367dc0958", secret=secret)

    assert (answer.status_code, answer.json) == (202, {"delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"})
    (row,) = kept(engine)
    assert (bytes(row["body"]), row["event"], row["action"], row["status"]) == (
        body, "pull_request", "opened", "received",
    )  # fmt: skip


REFUSED = {
    "without a signature": ({"X-Hub-Signature-256": ""}, 401, "missing_signature"),
    "with a wrong signature of the right length": ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401, "invalid"),
    "with the old SHA-1 signature only": (
        {"X-Hub-Signature-256": "", "X-Hub-Signature": "sha1=" + "0" * 40}, 401, "missing_signature",
    ),
    "with a signature that is not ASCII": ({"X-Hub-Signature-256": "sha256=é"}, 401, "invalid"),
    "as a form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    "without an id": ({"X-GitHub-Delivery": ""}, 400, "missing_delivery"),
    "with an id that is none": ({"X-GitHub-Delivery": "<script>"}, 400, "missing_delivery"),
    "without an event": ({"X-GitHub-Event": ""}, 400, "missing_event"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_a_delivery_is_refused_and_not_kept(client: FlaskClient, engine: sa.Engine, how: str) -> None:
    headers, status, code = REFUSED[how]

    answer = deliver(client, {**PULL, "marker": "sentinel"}, headers=headers)

    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["error"]["code"].startswith(code)
    assert b"sentinel" not in answer.data
    assert kept(engine) == []


def test_the_log_of_a_wrong_signature_has_the_id_and_not_the_right_one(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(PULL).encode()
    with caplog.at_level(logging.DEBUG):
        deliver(client, guid="the-id-of-it", headers={"X-Hub-Signature-256": "sha256=" + "0" * 64})

    assert "the-id-of-it" in caplog.text
    assert not any(signature(secret, body)[7:] in caplog.text or secret in caplog.text for secret in SECRETS)


def test_without_a_secret_the_site_refuses_to_start_unless_it_is_a_development_machine(database: str) -> None:
    with pytest.raises(SettingsError, match="OA_GITHUB_SECRETS"):
        create_app(Settings(database_url=database))

    open_to_all = create_app(Settings(database_url=database, dev=True)).test_client()
    assert deliver(open_to_all, headers={"X-Hub-Signature-256": ""}).status_code == 202


NO_EVENTS = {
    "nothing": b"",
    "text": b"not JSON",
    "array": b"[]",
    "null": b"null",
    "string": b'"text"',
    "number": b'{"repository": 7}',
    "bytes": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "no repository": b'{"action": "opened"}',
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS)
def test_a_signed_body_that_is_no_event_is_kept_as_rejected(
    client: FlaskClient, engine: sa.Engine, body: bytes
) -> None:
    answer = deliver(client, body=body)

    assert answer.status_code == 400
    assert [row["status"] for row in kept(engine)] == ["rejected"]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "Design for failure.", "repository": OURS}),
        ("ping", {"zen": "of an organisation's webhook"}),
        ("star", {"action": "created", "repository": OURS}),
        ("pull_request", {**PULL, "action": "labeled"}),
        ("pull_request_review", {**PULL, "action": "submitted"}),
        ("issue_comment", {"action": "deleted", "repository": OURS}),
    ],
)
def test_what_nothing_follows_from_is_counted_and_answered_with_nothing(
    client: FlaskClient, engine: sa.Engine, event: str, payload: dict[str, Any]
) -> None:
    answer = deliver(client, payload, event=event)

    assert (answer.status_code, answer.data) == (204, b"")
    (row,) = kept(engine)
    assert (row["status"], bytes(row["body"])) == ("ignored", b"")


def test_an_event_of_another_repository_is_refused(client: FlaskClient, engine: sa.Engine) -> None:
    answer = deliver(client, {**PULL, "repository": {"full_name": "somebody/openaddresses"}})

    assert answer.status_code == 403
    assert [row["status"] for row in kept(engine)] == ["rejected"]


def test_a_second_delivery_of_the_same_id_changes_nothing(client: FlaskClient, engine: sa.Engine) -> None:
    first = deliver(client, guid="twice")
    second = deliver(client, {**PULL, "number": 8}, guid="twice")

    assert (first.status_code, second.status_code) == (202, 202)
    (row,) = kept(engine)
    assert json.loads(bytes(row["body"]))["number"] == 7


def test_while_new_jobs_are_rejected_github_is_told_to_come_again(settings: Settings, engine: sa.Engine) -> None:
    from dataclasses import replace

    answer = deliver(create_app(replace(settings, reject_new_jobs=True)).test_client())

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert kept(engine) == []


def test_while_the_database_is_away_github_is_told_to_come_again(settings: Settings) -> None:
    from dataclasses import replace

    nowhere = "postgresql://nobody:hidden-password@127.0.0.1:1/nothing"
    answer = deliver(create_app(replace(settings, database_url=nowhere)).test_client())

    assert answer.status_code == 503
    assert b"hidden-password" not in answer.data
    ledger_engine(nowhere).dispose()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/hook", 405), ("POST", "/hooks", 404)])
def test_other_ways_in_get_the_one_shape_of_error(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert answer.json is not None
    assert set(answer.json["error"]) == {"code", "message", *(() if path == "/hook" else ("detail",))}
