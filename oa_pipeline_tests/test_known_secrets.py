"""What a process knows to be secret, and how it is recognised in a text."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oa_pipeline import known_secrets
from oa_pipeline.known_secrets import LEARNT, known, learn, lines_of
from oa_pipeline.masked import masked

ODD = 'it\'s "odd" \\ é/+7'


@pytest.fixture(autouse=True)
def nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_secrets, "_learnt", [()])


def app_key() -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()


@pytest.mark.parametrize(
    "form",
    [ODD, quote(ODD), quote(ODD, safe=""), json.dumps(ODD)[1:-1], json.dumps(json.dumps(ODD))[3:-3], repr(ODD)[1:-1]],
    ids=["itself", "path", "query", "json", "json in json", "python"],
)
def test_a_secret_is_recognised_in_every_form_in_which_texts_repeat_it(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OA_GITHUB_TOKEN", ODD)
    assert known().found_in(f"x {form} y")
    assert known().masked(f"x {form} y") == "x *** y"


def test_the_environment_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not known().found_in("a-token-1234")
    monkeypatch.setenv("OA_GITHUB_TOKEN", "a-token-1234")
    assert known().found_in("a-token-1234")
    monkeypatch.delenv("OA_GITHUB_TOKEN")
    assert not known().found_in("a-token-1234")


def test_a_password_that_may_be_a_word_is_told_from_what_stands_nowhere_by_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OA_DATABASE_URL", "postgresql://me:source@127.0.0.1/db")
    monkeypatch.setenv("OA_GITHUB_SECRETS", "x7kq29vbn1,zzzzzzzzzzzzzzzzzzzzzz")
    text = "source x7kq29vbn1 zzzzzzzzzzzzzzzzzzzzzz"
    assert known().masked(text) == "*** *** ***"
    assert known().masked(text, sure=True) == "source *** ***"


def test_no_line_of_the_app_s_key_is_shown_whatever_it_is_put_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = app_key()
    place = tmp_path / "app.pem"
    place.write_text(key)
    monkeypatch.setenv("OA_GITHUB_APP_KEY", str(place))
    body = lines_of(key)
    assert len(body) >= 3
    for said in (key, repr(key), json.dumps({"key": key}), "".join(body), f"could not deserialize {body[1]}"):
        shown = masked(said)
        assert [line for line in body if line in shown] == []
        assert "***" in shown
    assert str(place) in masked(f"the key is in {place}")


def test_a_key_that_is_exchanged_is_masked_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "app.pem"
    monkeypatch.setenv("OA_GITHUB_APP_KEY", str(place))
    assert masked("no key yet") == "no key yet"
    for key in (app_key(), app_key() + "\n"):
        place.write_text(key)
        line = lines_of(key)[0]
        assert masked(f"a {line} b") == "a *** b"


def test_tokens_of_this_process_are_secrets_once_it_has_them_and_the_youngest_are_kept() -> None:
    tokens = [f"ghs_{secrets.token_hex(12)}" for _ in range(LEARNT + 1)]
    for token in tokens:
        learn(token, token)
    assert masked(f"{tokens[1]} and {tokens[-1]}") == "*** and ***"
    assert masked(tokens[0]) == tokens[0]
