from __future__ import annotations

import pytest

from oa_pipeline.errors import SettingsError
from oa_pipeline.ledger.urls import masked, normalised

REST = "user:p%40ss@host:5432/db?sslmode=require"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_names_the_driver(scheme: str) -> None:
    assert normalised(f"{scheme}://{REST}") == f"postgresql+psycopg2://{REST}"


def test_a_unix_socket_survives() -> None:
    url = normalised("postgresql://postgres:@/postgres?host=/some/folder")
    assert url.startswith("postgresql+psycopg2://postgres")
    assert "host=%2Fsome%2Ffolder" in url or "host=/some/folder" in url
    assert normalised(url) == url


@pytest.mark.parametrize("url", ["mysql://user:secret@h/d", "postgresql+psycopg://user:secret@h/d", "user:secret", ""])
def test_what_is_not_postgres_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        normalised(url)
    assert "secret" not in str(caught.value)
    assert "OA_DATABASE_URL" in str(caught.value)


def test_an_unreadable_address_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        normalised("postgresql://user:secret@host:port/db")
    assert "secret" not in str(caught.value)


def test_the_shown_address_has_no_password() -> None:
    assert masked("postgres://user:secret@host/db") == "postgresql+psycopg2://user:***@host/db"
