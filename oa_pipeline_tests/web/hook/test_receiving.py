"""What is sent to the webhook by whomever fills no memory: it is read in blocks, or not at all."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oa_pipeline.ledger import deliveries as ledger
from oa_pipeline.web.hook.receiving import BLOCK, IN_MEMORY, LARGEST_BODY

from ..conftest import SECRETS
from ..served import PATIENCE
from .test_hook import PULL, deliver, kept

UNSIGNED = "sha256=" + "0" * 64
HEADERS = {
    "Content-Type": "application/json",
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "large",
    "X-Hub-Signature-256": UNSIGNED,
}
SMALL = json.dumps(PULL).encode()
LARGE = json.dumps({**PULL, "filler": "x" * 2 * IN_MEMORY}).encode()


class Arriving:
    """A body that is nowhere before it is asked for, and how much was asked for at once."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.asked: list[int] = []

    def read(self, size: int = -1) -> bytes:
        self.asked.append(size)
        given = self.left if size < 0 else min(size, self.left)
        self.left -= given
        return b"x" * given


def send(client: FlaskClient, body: Arriving, **headers: str) -> TestResponse:
    """Sends it as it comes from gunicorn, in chunks where it has no length."""
    sent = {name: value for name, value in {**HEADERS, **headers}.items() if value}
    length = sent.pop("Content-Length", "")
    arriving: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": True}
    arriving |= {"CONTENT_LENGTH": length} if length else {"HTTP_TRANSFER_ENCODING": "chunked"}
    return client.post("/hook", headers=sent, environ_overrides=arriving)


@pytest.fixture
def measured() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_the_largest_body_of_a_stranger_takes_next_to_no_memory(client: FlaskClient, measured: None) -> None:
    body = Arriving(LARGEST_BODY)

    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    answer = send(client, body)
    more = tracemalloc.get_traced_memory()[1] - before

    assert (answer.status_code, body.left) == (401, 0)
    assert max(body.asked) <= BLOCK
    assert more < LARGEST_BODY / 4


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"X-Hub-Signature-256": ""}, 401, "missing_signature"),
        ({"X-Hub-Signature-256": "sha256=x"}, 401, "invalid_signature"),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 65}, 401, "invalid_signature"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        ({"Content-Length": str(LARGEST_BODY + 1)}, 413, "request_entity_too_large"),
    ],
    ids=["no signature", "none that could be one", "one that is too long", "as a form", "too large"],
)
def test_of_what_the_headers_condemn_nothing_is_read(
    client: FlaskClient, headers: dict[str, str], status: int, code: str
) -> None:
    body = Arriving(1000)
    answer = send(client, body, **headers)

    assert (answer.status_code, body.asked) == (status, [])
    assert answer.json is not None
    assert answer.json["error"]["code"] == code


@pytest.mark.parametrize(("size", "status"), [(LARGEST_BODY, 401), (LARGEST_BODY + 1, 413)])
def test_a_body_without_length_may_be_as_large_as_others(client: FlaskClient, size: int, status: int) -> None:
    assert send(client, Arriving(size)).status_code == status


@pytest.mark.parametrize("size", [IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7])
def test_a_delivery_is_kept_as_it_came_whether_it_waited_in_memory_or_in_a_file(
    client: FlaskClient, engine: sa.Engine, size: int, tmp_path: Path
) -> None:
    body = SMALL.ljust(size)

    assert deliver(client, body=body).status_code == 202
    (row,) = kept(engine)
    assert bytes(row["body"]) == body
    assert list(tmp_path.iterdir()) == []


def test_large_deliveries_are_kept_one_after_another_and_small_ones_at_once(
    client: FlaskClient, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    two, together = threading.Barrier(2), []
    keep = ledger.receive

    def sent(guid: str, body: bytes) -> int:
        return deliver(client.application.test_client(), guid=guid, body=body).status_code

    def receive(engine: sa.Engine, delivery: ledger.Delivery, **facts: Any) -> bool:
        if len(delivery.body) > IN_MEMORY:
            with suppress(threading.BrokenBarrierError):
                two.wait(0.1)
                together.append(delivery.guid)
            # While a large one is being kept, a small one is.
            assert pool.submit(sent, f"beside-{delivery.guid}", SMALL).result(PATIENCE) == 202
        return keep(engine, delivery, **facts)

    monkeypatch.setattr(ledger, "receive", receive)
    with ThreadPoolExecutor(4) as pool:
        assert [each.result() for each in [pool.submit(sent, guid, LARGE) for guid in "ab"]] == [202, 202]

    assert together == []
    assert {row["guid"] for row in kept(engine)} == {"a", "b", "beside-a", "beside-b"}


def test_where_the_disk_is_full_github_is_told_to_come_again(
    client: FlaskClient, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no full disk here")
    monkeypatch.setattr(
        "oa_pipeline.web.hook.receiving.SpooledTemporaryFile", lambda *_, **__: full.open("w+b", buffering=0)
    )

    answer = deliver(client, body=LARGE)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert kept(engine) == []


def test_where_there_is_no_folder_yet_large_ones_are_taken_all_the_same(settings: Any, engine: sa.Engine) -> None:
    from dataclasses import replace

    from oa_pipeline.web.app import create_app

    nowhere = create_app(replace(settings, home=settings.home / "not-yet")).test_client()
    assert deliver(nowhere, body=LARGE).status_code == 202


def test_the_signature_is_made_of_all_blocks(client: FlaskClient, engine: sa.Engine) -> None:
    right = hmac.new(SECRETS[1].encode(), LARGE, hashlib.sha256).hexdigest()

    for body, status in ((LARGE, 202), (LARGE[:-1], 401), (LARGE[:BLOCK], 401), (LARGE + b" ", 401)):
        answer = deliver(client, body=body, headers={"X-Hub-Signature-256": f"sha256={right}"})
        assert answer.status_code == status
