"""Names inside archives: what they say, whether they are harmless, and what they become on our disk."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

NAME_BYTES = 1024
_UTF8_FLAG = 1 << 11
_UNICODE_PATH = 0x7075
_DRIVE = re.compile(r"\A[A-Za-z]:")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_EAST_ASIAN = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+")
_JUNK_DIRECTORY = "__MACOSX"
_KEPT = frozenset(" _-.()+")


def decode_name(raw: bytes, flags: int, extra: bytes = b"") -> tuple[str, tuple[str, ...]]:
    """The name that `raw` spells, and other readings of it that a `file` tag may have been written for.

    The flag decides; without it UTF-8 where it is valid, Shift-JIS where that gives nothing but Japanese, else cp437,
    which is what the format says and what most programs show.
    """
    plain = raw.decode("cp437")
    if flags & _UTF8_FLAG or raw.isascii():
        name = raw.decode("utf-8", "replace")
    else:
        name = _unicode_path(raw, extra) or _guessed(raw) or plain
    name = name.replace("\\", "/")
    return name, tuple({plain.replace("\\", "/")} - {name})


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The UTF-8 name that Info-ZIP keeps beside the old one, when it was made for this very name."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + size]
        if tag == _UNICODE_PATH and len(body) > 5 and struct.unpack_from("<I", body, 1)[0] == zlib.crc32(raw):
            return body[5:].decode("utf-8", "replace")
        at += 4 + size
    return None


def _guessed(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        name = raw.decode("cp932")
    except UnicodeDecodeError:
        return None
    # A lone accented letter also makes a character of two bytes, with the letter after it; Japanese comes in words.
    words = _BEYOND_ASCII.findall(name)
    return name if all(len(word) > 1 and _EAST_ASIAN.fullmatch(word) for word in words) else None


def fault(name: str) -> str | None:
    """What is wrong with a member's name, or None when it stays inside its archive."""
    parts = name.split("/")
    if not name.strip("/ "):
        return "has no name"
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        return "has control characters in its name"
    if name.startswith("/"):
        return "has an absolute path"
    if _DRIVE.match(name):
        return "names a drive"
    if ".." in parts:
        return "climbs out of the archive"
    if any(len(part.encode("utf-8", "replace")) > 255 for part in parts):
        return "has a name longer than 255 bytes"
    return None


def tidy(name: str) -> str:
    """`name` without `.` parts and doubled slashes, as it is compared and shown."""
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def shown(name: str, limit: int = 100) -> str:
    """`name` fit for a message."""
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return name if len(name) <= limit else name[: limit - 1] + "…"


def listing(names: list[str], most: int = 12) -> str:
    """`names` for a message: the first ones, and how many more there are."""
    text = ", ".join(shown(name) for name in names[:most]) or "nothing"
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def is_junk(name: str) -> bool:
    """Whether a file system left `name` behind: nobody means these as data."""
    base = name.rsplit("/", 1)[-1]
    return name.split("/")[0] == _JUNK_DIRECTORY or base.startswith("._") or base in {".DS_Store", "Thumbs.db"}


def split_name(name: str) -> tuple[str, str, str]:
    """Directory, stem and extension ("shp/Roads.SHP" -> "shp", "Roads", ".SHP")."""
    directory, _, base = name.rpartition("/")
    stem, dot, extension = base.rpartition(".")
    return (directory, stem, dot + extension) if stem else (directory, base, "")


class Shelf:
    """Gives members of archives places below one folder.

    Files of one directory of an archive share a directory, and files with one stem keep one stem, so that the parts
    of a shapefile find each other; extensions become lower case; everything else about a name is made harmless.
    """

    def __init__(self, root: Path) -> None:
        """Everything is placed below `root`."""
        self._root = root
        self._directories: dict[str, Path] = {}
        self._stems: dict[tuple[str, str], str] = {}
        self._taken: set[tuple[str, str]] = set()

    def place(self, name: str, *, geodatabase: bool = False) -> Path:
        """Where `name` goes; its directory exists. `geodatabase`: the directory must be called `.gdb`."""
        directory, stem, extension = split_name(name)
        folder = self._directories.get(directory)
        if folder is None:
            folder = self._root / f"d{len(self._directories)}"
            if geodatabase or directory.lower().endswith(".gdb"):
                folder /= _harmless(split_name(directory)[1] or "data") + ".gdb"
            folder.mkdir(parents=True)
            self._directories[directory] = folder
        return folder / (self._stem(directory, stem) + _harmless(extension).lower() if extension else stem_only(stem))

    def _stem(self, directory: str, stem: str) -> str:
        key = (directory, stem.casefold())
        if key not in self._stems:
            harmless = _harmless(stem)
            while (directory, harmless.casefold()) in self._taken:
                harmless += "_"
            self._taken.add((directory, harmless.casefold()))
            self._stems[key] = harmless
        return self._stems[key]


def stem_only(stem: str) -> str:
    """The file name of a member without an extension."""
    return _harmless(stem)


def _harmless(text: str) -> str:
    kept = "".join(c if c.isalnum() or c in _KEPT else "_" for c in text[:80])
    return kept if kept.strip(". ") else "_"
