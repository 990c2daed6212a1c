"""What a collection says of itself: README, licences, whom to name, and a manifest for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC

from ...sources.licence import terms
from .snapshot import ZIP, Collected, Snapshot

ATTRIBUTION_COLUMNS = ("source", "csv", "website", "license", "attribution_required", "attribution_name", "share_alike")
TERMS = {
    "": "Sources whose licence does not require to share alike.",
    "sa": "Sources whose licence requires to share alike: what is made of them is under the same licence.",
}


def documents(snapshot: Snapshot, area: str, licence: str, sources: Sequence[Collected]) -> dict[str, bytes]:
    """The members of a zip that are not a source's, by name."""
    return {
        "README.txt": readme(snapshot, area, licence, sources),
        "LICENSE.txt": licences(sources),
        "attribution.csv": attribution(sources),
        "manifest.json": manifest(snapshot, area, licence, sources),
    }


def readme(snapshot: Snapshot, area: str, licence: str, sources: Sequence[Collected]) -> bytes:
    """What this is, of when, and made of what."""
    rows = sum(s.outputs[ZIP].rows or 0 for s in sources)
    return (
        f"Data collected by OpenAddresses around {_day(snapshot)}.\n\n"
        f"{_origin(snapshot)}\n\n"
        f"Area: {area}\n"
        f"{TERMS[licence]}\n"
        f"{rows:,} addresses of {len(sources):,} sources.\n\n"
        "One csv a source, with a vrt that tells GDAL how to read it; below summary/ how many addresses lie in each\n"
        "square of a tenth of a degree. LICENSE.txt and attribution.csv say under which terms, manifest.json of which\n"
        "runs. The csv files are UTF-8. Cells are as published at the source, also those that begin with =, +, -\n"
        "or @: open the files as data, not as sheets that calculate.\n"
    ).encode()


def _day(snapshot: Snapshot) -> str:
    return f"{snapshot.taken_at.astimezone(UTC):%Y-%m-%d}"


def _origin(snapshot: Snapshot) -> str:
    if snapshot.repository and snapshot.commit:
        return f"Sources: https://github.com/{snapshot.repository}/tree/{snapshot.commit}/sources"
    commit = f"commit {snapshot.commit} of " if snapshot.commit else ""
    return f"Sources: {commit}{snapshot.repository or 'the source repository'}"


def licences(sources: Sequence[Collected]) -> bytes:
    """The terms of every source, one after the other."""
    parts = ["Data collected by OpenAddresses (https://openaddresses.io). The licence of each source:\n"]
    parts += [terms(source.base, source.website, source.licence) for source in sources]
    return "\n".join(parts).encode()


def attribution(sources: Sequence[Collected]) -> bytes:
    """The same as a table; empty where nothing is known."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(ATTRIBUTION_COLUMNS)
    for source in sources:
        licence = source.licence
        flags = {True: "yes", False: "no", None: ""}
        table.writerow(
            (
                source.key,
                f"{source.base}.csv",
                source.website,
                licence.text,
                flags[licence.attribution_required],
                licence.attribution_name,
                flags[licence.share_alike],
            )
        )
    return text.getvalue().encode()


def manifest(snapshot: Snapshot, area: str, licence: str, sources: Sequence[Collected]) -> bytes:
    """The runs that the members are of, and what was left out, as JSON."""
    facts = {
        "area": area,
        "share_alike": bool(licence),
        "taken_at": f"{snapshot.taken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "repository": snapshot.repository,
        "commit": snapshot.commit,
        "code_version": snapshot.code_version,
        "sources": len(sources),
        "rows": sum(s.outputs[ZIP].rows or 0 for s in sources),
        "members": [_member(source) for source in sources],
        "left_out": [left.as_json() for left in snapshot.left_out],
    }
    return (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode()


def _member(source: Collected) -> dict[str, object]:
    zipped = source.outputs[ZIP]
    return {
        "key": source.key,
        "csv": f"{source.base}.csv",
        "run": source.run,
        "made_by_run": source.original,
        "commit": source.commit,
        "rows": zipped.rows,
        "areas": list(source.areas),
        "zip": {"key": zipped.key, "size": zipped.size, "sha256": zipped.sha256},
    }
