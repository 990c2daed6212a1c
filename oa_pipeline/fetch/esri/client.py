"""One ArcGIS layer behind its address: what can be asked of it, with every kind of refusal turned into an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ...errors import FetchError, TokenRequired
from .answers import LayerError, ObjectIds, Page, read_object, read_page, whole
from .troubles import another_way

if TYPE_CHECKING:
    from ..reply import Reply
    from ..transport import Transport

MIB = 1024 * 1024
SMALL_ANSWER = 32 * MIB  # metadata, counts, and about four million object ids
_EVERYTHING = "1=1"


class Client:
    """Asks one layer. The address may end in a slash or in /query, and keeps its own parameters (a token)."""

    def __init__(self, transport: Transport, address: str) -> None:
        """`address` is the layer's, `.../FeatureServer/0` or `.../MapServer/12` in any case of letters."""
        parts = urlsplit(address.strip())
        kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k.lower() != "f"]
        path = parts.path.rstrip("/")
        if path.lower().endswith("/query"):
            path = path[: -len("/query")].rstrip("/")
        self._transport = transport
        self._method = "POST"
        self.host = (parts.hostname or "").lower()
        self.url = urlunsplit((parts.scheme, parts.netloc, path, urlencode(kept), ""))
        self.query_url = urlunsplit((parts.scheme, parts.netloc, f"{path}/query", urlencode(kept), ""))

    def metadata(self) -> dict[str, Any]:
        """The layer's own description."""
        reply = self._send("GET", self.url, {"f": "json"}, SMALL_ANSWER, None)
        return read_object(reply.body)

    def count(self) -> int | None:
        """How many features the layer says it has; None where it cannot say."""
        try:
            answer = self._asked_twice({"where": _EVERYTHING, "returnCountOnly": "true"})
        except FetchError as error:
            if another_way(error):
                return None
            raise
        number = whole(answer.get("count"))
        return number if number is not None and number >= 0 else None

    def ask(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """A query with a small answer, retried by the transport."""
        return read_object(self._query(parameters, SMALL_ANSWER, None).body)

    def _asked_twice(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """As `ask`; an error object of the kind that passes is given a second chance."""
        try:
            return self.ask(parameters)
        except LayerError as error:
            if not error.transient:
                raise
            return self.ask(parameters)

    def page(self, parameters: Mapping[str, str], ids: ObjectIds, max_bytes: int) -> Page:
        """A page of features, asked once: whoever pages decides when to ask again."""
        reply = self._query(parameters, max_bytes, 1)
        return read_page(reply.body, ids, reply.seconds)

    def _query(self, parameters: Mapping[str, str], max_bytes: int, attempts: int | None) -> Reply:
        sent = {**parameters, "f": "json"}
        try:
            return self._send(self._method, self.query_url, sent, max_bytes, attempts)
        except FetchError as error:
            if error.status != 405 or self._method == "GET":
                raise
            self._method = "GET"  # some proxies let nothing else through
            return self._send("GET", self.query_url, sent, max_bytes, attempts)

    def _send(self, method: str, url: str, sent: dict[str, str], max_bytes: int, attempts: int | None) -> Reply:
        how: dict[str, Any] = {"params": sent} if method == "GET" else {"data": sent}
        try:
            return self._transport.request(method, url, max_bytes=max_bytes, attempts=attempts, **how)
        except FetchError as error:
            if error.status in {498, 499}:
                raise TokenRequired(
                    f"the layer asks for a token: {error.message}",
                    cure="look for a public layer of the same data, or ask the publisher to open this one",
                    status=error.status,
                ) from None
            raise
