"""Headers that nobody can mean are as good as none, and cost nothing."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.serving.oddities import LONGEST, leave_out

from ..filled import Filled

SAMPLE = "/files/runs/1/sample.json"
NEVER = (
    "Mon, 01 Jan 2000 00:00:00 +99999999999999999999",
    "Mon, 01 Jan 2000 99999999999999999999:00:00 GMT",
    "Mon, 99999999999999999999 Jan 2000 00:00:00 GMT",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2000 00:00:00 +" + "9" * 4000,
)


def ask(reader: FlaskClient, address: str, **headers: str) -> tuple[int, bytes]:
    with reader.get(address, headers=headers) as answer:
        return answer.status_code, answer.data


@pytest.mark.parametrize("address", ["/", "/sources.json", "/favicon.ico", "/static/", SAMPLE])
@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
@pytest.mark.parametrize("never", NEVER, ids=range(len(NEVER)))
def test_a_moment_that_never_was_is_no_condition(
    reader: FlaskClient, filled: Filled, address: str, name: str, never: str
) -> None:
    more = {"Range": "bytes=0-1"} if name == "If-Range" else {}

    assert ask(reader, address, **{name: never}, **more) == ask(reader, address)


@pytest.mark.parametrize(
    ("header", "one"),
    [
        ("Accept", "text/html;q=0.1"),
        ("Accept-Encoding", "gzip"),
        ("If-None-Match", 'W/"x"'),
        ("If-Match", '"x"'),
    ],
)
@pytest.mark.parametrize("address", ["/", "/nothing", SAMPLE])
def test_a_list_without_end_is_none(reader: FlaskClient, filled: Filled, header: str, one: str, address: str) -> None:
    assert ask(reader, address, **{header: ",".join([one] * 5000)}) == ask(reader, address)


def test_lists_as_long_as_programs_send_them_are_read() -> None:
    environ = {name: "x" * most for name, most in LONGEST.items()}
    kept = {**environ, "HTTP_IF_MODIFIED_SINCE": "yesterday", "HTTP_IF_RANGE": '"x"', "HTTP_RANGE": "bytes=0-1"}
    left = dict(kept)
    leave_out(left)

    assert left == kept
