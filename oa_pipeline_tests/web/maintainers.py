"""A site at which maintainers can sign in, and a browser of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline_tests.github.fake import FakeGitHub
from oa_pipeline_tests.github.oauth import CLIENT_ID, CLIENT_SECRET

SITE = "https://site.example"
OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def settings_for(github: FakeGitHub, **more: object) -> Settings:
    held = {
        "public_url": SITE, "github_api": github.url, "github_client_id": CLIENT_ID,
        "github_client_secret": CLIENT_SECRET, "github_secrets": ("hook",), "repository": "openaddresses/openaddresses",
    }  # fmt: skip
    return Settings(**{**held, **more})  # type: ignore[arg-type]


@dataclass
class Browser:
    """Somebody's browser, which keeps its cookies."""

    client: FlaskClient
    github: FakeGitHub

    @classmethod
    def at(cls, settings: Settings, github: FakeGitHub) -> Browser:
        return cls(create_app(settings).test_client(), github)

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.client.get(address, base_url=SITE, headers={"Accept": "text/html", **headers})

    def post(self, address: str, headers: dict[str, str] | None = None, **more: object) -> TestResponse:
        return self.client.post(address, base_url=SITE, headers=OURS if headers is None else headers, **more)  # type: ignore[arg-type]

    def allow(self, location: str) -> str:
        """At GitHub, says yes; gives the path and query that GitHub then sends the browser to."""
        import urllib.error

        with pytest.raises(urllib.error.HTTPError) as sent:
            build_opener(_Stay).open(location, timeout=60)
        assert sent.value.status == 302
        back = sent.value.headers["Location"]
        sent.value.close()
        assert back.startswith(f"{SITE}/auth/callback?")
        return back.removeprefix(SITE)

    def sign_in(self) -> TestResponse:
        """From the button to the end of it."""
        begun = self.post("/auth/login")
        assert begun.status_code == 303
        return self.get(self.allow(begun.headers["Location"]))


def altered(signed: str) -> str:
    """The same with another letter in its signature; not in the last one, of which some bits say nothing."""
    place = len(signed) - 5
    return f"{signed[:place]}{'B' if signed[place] == 'A' else 'A'}{signed[place + 1 :]}"


def query(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
