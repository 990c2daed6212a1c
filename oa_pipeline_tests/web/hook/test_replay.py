"""Recorded deliveries as they are read and sent again; that they arrive is seen where a site is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import OAError, SettingsError
from oa_pipeline.web.hook.replay import Recorded, read, send
from oa_pipeline_tests.servers import nobody

PUSH: dict[str, Any] = {"event": "push", "delivery": "d-1", "payload": {"ref": "refs/heads/main"}}


def recorded(tmp_path: Path, text: str | bytes) -> list[Recorded]:
    path = tmp_path / "recorded.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read(path))


@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n  \n"])
def test_each_line_is_a_delivery(tmp_path: Path, between: str) -> None:
    lines = [json.dumps(PUSH | {"delivery": f"d-{n}"}) for n in range(3)]
    assert [one.guid for one in recorded(tmp_path, between.join(lines) + between)] == ["d-0", "d-1", "d-2"]


def test_one_object_may_take_many_lines(tmp_path: Path) -> None:
    assert recorded(tmp_path, json.dumps(PUSH, indent=2)) == [Recorded("push", "d-1", b'{"ref": "refs/heads/main"}')]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_what_divides_lines_elsewhere_divides_no_text_here(tmp_path: Path, mark: str) -> None:
    payload = json.dumps({"title": f"one {mark} two"}, ensure_ascii=False)
    one = json.dumps(PUSH | {"payload": payload}, ensure_ascii=False)
    assert [each.body for each in recorded(tmp_path, f"{one}\n{one}\n")] == [payload.encode()] * 2


def test_a_delivery_without_an_id_has_that_of_its_content(tmp_path: Path) -> None:
    first, again, other = recorded(
        tmp_path, "\n".join(json.dumps({"event": "push", "payload": what}) for what in ("{}", "{}", "[]"))
    )
    assert first.guid == again.guid != other.guid


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "recorded.json:1"),
        (f"{json.dumps(PUSH)}\nno JSON\n", "recorded.json:2"),
        (f"{json.dumps(PUSH)}\n[]", "recorded.json:2"),
        ('{"event": "push"}', "recorded.json"),
        ('{"event": 1, "payload": {}}', "recorded.json"),
        (json.dumps(PUSH | {"delivery": "d\n1"}), "recorded.json"),
        (json.dumps(PUSH | {"event": "pu\u015fh"}), "recorded.json"),
        (b"\xff\xfe{}", "recorded.json"),
    ],
)
def test_what_is_no_delivery_is_named_with_its_place(tmp_path: Path, text: str | bytes, place: str) -> None:
    with pytest.raises(OAError) as told:
        recorded(tmp_path, text)
    assert (told.value.place, bool(told.value.cure)) == (str(tmp_path / place), True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OAError, match="cannot be read"):
        list(read(tmp_path / "nowhere.json"))


@pytest.mark.parametrize(
    "url", ["site/hook", "ftp://site/hook", "http:///hook", "http://site:99999/", "http://[::1/", ""]
)
def test_what_is_no_address_of_a_webhook_is_told_so(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address of a webhook"):
        send(url, Recorded("push", "d", b"{}"), "")


def test_where_nobody_answers_it_is_said_where() -> None:
    with nobody() as url, pytest.raises(OAError, match=r"127\.0\.0\.1:\d+ does not answer: .*refused"):
        send(f"{url}/hook", Recorded("push", "d", b"{}"), "secret")
