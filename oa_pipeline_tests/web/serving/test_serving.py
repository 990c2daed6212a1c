"""The site as it runs: gunicorn, real sockets, many at once."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.tables import deliveries
from oa_pipeline.web.hook import LARGEST_BODY
from oa_pipeline.web.hook.replay import Recorded, read, send
from oa_pipeline.web.hook.signatures import signature
from oa_pipeline_tests.database import temporary

from ..conftest import SECRETS
from ..served import Served, served

OURS = {"full_name": "openaddresses/openaddresses"}
PULL = json.dumps({"action": "opened", "repository": OURS, "filler": "x" * 20_000}).encode()


@pytest.fixture(scope="module")
def ledger(server: str, ledger_template: str) -> Iterator[str]:
    """One for all tests here, as the site is."""
    yield from temporary(server, ledger_template)


@pytest.fixture(scope="module")
def site(ledger: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(ledger, tmp_path_factory.mktemp("site"), OA_GITHUB_SECRETS=SECRETS[0], OA_DEV="") as made:
        yield made


@pytest.fixture
def engine(ledger: str) -> sa.Engine:
    """Connections to the site's ledger, which knows of no delivery."""
    made = ledger_engine(ledger)
    with made.begin() as connection:
        connection.execute(sa.delete(deliveries))
    return made


def number(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) or 0


def test_the_same_delivery_by_twenty_at_once_is_one_row(site: Served, engine: sa.Engine) -> None:
    together = threading.Barrier(20)

    def one(_: int) -> int:
        together.wait()
        return send(f"http://127.0.0.1:{site.port}/hook", Recorded("pull_request", "the-same", PULL), SECRETS[0])[0]

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(one, range(20))) == {202: 20}
    assert number(engine) == 1


def test_of_a_thousand_deliveries_none_is_lost_or_doubled(site: Served, engine: sa.Engine) -> None:
    def one(n: int) -> int:
        delivered = Recorded("pull_request", f"delivery-{n}", PULL)
        return send(f"http://127.0.0.1:{site.port}/hook", delivered, SECRETS[0])[0]

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(one, range(1000))) == {202: 1000}
    assert number(engine) == 1000


def request(site: Served, head: str, chunks: list[bytes]) -> bytes:
    """The answer's first bytes; what is sent on after it may be cut off."""
    with socket.create_connection((site.host, site.port), 120) as held:
        held.sendall(head.replace("\n", "\r\n").encode())
        try:
            for chunk in chunks:
                held.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return held.recv(100)


HEAD = f"""POST /hook HTTP/1.1
Host: site
Content-Type: application/json
X-GitHub-Event: push
X-GitHub-Delivery: too-large
X-Hub-Signature-256: {signature("x", b"")}
"""


def test_a_body_that_says_it_is_too_large_is_not_read(site: Served, engine: sa.Engine) -> None:
    answer = request(site, HEAD + f"Content-Length: {LARGEST_BODY + 1}\n\n", [])

    assert answer.startswith(b"HTTP/1.1 413")
    assert number(engine) == 0


def test_a_body_without_length_is_read_up_to_the_cap(site: Served, engine: sa.Engine) -> None:
    block = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"

    answer = request(site, HEAD + "Transfer-Encoding: chunked\n\n", [block] * (LARGEST_BODY // 0x100000 + 2))

    assert answer.startswith(b"HTTP/1.1 413")
    assert number(engine) == 0


def test_recorded_deliveries_are_replayed_and_twice_is_once(site: Served, engine: sa.Engine, tmp_path: Path) -> None:
    payload = {"ref": "refs/heads/master", "repository": OURS}
    lines = tmp_path / "deliveries.jsonl"
    lines.write_text(
        json.dumps({"event": "push", "delivery": "one", "payload": payload})
        + "\n\n"
        + json.dumps({"event": "push", "payload": json.dumps(payload)})
    )
    whole = tmp_path / "delivery.json"
    whole.write_text(json.dumps({"event": "ping", "delivery": "two", "payload": {}}, indent=2))
    recorded = [*read(lines), *read(whole)]

    answers = [send(f"http://127.0.0.1:{site.port}/hook", each, SECRETS[0])[0] for each in recorded * 2]

    assert answers == [202, 202, 204] * 2
    assert number(engine) == 3


def test_an_answer_repeats_no_secret_and_names_no_framework(site: Served) -> None:
    connection = http.client.HTTPConnection(site.host, site.port, timeout=120)
    wrong = {"Content-Type": "application/json", "X-Hub-Signature-256": signature("x", PULL)}
    connection.request("POST", "/hook", PULL, wrong)
    answer = connection.getresponse()
    said = str(answer.getheaders()) + answer.read().decode()
    connection.close()

    assert answer.status == 401
    assert SECRETS[0] not in said
    assert "Werkzeug" not in said
