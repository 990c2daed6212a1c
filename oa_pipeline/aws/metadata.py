"""An instance's metadata service, version 2: a token first, and then questions."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import OAError

TOKEN_SECONDS = 21_600
TIMEOUT = 10.0  # seconds: an instance may have more to do than to answer itself
LONGEST = 65_536


class NoMetadata(OAError):  # noqa: N818 - a fact
    """The metadata service does not answer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance this is."""

    instance: str
    region: str = ""
    instance_type: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """The instance is to end. `urgent`: within two minutes; else it is only likely to."""

    what: str
    urgent: bool


class Metadata:
    """The service at an address, by default the link-local one; no proxies, no redirects."""

    def __init__(self, address: str) -> None:
        """Asks nothing yet."""
        split = urlsplit(address)
        self._host, self._port = split.hostname or "", split.port or 80
        self._token, self._renew_at = "", 0.0

    def identity(self) -> Identity:
        """Which instance this is. Raises NoMetadata."""
        text = self._get("/latest/dynamic/instance-identity/document")
        try:
            document: dict[str, Any] = json.loads(text or "")
            return Identity(
                str(document["instanceId"]), str(document.get("region", "")), str(document.get("instanceType", ""))
            )
        except (ValueError, KeyError, TypeError):
            raise NoMetadata("the metadata service has no identity of this instance") from None

    def tag(self, name: str) -> str:
        """A tag of the instance; empty where it has none, or may not read them."""
        return self._get(f"/latest/meta-data/tags/instance/{quote(name, safe=':')}") or ""

    def notice(self) -> Notice | None:
        """Whether the instance is to be taken away."""
        if action := self._get("/latest/meta-data/spot/instance-action"):
            return Notice(f"spot interruption {_one_line(action)}", urgent=True)
        state = self._get("/latest/meta-data/autoscaling/target-lifecycle-state")
        if state is not None and state.strip() == "Terminated":
            return Notice("its Auto Scaling group ends it", urgent=True)
        if advice := self._get("/latest/meta-data/events/recommendations/rebalance"):
            return Notice(f"rebalance recommendation {_one_line(advice)}", urgent=False)
        return None

    def _get(self, path: str) -> str | None:
        """The text there; None where there is none."""
        if time.monotonic() >= self._renew_at:
            self._new_token()
        status, text = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == 401:  # it forgot us
            self._new_token()
            status, text = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == 404:
            return None
        if status != 200:
            raise NoMetadata(f"the metadata service answers {status} to {path}")
        return text

    def _new_token(self) -> None:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
        status, text = self._ask("PUT", "/latest/api/token", headers)
        if status != 200:
            raise NoMetadata(f"the metadata service gives no token: {status}")
        self._token, self._renew_at = text.strip(), time.monotonic() + TOKEN_SECONDS / 2

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise NoMetadata(
                f"the metadata service at {self._host}:{self._port} does not answer: {error}",
                cure="`oa worker --ec2` is for an instance of EC2 with IMDSv2; elsewhere leave --ec2 out",
            ) from None
        finally:
            connection.close()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
