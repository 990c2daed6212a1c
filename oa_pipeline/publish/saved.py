"""Under which name a reader saves an object: keys of a run's files say which run it was, and rarely of what.

`runs/7/out.parquet` is saved as `us-ca-alameda-addresses-county.parquet`, and `tiles/8/-122.0/37.0.zip` with both of
its degrees. Sources and data sources are named by
contributors, so of their names only letters, digits, dots, hyphens and underscores get here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

LONGEST = 180  # bytes of what says whose a file is; with what follows it stays below the 255 of file systems
# What a run's file is called behind the name of its data source, by its own name up to the first dot.
WHICH: Mapping[str, str] = {
    "out": "",
    "slippymap": "",
    "sample": "-sample",
    "output": "-log",
    "index": "-index",
    "cache": "-cache",
}
SHOWN = ".png"  # pages show it; everything else is saved
_of_run = re.compile(r"(?:runs|pr)/([0-9]{1,18})/([a-z]+)((?:\.[A-Za-z0-9_-]{1,20}){0,2})")
_of_tile = re.compile(r"tiles/[0-9]+/(-?[0-9]{1,3}\.0)/(-?[0-9]{1,2}\.0\.zip)")
_extension = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){1,2}$")
_odd_ascii = re.compile("[^A-Za-z0-9.-]+")


def whose(source: str, layer: str, name: str, pull_request: int | None = None) -> str:
    """What the files of a data source's runs are called; what is only proposed says so."""
    parts = (*source.split("/"), layer, name)
    made = "-".join(filter(None, ("_".join(_words(part)) for part in parts)))
    if made and pull_request is not None:
        made = f"pr-{pull_request}-{made}"
    if len(made.encode()) > LONGEST:
        made = f"{made.encode()[: LONGEST - 9].decode(errors='ignore')}-{_digest('/'.join(parts))}"
    return made


def run_of(key: str) -> int | None:
    """The run of whose result the key does not say what it is a result of; None where it does, or is none."""
    found = _of_run.fullmatch(key)
    return int(found[1]) if found and found[2] in WHICH else None


def saved_name(key: str, whose: str = "") -> str:
    """What the object is saved as, where the run that its key tells of is `whose`; without that, its plain name."""
    found = _of_run.fullmatch(key)
    if whose and found and found[2] in WHICH:
        return f"{whose}{WHICH[found[2]]}{found[3]}"
    if tile := _of_tile.fullmatch(key):
        return f"openaddresses-tile_{tile[1]}_{tile[2]}"
    return key.rpartition("/")[2]


def plainly_saved(key: str, whose: str = "") -> str:
    """The same as a plain name, see `plain_name`."""
    return plain_name(saved_name(key, whose and plain_name(whose)))


def disposition(key: str, whose: str = "") -> str:
    """The Content-Disposition of the object, in ASCII; empty for what pages show.

    Nothing that a publisher or a contributor wrote is opened as a page: a browser saves it.
    """
    if key.endswith(SHOWN):
        return ""
    name, plain = saved_name(key, whose), plainly_saved(key, whose)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f"attachment; filename={plain}{exact}"


def plain_name(name: str) -> str:
    """The name in letters, digits, dots, hyphens and underscores of ASCII: good for any shell, header and disk.

    Names that differ in letters of other scripts still differ.
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if unicodedata.category(c)[0] != "M")
    plain = re.sub(r"\.{2,}", ".", _odd_ascii.sub("_", bare)).lstrip(".-") or "file"
    if bare.isascii():
        return plain
    end = _extension.search(plain)
    at = end.start() if end else len(plain)
    return f"{plain[:at]}-{_digest(name)}{plain[at:]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _words(text: str) -> list[str]:
    """What is left of a name: letters and digits of all scripts, with dots and hyphens between them."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(c if c in "-." or unicodedata.category(c)[0] in "LMN" else " " for c in composed)
    words = (word.strip("-.") for word in re.sub(r"\.{2,}", " ", kept).split())
    return [word for word in words if word]
