"""Asks a publisher whether the data has changed, without downloading it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from ..errors import FetchError, SourceError
from ..sources.model import DataSource, Protocol
from . import files, ftp
from .download import conditions
from .guard import Guard
from .hosts import Hosts
from .model import Budget, Validators
from .redact import redact
from .transport import Transport

State = Literal["unchanged", "changed", "unknown"]
CLOCK_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Probe:
    """The publisher's word. Only "unchanged" saves a download; `why` says what made it "unknown".

    `validators` are the newest known: to be kept with whatever is downloaded next.
    """

    state: State
    validators: Validators
    why: str = ""


def probe(
    data_source: DataSource,
    validators: Validators,
    *,
    budget: Budget,
    guard: Guard,
    hosts: Hosts | None = None,
) -> Probe:
    """Whether the data is still what it was when `validators` were noted.

    "unchanged" needs proof: an equal strong ETag or a believable date, an equal ESRI edit date and count, an equal size
    and time. A publisher that cannot be asked is "unknown"; the run that follows will say why.
    """
    try:
        with Transport(guard, budget, hosts=hosts, headers=data_source.request_headers) as transport:
            scheme = data_source.data.strip().partition(":")[0].lower()
            kind = "esri" if data_source.protocol is Protocol.ESRI else scheme
            return _BY_KIND.get(kind, _http)(transport, data_source, trusted(validators))
    except (FetchError, SourceError) as error:
        return Probe("unknown", validators, redact(str(error)))


def trusted(held: Validators, now: datetime | None = None) -> Validators:
    """`held` without what proves nothing: weak ETags, which servers change or keep at will, and dates to come."""
    etag = "" if held.etag.startswith("W/") else held.etag
    dated = held.last_modified
    try:
        when = parsedate_to_datetime(dated)
    except (ValueError, IndexError, TypeError, OverflowError):
        # ftp's stamps are no HTTP dates; they are only ever compared with themselves.
        dated = dated if dated.isdigit() else ""
    else:
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        dated = dated if when <= (now or datetime.now(UTC)) + CLOCK_SLACK else ""
    return Validators(etag, dated, held.edit_date, held.count)


def _http(transport: Transport, data_source: DataSource, held: Validators) -> Probe:
    asked = conditions(held)
    status, headers = transport.ask(data_source.data, asked)
    if status == 304:
        if asked:
            return Probe("unchanged", held)
        return Probe("unknown", held, "the server says 'unchanged' to somebody who has nothing")
    found = Validators(headers.get("etag", ""), headers.get("last-modified", ""))
    return _compared(held, found)


def _compared(held: Validators, found: Validators) -> Probe:
    """ETags where both have one, else dates. `held` is trusted already."""
    now = trusted(found)
    for before, after in ((held.etag, now.etag), (held.last_modified, now.last_modified)):
        if before and after:
            return Probe("unchanged" if before == after else "changed", found)
    return Probe("unknown", found, "the publisher gives no usable ETag or date")


def _ftp(transport: Transport, data_source: DataSource, held: Validators) -> Probe:
    return _compared(held, ftp.validators(transport.client, data_source.data))


def _file(transport: Transport, data_source: DataSource, held: Validators) -> Probe:
    return _compared(held, files.validators(transport.client, data_source.data))


def _esri(transport: Transport, data_source: DataSource, held: Validators) -> Probe:
    from . import esri

    found = esri.probe(transport, data_source)
    if held.edit_date is None or found.edit_date is None:
        return Probe("unknown", found, "the layer has no edit date")
    same = (held.edit_date, held.count) == (found.edit_date, found.count)
    return Probe("unchanged" if same else "changed", found)


_BY_KIND: Mapping[str, Callable[[Transport, DataSource, Validators], Probe]] = {
    "http": _http,
    "https": _http,
    "ftp": _ftp,
    "file": _file,
    "esri": _esri,
}
