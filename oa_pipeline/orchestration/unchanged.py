"""Whether a data source still is what its last good run published: what spares a download, and a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import OAError
from .version import code_version

if TYPE_CHECKING:
    from ..fetch import Budget, Guard, Hosts
    from ..publish.store import Store
    from ..sources.model import DataSource


def reusable(last: Mapping[str, Any] | None, data_source: DataSource, store: Store) -> bool:
    """Whether the last good run was of the same declaration and code, and its objects are still there."""
    if last is None or data_source.skip:
        return False
    if (last["digest"], last["code_version"]) != (data_source.digest, code_version()):
        return False
    return bool(last["outputs"]) and all_there(store, last["prefix"], last["outputs"])


def all_there(store: Store, prefix: str, outputs: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the store has all these objects. Those below `prefix` cost one question, not one each."""
    held = {found.key for found in store.list(prefix)} if prefix else set()
    return all(output["key"] in held or store.exists(output["key"]) for output in outputs.values())


def publisher_says_unchanged(
    data_source: DataSource, last: Mapping[str, Any], *, budget: Budget, guard: Guard, hosts: Hosts
) -> bool:
    """Whether the publisher, when asked, proves that the download would be the one `last` had."""
    from ..fetch import probe
    from ..fetch.model import Validators

    validators = Validators.from_json(dict(last["validators"]))
    try:
        return probe(data_source, validators, budget=budget, guard=guard, hosts=hosts).state == "unchanged"
    except OAError:
        return False  # the download meets the same trouble, and has the words for it
