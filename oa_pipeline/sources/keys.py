"""Partition keys and paths: `us/ca/alameda` + addresses + county <-> `us/ca/alameda/addresses/county`.

Keys are also folders and addresses, so a part that a file system, Dagster or a URL would misread is percent-encoded:
control characters, `%`, a slash inside a name, and dots where they could mean a folder or Dagster's `...`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

PATH_CAP = 600  # characters of a whole path
PART_CAP = 200  # bytes of one folder's or data source's name, escaped; file systems stop at 255

_unsafe = re.compile("[%/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|^\\.+$|\\.{2,}")
_control = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_direction = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]").search
_surrogate = re.compile("[\ud800-\udfff]").search


class Key(NamedTuple):
    """The three parts of a partition key."""

    source: str
    layer: str
    name: str


def key_of(source: str, layer: str, name: str) -> str:
    """The partition key. Different parts give different keys, and `split_key` gives the parts back."""
    return f"{'/'.join(map(folder_name, source.split('/')))}/{layer}/{folder_name(name)}"


def split_key(key: str) -> Key:
    """The parts of a key that `key_of` made; ValueError for a text that is none."""
    parts = key.rsplit("/", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{key!r} is not a partition key: use source/layer/name")
    source, layer, name = parts
    return Key(_unescape(source), layer, _unescape(name))


def folder_name(part: str) -> str:
    """`part` as one harmless path segment: never `.`, `..` or one that holds a slash."""
    return _unsafe.sub(_escape, part)


def base_name(source: str) -> str:
    """The last segment: `alameda` of `us/ca/alameda`."""
    return source.rsplit("/", 1)[-1]


def member_name(source: str, name: str) -> str:
    """What the csv of another than the first data source of a file is called: `us/ca/alameda-city`.

    One file's name whatever the data source's is, and no longer than file systems bear.
    """
    made = f"{source}-{folder_name(name)}"
    if _too_long(base_name(made)):
        made = f"{source}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return made


def source_of(path: str) -> str:
    """`us/ca/alameda` from `sources/us/ca/alameda.json`, from a longer path to that file, or from itself.

    A file outside any `sources` folder whose path is absolute is named by its base name alone.
    """
    plain = path.replace("\\", "/").removesuffix(".json") if "\\" in path else path.removesuffix(".json")
    while plain.startswith("./"):
        plain = plain[2:]
    if plain.startswith("sources/"):
        return plain.removeprefix("sources/")
    if "/sources/" in plain:
        return plain.rsplit("/sources/", 1)[1]
    return base_name(plain) if plain.startswith("/") else plain


def path_fault(source: str) -> str | None:
    """Why `source` cannot be a source's path; None where it can."""
    parts = source.split("/")
    for fault, found in (
        ("is empty", not source),
        ("holds a control character or a line break", _control(source)),
        ("holds marks that change the direction of writing", _direction(source)),
        ("holds half of a surrogate pair", _surrogate(source)),
        (f"has more than {PATH_CAP} characters", len(source) > PATH_CAP),
        ("leaves its folder or has an empty part", any(part in ("", ".", "..") for part in parts)),
        ("has a backslash", "\\" in source),
        (f"has a part of more than {PART_CAP} bytes", any(_too_long(part) for part in parts)),
    ):
        if found:
            return fault
    return None


def name_fault(name: str) -> str | None:
    """Why `name` cannot be a data source's name; None where it can."""
    for fault, found in (
        ("is empty", not name.strip()),
        ("holds a control character or a line break", _control(name)),
        ("holds marks that change the direction of writing", _direction(name)),
        ("holds half of a surrogate pair", _surrogate(name)),
        (f"has more than {PART_CAP} bytes", _too_long(name)),
    ):
        if found:
            return fault
    return None


def case_twins(sources: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of paths that some file systems hold to be the same: equal but for case or Unicode form."""
    groups: dict[str, set[str]] = {}
    for source in sources:
        groups.setdefault(unicodedata.normalize("NFC", source).casefold(), set()).add(source)
    return tuple(tuple(sorted(group)) for _, group in sorted(groups.items()) if len(group) > 1)


def _escape(found: re.Match[str]) -> str:
    text = found.group()
    if text.startswith("."):
        return "%2E" * len(text)
    return quote(text, safe="", errors="surrogatepass")


def _unescape(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _too_long(part: str) -> bool:
    return len(folder_name(part).encode("utf-8", "surrogatepass")) > PART_CAP
