"""What an ArcGIS server says, decoded: small answers as dictionaries, pages of features as raw JSON.

Servers print bare NaN and Infinity, byte order marks and broken UTF-8. Such answers are repaired as little as
possible: every other byte of a feature stays exactly as the server gave it.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from ...errors import FetchError, TokenRequired

_NOT_NUMBERS = re.compile(rb'("(?:[^"\\]++|\\.)*+")|-?\b(?:NaN|Infinity|nan|inf|1\.#[A-Z]+)\b', re.DOTALL)
_TITLE = re.compile(rb"<title[^>]*>([^<]{0,200})", re.IGNORECASE)
_STRETCH = 1 << 20
_TOKEN_CODES = frozenset({498, 499})
_TOKEN_WORDS = re.compile(r"\btoken required\b|\binvalid token\b", re.IGNORECASE)


class LayerError(FetchError):
    """The server answered, and its answer is an error object."""


class _Page(msgspec.Struct):
    features: list[msgspec.Raw] | None = None
    exceeded: bool | None = msgspec.field(default=None, name="exceededTransferLimit")
    error: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    """Features in the server's order, each the bytes of one JSON object, and their object ids (None: it has none)."""

    features: Sequence[msgspec.Raw]
    ids: Sequence[int | None]
    exceeded: bool
    size: int
    seconds: float
    repaired: bool = False


def identity(value: object) -> int | None:
    """An object id as an integer: whole numbers as they are, other text by its digest, None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):  # one of hundreds of digits is no float, and its decimal text has a price
        return value if abs(value) < 1 << 63 else digest(hex(value).encode())
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            return None
        return int(value) if abs(value) < 1 << 63 else digest(repr(value).encode())
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else digest(text.encode())
    return None


def whole(value: object) -> int | None:
    """`value` where it is a whole number, in whatever clothes; None for anything else."""
    number = identity(value)
    return number if number is not None and abs(number) < 1 << 63 else None


def digest(content: bytes | msgspec.Raw) -> int:
    """Sixty-three bits that stand for `content`, above all integers that servers use as object ids."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") | 1 << 63


class ObjectIds:
    """Reads the object id out of a feature's bytes, whatever the case in which the server spells its field."""

    def __init__(self, field: str | None) -> None:
        """`field` is the layer's object id field; None for a layer without one."""
        self._field = field
        self._decoder = _feature_decoder(field) if field else None

    def of(self, features: Sequence[msgspec.Raw]) -> list[int | None]:
        """One id, or None, for each feature; FetchError where features are not objects."""
        if self._decoder is None or not features:
            return [None] * len(features)
        try:
            decode = self._decoder.decode
            ids = [identity(_oid(decode(feature))) for feature in features]
            if ids[0] is None and (respelt := self._respelt(features[0])):
                self._decoder = respelt
                ids = [identity(_oid(respelt.decode(feature))) for feature in features]
        except (msgspec.DecodeError, RecursionError) as error:
            raise FetchError(f"a feature cannot be read: {error}", cure="report it to the publisher") from None
        return ids

    def _respelt(self, feature: msgspec.Raw) -> msgspec.json.Decoder[Any] | None:
        attributes = msgspec.json.decode(feature).get("attributes") or {}
        wanted = (self._field or "").casefold()
        spelt = next((name for name in attributes if name.casefold() == wanted and name != self._field), None)
        return _feature_decoder(spelt) if spelt else None


def _feature_decoder(field: str) -> msgspec.json.Decoder[Any]:
    attributes = msgspec.defstruct("Attributes", [("oid", Any, None)], rename={"oid": field})
    optional: Any = attributes | None
    return msgspec.json.Decoder(msgspec.defstruct("Feature", [("attributes", optional, None)]))


def _oid(feature: Any) -> object:
    return None if feature.attributes is None else feature.attributes.oid


def read_object(body: bytes) -> dict[str, Any]:
    """A small answer. Raises TokenRequired, LayerError for an error object, FetchError for what is not JSON."""
    answer, _ = _decode(body, Any)
    if not isinstance(answer, dict):
        raise FetchError("the server's answer is not a JSON object", cure="check that the address is an ArcGIS layer")
    _raise_error(answer.get("error"))
    return answer


def read_page(body: bytes, ids: ObjectIds, seconds: float) -> Page:
    """A page of features; raises as `read_object` does, and FetchError where there is no list of features."""
    page, repaired = _decode(body, _Page)
    _raise_error(page.error)
    if page.features is None:
        raise FetchError("the server's answer holds no features", cure="check that the layer can be queried")
    return Page(page.features, ids.of(page.features), bool(page.exceeded), len(body), seconds, repaired)


def _decode(body: bytes, kind: Any) -> tuple[Any, bool]:
    """`body` as `kind`, and whether it had to be repaired."""
    if body.lstrip()[:1] == b"<":
        raise FetchError(
            f"the server answered with a web page{_title(body)}",
            cure="open the address in a browser: the service may have moved, be down or want a login",
        )
    try:
        sound, mended = _utf8(body)
        return msgspec.json.decode(sound, type=kind), mended
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        sound, _ = _utf8(body.removeprefix(b"\xef\xbb\xbf"))
        sound = _NOT_NUMBERS.sub(lambda found: found.group(1) or b"null", sound)
        return msgspec.json.decode(sound, type=kind), True
    except (msgspec.DecodeError, RecursionError) as error:
        raise FetchError(
            f"the server's answer cannot be read: {error}",
            cure="check that the address is an ArcGIS layer",
        ) from None


def _utf8(body: bytes) -> tuple[bytes, bool]:
    """`body` as UTF-8 on one line, and whether characters had to be replaced."""
    broken = not body.isascii() and not _sound(body)
    if broken:
        body = body.decode("utf-8", "replace").encode()
    if b"\n" in body or b"\r" in body:
        # Inside a JSON text a line break can only stand between tokens: a blank means the same.
        body = body.replace(b"\r", b" ").replace(b"\n", b" ")
    return body, broken


def _sound(body: bytes) -> bool:
    """Whether `body` is UTF-8, without ever holding all of it as text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), _STRETCH):
            decoder.decode(memoryview(body)[start : start + _STRETCH])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _title(body: bytes) -> str:
    found = _TITLE.search(body[:65536])
    return f" ({found.group(1).decode('utf-8', 'replace').strip()})" if found else ""


def _raise_error(error: Any) -> None:
    if not error:
        return
    held = error if isinstance(error, dict) else {"message": str(error)}
    code = whole(held.get("code"))
    details = held.get("details") or []
    texts = [held.get("message"), *(details if isinstance(details, list) else [details])]
    message = "; ".join(dict.fromkeys(str(text).strip() for text in texts if text))[:500] or "no reason given"
    if code in _TOKEN_CODES or _TOKEN_WORDS.search(message):
        raise TokenRequired(
            f"the layer asks for a token: {message}",
            cure="look for a public layer of the same data, or ask the publisher to open this one",
            status=code,
        )
    raise LayerError(
        f"the server reports an error: {message}",
        cure="open the layer's address in a browser; it may have moved",
        transient=code is not None and (code == 429 or code >= 500),
        status=code,
    )
