"""Uploads to a Mapbox that answers over HTTP, with a real S3 server for the bucket that it names."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import PublishError, SettingsError
from oa_pipeline.publish.mapbox.account import Account, MapboxError
from oa_pipeline.publish.mapbox.api import Api
from oa_pipeline.publish.mapbox.upload import upload
from oa_pipeline.publish.store import Store, open_store
from oa_pipeline_tests.mapbox import TILESET, TOKEN, USER, Mapbox, mapbox, said
from oa_pipeline_tests.servers import Liar, Response, answer, hang, nobody

KEY = "dotmap/1/dotmap.mbtiles"
DATA = secrets.token_bytes(20_000_000)  # more than one part


@pytest.fixture
def world(s3_server: str, bucket: str) -> Iterator[Mapbox]:
    with mapbox(s3_server, bucket) as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(str(tmp_path / "store"))
    put(made, b"tiles")
    return made


def put(store: Store, data: bytes, key: str = KEY) -> None:
    with store.writer(key, content_type="x") as out:
        out.write(data)


def account(world: Mapbox, **other: str) -> Account:
    return Account(
        **{"user": USER, "token": TOKEN, "tileset": TILESET, "api": world.url, "s3_endpoint": world.s3_url} | other
    )


def send(world: Mapbox, store: Store, *, seconds: float = 600, slept: list[float] | None = None, **other: str) -> str:
    pauses = slept if slept is not None else []
    api = Api(account(world, **other), tries=4, pause=0.5, timeout=60, sleep=pauses.append)
    return upload(api.account, store, KEY, seconds=seconds, api=api)


def test_the_file_becomes_the_tileset(world: Mapbox, store: Store) -> None:
    slept: list[float] = []
    assert send(world, store, slept=slept) == "upload1"
    assert world.tilesets == {TILESET: b"tiles"}
    assert world.asked == ["GET credentials", "POST", "GET upload", "GET upload"]
    assert slept == [30.0]
    (posted,) = [request for request in world.server.log if request.method == "POST"]
    assert posted.headers["content-type"] == "application/json"


def test_a_large_file_goes_up_in_parts_and_says_how_far_it_is(world: Mapbox, store: Store) -> None:
    store.delete([KEY])
    put(store, DATA)
    told: list[tuple[str, int, int | None]] = []
    api = Api(account(world), sleep=lambda seconds: None)
    upload(api.account, store, KEY, seconds=600, api=api, say=lambda *words: told.append(words))
    assert world.tilesets[TILESET] == DATA
    sent = [done for what, done, total in told if what == "upload" and total == len(DATA)]
    assert sent == sorted(sent)
    assert sent[-1] == len(DATA)
    assert ("Mapbox", 50, 100) in told


def test_an_error_of_the_upload_is_told_and_there_is_no_tileset(world: Mapbox, store: Store) -> None:
    world.error = f"Tile 3/2/1 is too large\nfor {TOKEN}"
    with pytest.raises(MapboxError, match=r"upload1: Tile 3/2/1 is too large for \*\*\*"):
        send(world, store)
    assert world.tilesets == {}


def test_an_upload_that_never_completes_is_given_up(world: Mapbox, store: Store) -> None:
    world.polls = -1
    with pytest.raises(MapboxError, match=r"upload1 after 0 seconds.*the next run uploads"):
        send(world, store, seconds=0)


@pytest.mark.parametrize("kind", ["GET credentials", "POST", "GET upload"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_mapbox_is_asked_again(world: Mapbox, store: Store, kind: str, status: int) -> None:
    world.troubles[kind] = [said(status, {}, Retry_After="7"), Response(status, b"<html>")]
    slept: list[float] = []
    send(world, store, slept=slept)
    assert world.tilesets == {TILESET: b"tiles"}
    assert [pause for pause in slept if pause != 30.0] == [7.0, 1.0]


def test_one_that_stays_busy_is_given_up_and_no_pause_is_longer_than_two_minutes(world: Mapbox, store: Store) -> None:
    world.troubles["POST"] = [said(429, {"message": "Too Many"}, Retry_After="86400")] * 4
    slept: list[float] = []
    with pytest.raises(MapboxError, match="answered 429: Too Many, 4 times"):
        send(world, store, slept=slept)
    assert slept == [120.0] * 3


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"token": "sk.wrong-t0k3n"}, r"answered 401: Not Authorized.*OA_MAPBOX_TOKEN must be"),
        ({"user": "../nobody"}, r"answered 401"),
        ({"tileset": "another.dots"}, r"answered 422: Tileset is not yours.*OA_MAPBOX_TILESET"),
    ],
    ids=["token", "user", "tileset"],
)
def test_what_is_refused_is_not_asked_again(world: Mapbox, store: Store, other: dict[str, str], why: str) -> None:
    slept: list[float] = []
    with pytest.raises(MapboxError, match=why):
        send(world, store, slept=slept, **other)
    assert slept == []
    assert world.tilesets == {}


def test_a_bucket_that_closed_meanwhile_is_opened_anew(world: Mapbox, store: Store) -> None:
    world.expired = 2
    send(world, store)
    assert world.given == 3
    assert world.tilesets == {TILESET: b"tiles"}


def test_one_that_is_never_open_is_given_up(world: Mapbox, store: Store) -> None:
    world.expired = 100
    with pytest.raises(MapboxError, match="did not take the file: ExpiredToken"):
        send(world, store)
    assert world.given == 3
    assert "POST" not in world.asked


def test_a_bucket_that_is_not_there_is_told(world: Mapbox, store: Store) -> None:
    world.bucket = "no-such-bucket"
    with pytest.raises(MapboxError, match="did not take the file"):
        send(world, store)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("GET credentials", b"[]", "no JSON object"),
        ("GET credentials", b"<html>", "no JSON object"),
        ("GET credentials", b'{"bucket": 7}', "no bucket"),
        ("POST", b"{}", "no id"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told(world: Mapbox, store: Store, kind: str, body: bytes, why: str) -> None:
    world.troubles[kind] = [Response(200, body)]
    with pytest.raises(MapboxError, match=why):
        send(world, store)


def test_a_redirect_is_not_followed_with_the_token(world: Mapbox, store: Store) -> None:
    with mapbox(world.s3, world.bucket) as other:
        world.troubles["GET credentials"] = [Response(302, b"", {"Location": f"{other.url}/uploads/v1"})]
        with pytest.raises(MapboxError, match="answered 302"):
            send(world, store)
        assert other.server.log == []


@pytest.mark.parametrize(
    "script",
    [b"", answer(b"{}", length=99), b"HTTP/1.1 banana\r\n\r\n", hang(b"")],
    ids=["closes", "cut", "no http", "hangs"],
)
def test_one_that_does_not_answer_is_given_up(world: Mapbox, store: Store, script: Any) -> None:
    with Liar(script) as liar:
        api = Api(account(world, api=liar.url), tries=2, timeout=0.3, sleep=lambda seconds: None)
        with pytest.raises(MapboxError, match=r"did not answer: .*, 2 times"):
            upload(api.account, store, KEY, seconds=60, api=api)


def test_nobody_there_is_told_without_the_address(world: Mapbox, store: Store) -> None:
    with nobody() as address, pytest.raises(MapboxError, match="did not answer: ConnectionRefusedError"):
        send(world, store, api=address)


def test_an_object_that_is_not_in_the_store_is_told(world: Mapbox, store: Store) -> None:
    store.delete([KEY])
    with pytest.raises(PublishError, match=KEY):
        send(world, store)


@pytest.mark.parametrize("trouble", ["nothing", "refused", "busy", "silent", "error", "expired"])  # whatever happens
def test_the_token_is_in_no_log_and_in_no_error(
    world: Mapbox, store: Store, trouble: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    other: dict[str, str] = {}
    shown = repr(account(world))
    with Liar(answer(b"x", length=5)) as liar:
        if trouble == "silent":
            other = {"api": liar.url}
        world.error = TOKEN if trouble == "error" else None
        world.expired = 100 if trouble == "expired" else 0
        code = {"refused": 403, "busy": 503}.get(trouble)
        if code:
            world.troubles["GET credentials"] = [said(code, {"message": f"no: {TOKEN}"})] * 4
        try:
            send(world, store, **other)
        except MapboxError:
            shown += traceback.format_exc()
            assert trouble != "nothing"
    captured = capfd.readouterr()
    everything = shown + caplog.text + captured.out + captured.err
    assert "s3cr3t" not in everything
    assert "t3mp0r4ry" not in everything


def test_half_an_account_is_refused() -> None:
    with pytest.raises(SettingsError, match="OA_MAPBOX_TOKEN must be set, too"):
        Account("u", "", "u.t")


def test_the_token_does_not_travel_in_the_clear() -> None:
    with pytest.raises(SettingsError, match="https"):
        Account("u", "t", "u.t", api="http://api.mapbox.com")
