"""A pull request's complete result, published as that of the data source once it is merged: nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import PublishError
from ..ledger.reuse import Wanted, result_of_merge
from ..publish.saved import disposition
from .version import code_version

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from ..ledger.reading import Row
    from ..process.index import RunFacts
    from ..publish.store import Store
    from ..sources.model import DataSource

BLOCK = 1024 * 1024
OWN = ("index", "log")  # of a run's files those that tell of the run itself
INDEX = "index"


def proposed(engine: Engine, data_source: DataSource, blob_sha: str, *, now: datetime) -> Row | None:
    """The run of a merged pull request whose result may be this data source's; None where there is none."""
    if not blob_sha or data_source.skip:
        return None
    wanted = Wanted(blob_sha, str(data_source.layer), data_source.name, code_version())
    found = result_of_merge(engine, data_source.key, wanted, now=now)
    return found if found is not None and found["digest"] == data_source.digest else None


def adopt(store: Store, run: Row, prefix: str, facts: RunFacts, *, whose: str = "") -> dict[str, dict[str, Any]]:
    """Copies the objects of a proposal's run below `prefix`; their hashes are checked on the way.

    Readers save them under the name `whose`, and no longer as something proposed. The index is written anew, last, as
    that of the run that adopts them. Raises PublishError where an object is not what the ledger says it is; then
    nothing lies below `prefix`, and the run can make its own.
    """
    outputs: Mapping[str, Mapping[str, Any]] = run["outputs"]
    kept = {
        kind: {**output, "key": f"{prefix}{PurePosixPath(output['key']).relative_to(PurePosixPath(run['prefix']))}"}
        for kind, output in outputs.items()
        if kind != INDEX
    }
    try:
        for kind, output in kept.items():
            _copy(store, outputs[kind], output["key"], whose)
        if INDEX in outputs:
            kept[INDEX] = _index(store, outputs[INDEX], f"{prefix}index.json", facts, run["id"], whose)
    except PublishError:
        store.delete_prefix(prefix)
        raise
    return kept


def _copy(store: Store, output: Mapping[str, Any], to: str, whose: str) -> None:
    digest = hashlib.sha256()
    writing = store.writer(to, content_type=output["content_type"], disposition=disposition(to, whose))
    with store.open(output["key"]) as held, writing as out:
        while block := held.read(BLOCK):
            digest.update(block)
            out.write(block)
        if digest.hexdigest() != output["sha256"]:  # within the block: nothing is stored
            raise PublishError(
                f"{output['key']} is not what was stored there", cure="the source is processed again by the next run"
            )


def _index(
    store: Store, output: Mapping[str, Any], to: str, facts: RunFacts, adopted: int, whose: str
) -> dict[str, Any]:
    with store.open(output["key"]) as held:
        found = json.load(held)
    found["run"] = asdict(facts)
    found["adopted"] = adopted
    text = (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()
    with store.writer(to, content_type=output["content_type"], disposition=disposition(to, whose)) as out:
        out.write(text)
    return {**output, "key": to, "size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
