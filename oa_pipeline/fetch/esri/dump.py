"""A whole layer into one file, or an error: nothing in between."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...errors import FetchError, OAError
from ...sources.model import DataSource
from ..model import Fetched, OnProgress, Validators
from ..redact import place
from .answers import ObjectIds
from .cache import Cache
from .choosing import Maker, plans
from .client import MIB, Client
from .layer import Layer, read_layer
from .pace import Pace, PageSize
from .paging import FEATURE_BYTES, Walk, identities
from .plans import Plan
from .troubles import LeadsNowhere, another_way
from .watch import Watch

if TYPE_CHECKING:
    from ..transport import Transport

CONTENT_TYPE = "application/x-ndjson+gzip"
_BATCH = 1000


def probe(transport: Transport, data_source: DataSource) -> Validators:
    """The layer's edit date and count, each None where it does not say: two small requests."""
    client = Client(transport, data_source.data)
    layer = read_layer(client.metadata())
    return Validators(edit_date=layer.edit_date, count=client.count())


def dump(
    transport: Transport,
    data_source: DataSource,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    spread: Callable[[], float] = random.random,
) -> Fetched:
    """All features of an ArcGIS layer in `folder`, which belongs to this data source alone.

    A dump that was broken off goes on in the same folder, unless the layer has changed since. As many features must
    come as the layer counts; where it was edited meanwhile, a number between the old and the new count. Features
    too large to be had by themselves count as come and are noted. Otherwise FetchError, and no file.
    """
    began = clock()
    client = Client(transport, data_source.data)
    asked_before = transport.spent.requests
    try:
        layer = read_layer(client.metadata())
        count = client.count()
        cache = Cache(folder)
        walker = _Walker(client, layer, count, cache, transport, on_progress, clock, sleep, spread)
        notes = walker.all_features() if count != 0 else walker.nothing()
        packed = cache.pack()
    except OAError as error:
        error.place = error.place or place(client.url)
        raise
    return Fetched(
        path=packed.path,
        form="esri",
        size=packed.size,
        sha256=packed.sha256,
        md5=packed.md5,
        file_name=packed.path.name,
        content_type=CONTENT_TYPE,
        final_url=place(client.url),
        validators=Validators(edit_date=layer.edit_date, count=count),
        notes=(*transport.notes, *notes),
        seconds=clock() - began,
        requests=transport.spent.requests - asked_before,
    )


@dataclass(slots=True)
class _Walker:
    """Tries one plan after another until a layer accepts one."""

    client: Client
    layer: Layer
    count: int | None
    cache: Cache
    transport: Transport
    on_progress: OnProgress | None
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    spread: Callable[[], float]

    def nothing(self) -> list[str]:
        """A cache of a layer without features."""
        self.cache.discard()
        self.cache.open(self._identity("empty"), "empty", 0, self.layer.kept)
        return []

    def all_features(self) -> list[str]:
        """Fills the cache; what a person should know about it."""
        refusal: FetchError | None = None
        for make in self._makers():
            try:
                walk = self._walk(make())
                walk.run()
            except LeadsNowhere:
                self.cache.discard()
                raise
            except FetchError as error:
                if self.cache.position.features or not another_way(error):
                    raise
                refusal = refusal or error
            else:
                return [*self._remarks(walk), *self._completeness(walk.plan)]
        raise refusal or FetchError(
            "the layer neither pages nor has an object id field",
            cure="look for another layer of the same data",
        )

    def _makers(self) -> list[Maker]:
        """The plans to try, the one first that an unfinished dump was using."""
        named = list(plans(self.client, self.layer, self.count))
        names = [name for name, _ in named]
        begun = self.cache.begun_with()
        first = names.index(begun) if begun in names else 0
        return [make for _, make in named[first:] + named[:first]]

    def _walk(self, plan: Plan) -> Walk:
        ids = ObjectIds(self.layer.oid)
        self.cache.open(self._identity(plan.signature), plan.name, plan.start, self.layer.kept)
        return Walk(
            client=self.client,
            plan=plan,
            cache=self.cache,
            ids=ids,
            watch=Watch(lambda: self._ids_in_cache(ids), self.cache.position.highest),
            pace=Pace(self.transport.hosts.limit(self.client.host), clock=self.clock, spread=self.spread),
            sizes=PageSize(self.layer.page_limit),
            attempts=self.transport.budget.attempts,
            sleep=self.sleep,
            total=self.count if self.count is not None else plan.expected,
            on_progress=self.on_progress,
        )

    def _identity(self, signature: str) -> str:
        facts = [self.client.url, self.layer.kept.decode(), self.count, self.layer.edit_date, signature]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _ids_in_cache(self, ids: ObjectIds) -> Iterator[int]:
        features = map(msgspec.Raw, self.cache.features())
        while batch := list(islice(features, _BATCH)):
            yield from identities(batch, ids.of(batch))

    def _remarks(self, walk: Walk) -> Iterator[str]:
        if left_out := self.cache.position.left_out:
            features = "1 feature" if left_out == 1 else f"{left_out:,} features"
            yield f"esri: {features} over {FEATURE_BYTES // MIB} MiB left out"
        if walk.repaired:
            yield "esri: answers that were not valid JSON or not UTF-8 were repaired"

    def _completeness(self, plan: Plan) -> Iterator[str]:
        """Raises FetchError, and forgets the dump, where features are missing or too many."""
        held = self.cache.position
        got = held.features + held.left_out
        expected = self.count if self.count is not None else plan.expected
        if expected is None:
            yield "esri: the layer cannot count; each page was checked for having been cut off"
            return
        if got == expected:
            return
        again = self.client.count() if self.count is not None else None
        if again is not None and again != expected and min(again, expected) <= got <= max(again, expected):
            yield f"esri: the layer was edited meanwhile, from {expected:,} to {again:,} features; {got:,} came"
            return
        self.cache.discard()
        raise FetchError(
            f"{got:,} features came, but the layer counts {expected:,}",
            cure="try again later; if it stays so, tell the publisher"
            + ("; features without geometry cannot be had from this layer" if plan.overlapping else ""),
        )
