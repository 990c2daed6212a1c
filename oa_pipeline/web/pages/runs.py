"""One run: what went in, what came out, what was wrong, and a look at its data."""

from __future__ import annotations

from typing import Any

from ...ledger import queries
from ...ledger.reading import Row
from ...ledger.tables import runs
from ..answering.stored import told
from ..columns import columns
from ..cures import problem_of
from ..endpoints import LAST_NUMBER, Answer, Asked, Endpoint, Field, Kind, NotFound, Parameter
from ..forms import json_form

NUMBER = Parameter("number", "the run's number", Kind.INTEGER, least=1, most=LAST_NUMBER, in_path=True)
SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS, SAMPLE_COLUMNS, SAMPLE_TEXT = 10, 80, 200
PUBLIC = (
    "id", "key", "source", "layer", "name", "status", "set_id", "job_id", "pull_request", "blob_sha", "commit_sha",
    "code_version", "tests_passed", "compared_with", "accepted_at", "accepted_by", "rejected_at", "rejected_by",
    "cache_sha256", "cache_md5", "cache_size", "cache_content_type", "rows", "sampled", "counters", "content_hash",
    "data_version", "geometry_type", "bounds", "licence", "attribution_required", "attribution_name", "share_alike",
    "website", "seconds", "cpu_seconds", "peak_memory", "copy_of", "predecessor", "successor", "started_at",
    "ended_at", "pruned_at",
)  # fmt: skip
KINDS = {
    "csv": "CSV in a zip", "geojson": "GeoJSON", "parquet": "GeoParquet", "pmtiles": "PMTiles", "sample": "sample",
    "log": "log", "index": "index", "cache": "download, as the publisher gave it", "summary": "summary", "vrt": "VRT",
    "preview": "preview",
}  # fmt: skip


def run(asked: Asked) -> Answer:
    """What the ledger knows of a run that is for everybody."""
    number = asked["number"]
    found = queries.run(asked.site.ledger(), number)
    if found is None:
        raise NotFound(f"Run {number} does not exist")
    data = {
        **{name: found[name] for name in PUBLIC},
        "problem": problem_of(found),
        "warnings": list(found["warnings"]),
        "outputs": objects(asked, found),
        "preview": preview(asked, found),
        "late": [
            {"status": one["status"], "found": one["found"], "at": one["at"]}
            for one in queries.late(asked.site.ledger(), number)
        ],
    }
    seen = sample(asked, found)
    return Answer(data, title=f"Run {number}", only_page={"sample": seen, "kinds": KINDS})


def objects(asked: Asked, found: Row) -> list[dict[str, Any]]:
    """The objects of a run with their addresses; none where they were removed to keep the store small."""
    if found["pruned_at"]:
        return []
    return [
        {
            "kind": kind,
            "url": asked.site.object_url(one["key"]),
            **{name: one.get(name) for name in ("size", "sha256", "rows")},
        }
        for kind, one in sorted(found["outputs"].items())
        if isinstance(one, dict) and isinstance(one.get("key"), str)
    ]


def preview(asked: Asked, found: Row) -> str | None:
    """The address of the picture of where its rows are."""
    kept = found["outputs"].get("preview")
    there = isinstance(kept, dict) and isinstance(kept.get("key"), str) and not found["pruned_at"]
    return asked.site.picture_url(kept["key"]) if there else None


def sample(asked: Asked, found: Row) -> list[list[str]]:
    """The header and first rows of what the publisher gave, of the store and bounded; empty: there is none to show."""
    kept = found["outputs"].get("sample")
    if not isinstance(kept, dict) or found["pruned_at"]:
        return []
    table = told(asked, str(kept.get("key")), SAMPLE_BYTES)
    if not isinstance(table, list):
        return []
    return [
        [str("" if cell is None else cell)[:SAMPLE_TEXT] for cell in row[:SAMPLE_COLUMNS]]
        for row in table[: SAMPLE_ROWS + 1]
        if isinstance(row, list)
    ]


ENDPOINTS = (
    Endpoint(
        "/runs/<number>/",
        "A run",
        "What one run of a data source read, made and found wrong.",
        run,
        template="run.html",
        twins={"json": json_form()},
        parameters=(NUMBER,),
        result=(
            *columns(runs, PUBLIC),
            Field("problem", Kind.OBJECT, "text, detail and cure; null: none"),
            Field("warnings", Kind.ARRAY, "what it found odd"),
            Field("outputs", Kind.ARRAY, "its objects: kind, url, size, sha256, rows"),
            Field("preview", Kind.STRING, "address of a picture of where its rows are; null: there is none"),
            Field("late", Kind.ARRAY, "results that came after it had been given up"),
        ),
        example="/runs/1/",
    ),
)
