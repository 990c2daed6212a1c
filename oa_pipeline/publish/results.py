"""The objects of one run: what lies where below its prefix, `runs/{number}/` or `pr/{number}/`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..crash import point
from ..errors import PublishError
from .saved import disposition
from .store import Store, StoredObject, content_type

if TYPE_CHECKING:
    from ..process import Result

# Names that readers of the store have always known; a kind that is not listed keeps its file's name.
NAMES = {
    "geojson": "out.geojson.gz",
    "csv": "{source}.zip",
    "parquet": "out.parquet",
    "sample": "sample.json",
    "log": "output.txt",
    "index": "index.json",
}
LAST = "index"  # who finds it finds all the others


def publish_run(
    store: Store, prefix: str, source: str, result: Result, folder: Path, *, whose: str = ""
) -> dict[str, StoredObject]:
    """Stores the files of a run of a data source of the file `source`, and says what is where, by kind.

    `prefix` is the run's own and ends with a slash. Files are taken from `folder` where the result names them
    relatively. Readers save them under the name `whose`, see `saved`. Repeating it stores nothing twice.
    """
    kinds = sorted(result.files, key=lambda kind: (kind == LAST, kind))
    stored = {}
    for kind in kinds:
        if kind == LAST:
            point("publish.before-index")
        path = folder / result.files[kind]
        key = object_key(prefix, source, kind, path)
        stored[kind] = _publish(store, key, kind, path, result, disposition(key, whose))
        point("publish.first-object")
    point("publish.done")
    return stored


def object_key(prefix: str, source: str, kind: str, path: Path) -> str:
    """Where the file of this kind lies."""
    if kind == "cache":
        return f"{prefix}cache{''.join(path.suffixes[-1:])}"
    return f"{prefix}{NAMES.get(kind, path.name).format(source=source)}"


def _publish(store: Store, key: str, kind: str, path: Path, result: Result, disposition: str) -> StoredObject:
    output = result.outcome.outputs.get(kind)
    known = output.sha256 if output else result.fetched.sha256 if kind == "cache" and result.fetched else ""
    try:
        sha256, size = known or _sha256(path), path.stat().st_size
    except OSError as error:
        raise PublishError(
            f"{path.name}, to be stored as {key}, cannot be read: {error.strerror}",
            cure="see who empties the work folders below OA_HOME while runs are at work",
        ) from error
    kept = StoredObject(key, size, sha256, content_type(key), output.rows if output else None)
    store.put(key, path, content_type=kept.content_type, sha256=sha256, disposition=disposition)
    return kept


def _sha256(path: Path) -> str:
    with path.open("rb") as held:
        return hashlib.file_digest(held, "sha256").hexdigest()
