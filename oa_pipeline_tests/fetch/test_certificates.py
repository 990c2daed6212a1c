"""Whom we believe to be who they say."""

# ruff: noqa: SIM117 - a server's block around a client's reads better than one of many lines

from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.guard import Guard

from ..certificates import Authority
from ..servers import Liar, Response, answer, serve
from .wishes import transport

# ---- certificates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["expired", "wrong-host", "self-signed"])
def test_a_bad_certificate_fails_unless_the_host_is_on_the_list(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serve(lambda _: Response(body=b"x"), tls=authority.issue(kind)) as server:
        with transport() as here:
            with pytest.raises(FetchError, match="certificate") as failure:
                here.request("GET", server.url)
            assert here.notes == []
        assert failure.value.cure
        assert not failure.value.retryable
        assert server.log == []
        with transport(Guard(allow_local=True, unverified_tls_hosts=frozenset({"127.0.0.1"}))) as here:
            assert here.request("GET", server.url).body == b"x"
            assert here.notes == ["tls: unverified (127.0.0.1)"]


def test_a_good_certificate_of_a_trusted_authority_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serve(lambda _: Response(body=b"x"), tls=authority.issue("valid")) as server, transport() as here:
        assert here.request("GET", server.url).body == b"x"
        assert here.notes == []


def test_a_server_that_does_not_speak_tls_is_told_so() -> None:
    with Liar(answer(b"plain"), waits=False) as liar, transport() as here:
        with pytest.raises(FetchError, match="secure connection"):
            here.request("GET", liar.url.replace("http:", "https:"))
