"""What an address of the public site is: one record, of which routes, twins, OpenAPI, docs and sitemap are made.

An endpoint has an address, parameters, and `facts`: a function from what was asked to what is known. How that is shown
is the template's matter (the page) and its forms' (the twins: the same facts as JSON, CSV, Atom, GeoJSON or text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ..errors import OAError

if TYPE_CHECKING:
    from ..ledger.version import DataVersion
    from .catalogue import Catalogue
    from .site import Site

LAST_NUMBER = 2**63 - 1  # the ledger counts no further
PARTING = ("per", "page")  # the parameters that ask for a part of a table


class Kind(StrEnum):
    """The types of parameters and of result fields, as OpenAPI names them."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    MOMENT = "date-time"


class Cache(StrEnum):
    """How long an answer may be kept by whoever gets it."""

    PAGE = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"
    LIVE = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"  # of what changes while one looks
    POINTER = "public, max-age=300, stale-while-revalidate=600, stale-if-error=86400"  # redirects to immutable objects
    FIXED = "public, max-age=86400, stale-if-error=604800"  # what changes with the software only
    IMMUTABLE = "public, max-age=31536000, immutable"
    NEVER = "no-store"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the query, or of the path where `in_path`.

    An integer lies between `least` and `most`; a text has at most `most` characters where `most` is given. A value that
    cannot be used is answered with 400 (in a path: 404) and what is allowed; unknown parameters are ignored.
    """

    name: str
    doc: str
    kind: Kind = Kind.STRING
    allowed: tuple[str, ...] = ()
    default: Any = ""
    least: int = 0
    most: int = 200
    in_path: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the result; of a table's rows where `of` names the table."""

    name: str
    kind: Kind
    doc: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Another address with the same facts or with the next ones. `rel` as in HTML: next, prev, alternate.

    `whole`: it has all rows of a table, of which this may have a part.
    """

    rel: str
    href: str
    content_type: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known. `data` is the JSON twin, and what the template sees under that name.

    `only_page` is for the template alone. `links` lead to the next and the former part of a table.
    """

    data: Mapping[str, Any]
    title: str = ""
    only_page: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was asked for lies at another address: one of ours (`/...`), or an object's in the store.

    `for_good`: it does not lie there for the time being only; the address that was asked for is another spelling of it.
    """

    location: str
    for_good: bool = False


@dataclass(frozen=True)
class Asked:
    """One request, understood: `values` has every parameter of the endpoint, in its type."""

    site: Site
    endpoint: Endpoint
    path: str  # of the page, without the twin's extension
    values: Mapping[str, Any]
    version: DataVersion
    now: datetime  # from which ages are counted
    missed: list[str] = field(default_factory=list)  # what could not be read just now: who lacks it soon asks again

    @property
    def catalogue(self) -> Catalogue:
        """How all data sources stand."""
        return self.site.catalogue(self.version, self.now)

    @property
    def as_of(self) -> datetime:
        """The newest thing that the ledger knew when this was asked."""
        return self.version.newest

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def link(self, **changes: Any) -> str:
        """The address of this page, as links have it, with other values in its query; defaults are left out."""
        return self.endpoint.address(quote(self.path), {**self.values, **changes})

    def twin(self, extension: str) -> str:
        """The address of the same facts in another form: of all of them where that form has them all."""
        whole = self.endpoint.twins[extension].whole
        values = {name: one for name, one in self.values.items() if not (whole and name in PARTING)}
        return self.endpoint.address(quote(twin_path(self.path, extension)), values)


Facts = Callable[[Asked], "Answer | Elsewhere"]


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write an answer.

    A `whole` one has all rows of its table, unless `per` or `page` asks for a part. It may be costly to make:
    `fresh_seconds` are as those of an endpoint.
    """

    content_type: str
    write: Callable[[Answer, Asked], str]
    whole: bool = False
    fresh_seconds: float = 0.0


@dataclass(frozen=True)
class Endpoint:
    """An address. With `template` it is a page; otherwise `form` says how its answer is written.

    A twin has the page's address without the final slash, and the extension it stands under in `twins`.
    """

    path: str  # as Flask writes rules: /runs/<number>/
    title: str
    doc: str
    facts: Facts
    template: str = ""
    form: Form | None = None
    twins: Mapping[str, Form] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    result: tuple[Field, ...] = ()
    example: str = ""
    cache: Cache = Cache.PAGE
    alternates: tuple[Link, ...] = ()  # twins that are endpoints of their own
    policy: str = "page"  # which Content-Security-Policy, see headers.POLICIES
    listed: bool = True  # in sitemap and docs
    not_yet: bool = False  # 404 until it is made for the first time
    fresh_seconds: float = 0.0  # for which an answer that is costly to make is shown although there is something newer
    spelt: bool = False  # who spells a name in its path with capitals is led to the name
    of_catalogue: bool = False  # its facts are all from the catalogue, which is a few seconds behind the ledger

    @property
    def query(self) -> tuple[Parameter, ...]:
        """The parameters of the query."""
        return tuple(p for p in self.parameters if not p.in_path)

    @property
    def fixed(self) -> bool:
        """Whether there is one such address only."""
        return "<" not in self.path

    def extension(self, form: Form | None) -> str:
        """What the address of the twin in this form ends with; empty: it is none."""
        return next((name for name, twin in self.twins.items() if twin is form), "")

    def address(self, path: str, values: Mapping[str, Any]) -> str:
        """`path` with these values in the query, in the parameters' order; defaults are left out."""
        given = [(p.name, str(values[p.name])) for p in self.query if values.get(p.name, p.default) != p.default]
        return f"{path}?{urlencode(given)}" if given else path


class NotFound(OAError):  # noqa: N818 - a fact about an address
    """There is nothing of that name."""


class BadRequest(OAError):  # noqa: N818 - a fact about a request
    """A parameter has a value that cannot be used; `cure` says which are allowed."""


def twin_path(path: str, extension: str) -> str:
    """The address of the twin: `/sources.json` of `/sources/`."""
    return f"{path.rstrip('/') or '/index'}.{extension}"
