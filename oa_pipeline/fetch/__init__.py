"""Brings a data source's data to this machine, whole or not at all. Knows the network and no file formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import FetchError, Problem, SourceError
from ..sources.model import DataSource, Protocol
from . import files, ftp
from .client import Client
from .download import Wish
from .download import download as _over_http
from .guard import Guard
from .hosts import Hosts
from .model import Budget, Fetched, OnProgress, Validators
from .naming import disk_suffix, file_name
from .probe import Probe, probe
from .redact import redact
from .reply import Download
from .retry import Patience
from .transport import Transport

__all__ = ["Budget", "Fetched", "Guard", "Hosts", "Probe", "Transport", "Validators", "fetch", "probe"]


def fetch(
    data_source: DataSource,
    folder: Path,
    *,
    budget: Budget,
    guard: Guard,
    hosts: Hosts | None = None,
    on_progress: OnProgress | None = None,
) -> Fetched:
    """The data source's download in `folder`, as `cache` and a suffix of ours.

    Raises SourceError for a protocol or header that cannot be used, FetchError for all the publisher's failures; then
    `folder` holds nothing of it except what a later call can resume.
    """
    bring = _BY_PROTOCOL.get(data_source.protocol) if data_source.protocol else None
    if bring is None:
        raise SourceError(
            f"unknown protocol {data_source.protocol_text!r}",
            place=data_source.key,
            cure="use http, ftp or ESRI",
            problem=Problem.UNKNOWN_PROTOCOL,
        )
    try:
        with Transport(guard, budget, hosts=hosts, headers=data_source.request_headers) as transport:
            fetched = bring(transport, data_source, folder, on_progress)
            spent = transport.spent
            return replace(
                fetched,
                final_url=redact(fetched.final_url),
                notes=tuple(dict.fromkeys((*fetched.notes, *transport.notes))),
                requests=spent.requests,
            )
    except FetchError as error:
        error.message = redact(error.message)
        error.place = error.place or redact(data_source.data)
        raise


Bring = Callable[[Transport, DataSource, Path, OnProgress | None], Fetched]


def _file(transport: Transport, data_source: DataSource, folder: Path, on_progress: OnProgress | None) -> Fetched:
    """One file, by the address's scheme; `protocol` need not agree with it."""
    url = data_source.data.strip()
    scheme = url.partition(":")[0].lower()
    wish = Wish(url, folder / "cache", transport.private, None, on_progress)
    brought = _BY_SCHEME.get(scheme, _over_http)(transport.client, transport.patience(), wish)
    name = file_name(brought.url, brought.content_type)
    path = brought.path.rename(folder / f"cache{disk_suffix(name)}")
    return Fetched(
        path=path,
        form="file",
        size=brought.size,
        sha256=brought.sha256,
        md5=brought.md5,
        file_name=name,
        content_type=brought.content_type,
        final_url=brought.url,
        validators=brought.validators,
        seconds=brought.seconds,
    )


def _layer(transport: Transport, data_source: DataSource, folder: Path, on_progress: OnProgress | None) -> Fetched:
    from . import esri

    return esri.dump(transport, data_source, folder, on_progress=on_progress)


_BY_PROTOCOL: Mapping[Protocol, Bring] = {
    Protocol.HTTP: _file,
    Protocol.FTP: _file,
    Protocol.FILE: _file,
    Protocol.ESRI: _layer,
}

_BY_SCHEME: Mapping[str, Callable[[Client, Patience, Wish], Download]] = {
    "http": _over_http,
    "https": _over_http,
    "ftp": ftp.download,
    "file": files.download,
}
