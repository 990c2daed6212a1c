"""From a request to an answer: a 304 after one question, a page as it was rendered before, or a new one.

Where the database is away or too slow, the page as it was rendered last is shown, and says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from flask import Response, current_app, g, request
from werkzeug.http import http_date

from ...errors import PublishError
from ...ledger.version import EPOCH, DataVersion, data_version
from ..endpoints import Answer, Asked, Cache, Elsewhere, Endpoint, Form, NotFound, twin_path
from ..forms import link_header, page_form
from ..rendering import moment
from ..site import Site
from .asking import values
from .keeping import Page

REST = 2.0  # seconds for which a database that did not answer is left alone
TIMES_FRESH = 10  # as old as that times its freshness, a page is not shown any more while another is made
NOTICE = b"<!--notice-->"  # in every page, where it would say that it is old
STALE = "public, max-age=15, stale-if-error=86400"
LACKING = "-lacking"  # after a tag: something that is there could not be read for the page
SOON = 15.0  # seconds after which such a page is made anew
LED = "\nled to"  # after an address: what is kept is where it led
PAGE_FORM = page_form()
log = logging.getLogger(__name__)
_started = time.time()
_ALWAYS = DataVersion("0", EPOCH)  # of what no data is in


class Away(PublishError):  # noqa: N818 - a fact about the database
    """The database did not answer a moment ago, and is not asked again yet."""


@dataclass
class Versions:
    """The version of the data, asked of the ledger each time; not while it has just failed to answer."""

    site: Site
    _rests_until: float = field(default=0.0)

    def current(self) -> DataVersion:
        """The version. Raises PublishError."""
        if time.monotonic() < self._rests_until:
            raise Away("the ledger's database is away", cure="wait")
        try:
            return data_version(self.site.ledger())
        except PublishError:
            self.failed()
            raise

    def failed(self) -> None:
        """Somebody was let down by the database."""
        self._rests_until = time.monotonic() + REST


def respond(
    site: Site, versions: Versions, endpoint: Endpoint, form: Form | None, path: str, given: Mapping[str, Any]
) -> Response:
    """The answer to the request that is at hand. `path`: of the page, whichever form of it was asked for.

    Raises NotFound, BadRequest, TooMany, and PublishError where there is not even an old page.
    """
    g.policy = endpoint.policy
    asked_values = values(endpoint, given, request.args, whole=form is not None and form.whole)
    address = f"{request.path}\n{endpoint.address('', asked_values)}"
    try:
        now = site.clock()
        version = versions.current() if endpoint.cache is not Cache.FIXED else _ALWAYS
        if endpoint.of_catalogue:
            version = site.catalogue(version, now).version
        asked = Asked(site, endpoint, path, asked_values, version, now)
        tag = f"{version.version}-{site.templates.version}-{now:%Y%j}"
        page = site.kept.get(address)
        fresh = max(endpoint.fresh_seconds, form.fresh_seconds if form else 0.0)
        if fresh and not _unchanged(tag, _modified(version, now)):
            page = _good_enough(page, asked, address, form or PAGE_FORM, tag, fresh)
            tag = page.tag if page is not None else tag
        made = page is not None or site.kept.get(address + LED) is not None
        if _unchanged(tag, _modified(version, now), made=made):
            return _finished(endpoint, Response(status=HTTPStatus.NOT_MODIFIED), tag, _modified(version, now))
        if page is None or not _shows(page, tag):
            new = _made(asked, form, address, tag)
            if isinstance(new, Response):
                return new
            page = new
    except PublishError as error:
        if not isinstance(error, Away):
            versions.failed()
            log.warning("%s: %s", request.path, error)
        return _stale(site, address, error)
    if request.if_none_match.star_tag or _unchanged(page.tag, page.modified):
        return _finished(endpoint, Response(status=HTTPStatus.NOT_MODIFIED), page.tag, page.modified)
    return _finished(endpoint, _sent(page), page.tag, page.modified)


def _made(asked: Asked, form: Form | None, address: str, tag: str) -> Page | Response:
    """The page of now, or the way to where it lies; it is kept in both cases. Raises TooMany, and as `respond`."""
    site, endpoint = asked.site, asked.endpoint
    if form is not endpoint.form or endpoint.address("", asked.values):  # a twin, or a search
        site.limits.spend(request.remote_addr or "")
    answer = endpoint.facts(asked)
    if not isinstance(answer, Elsewhere):
        page = _render(answer, asked, form or PAGE_FORM, tag)
        site.kept.put(address, page)
        return page
    location, modified = _elsewhere(endpoint, answer, form), _modified(asked.version, asked.now)
    led = Page.of(location.encode(), content_type="", tag=tag, modified=modified, made=time.time())
    site.kept.put(address + LED, led)
    return led_to(location, endpoint.cache.value, HTTPStatus.MOVED_PERMANENTLY if answer.for_good else HTTPStatus.FOUND)


def _good_enough(page: Page | None, asked: Asked, address: str, form: Form, tag: str, fresh: float) -> Page | None:
    """A page that may be shown although there is something newer; if it is no longer fresh, it is made anew meanwhile.

    None where the newest has to be waited for.
    """
    site = asked.site
    page = page or site.kept.last(address)  # of another process, or of before a restart
    if page is None or page.tag == tag:
        return page
    age = time.time() - page.made
    if age >= fresh * TIMES_FRESH:
        return None
    if not 0 <= age < fresh:  # below 0: the clock was set back

        def make() -> None:
            answer = asked.endpoint.facts(asked)
            assert isinstance(answer, Answer)
            site.kept.put(address, _render(answer, asked, form, tag))

        site.renewing.begin(address, make)
    return page


def _render(answer: Answer, asked: Asked, form: Form, tag: str) -> Page:
    body = form.write(answer, asked).encode("utf-8", "replace")
    return Page.of(
        body,
        content_type=form.content_type,
        tag=f"{tag}{LACKING}" if asked.missed else tag,
        modified=_modified(asked.version, asked.now),
        made=time.time(),
        links=link_header(answer, asked.endpoint.extension(form)),
    )


def _shows(page: Page, tag: str) -> bool:
    """Whether the page is of this version; one in which something is lacking is so for a moment only."""
    return page.tag == tag or (page.tag == f"{tag}{LACKING}" and 0 <= time.time() - page.made < SOON)


def _unchanged(tag: str, modified: float, *, made: bool = True) -> bool:
    """Whether the reader has it already. Who only has a date may mean what never was: it has to be `made` for him."""
    known = request.if_none_match
    if known:
        return not known.star_tag and known.contains_weak(tag)
    since = request.if_modified_since
    # A moment still to come says nothing: it is of before the clock was set back.
    return made and since is not None and int(modified) <= since.timestamp() <= time.time()


def _modified(version: DataVersion, now: datetime) -> float:
    """When the page last changed, as far as anybody can tell: with its data, this software, or the day."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(max(version.newest.timestamp(), _started, day.timestamp()), time.time())


def _sent(page: Page) -> Response:
    packed = bool(page.packed) and request.accept_encodings.quality("gzip") > 0
    response = Response(page.packed if packed else page.body, content_type=page.content_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    if page.links:
        response.headers["Link"] = page.links
    return response


def _finished(endpoint: Endpoint, response: Response, tag: str, modified: float) -> Response:
    response.headers["Vary"] = "Accept-Encoding"
    if tag.endswith(LACKING):
        response.headers["Cache-Control"] = Cache.NEVER.value
        return response
    response.headers["ETag"] = f'W/"{tag}"'
    response.headers["Last-Modified"] = http_date(modified)
    response.headers["Cache-Control"] = endpoint.cache.value
    return response


def _elsewhere(endpoint: Endpoint, answer: Elsewhere, form: Form | None) -> str:
    """Where it leads; who asked for a twin of a page is led to the other page's twin.

    Raises NotFound where the other page has none of that kind.
    """
    extension = endpoint.extension(form)
    if not extension:
        return answer.location
    path, mark, query = answer.location.partition("?")
    other = twin_path(path, extension)
    if not current_app.url_map.bind("").test(unquote(other)):
        raise NotFound(
            "There is nothing at this address.", cure=f"{answer.location} has no twin that ends in .{extension}"
        )
    return f"{other}{mark}{query}"


def led_to(location: str, cache: str, status: HTTPStatus = HTTPStatus.FOUND) -> Response:
    """A redirect without a body: no page, so that pages of other sites may follow it."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    response.headers["Location"] = location
    response.headers["Cache-Control"] = cache
    return response


def _stale(site: Site, address: str, error: PublishError) -> Response:
    """The page as it was rendered last, and a word that it is old. Raises the error where there is none."""
    page, led = site.kept.last(address), site.kept.last(address + LED)
    if led is not None and (page is None or page.made < led.made):
        return led_to(led.body.decode(), STALE)
    if page is None:
        raise error
    made = datetime.fromtimestamp(page.made, UTC)
    warning = (
        '<p class="notice" role="status"><strong>Old page.</strong> The database cannot be reached at the moment. '
        f"This is what stood here at {moment(made)}.</p>"
    )
    is_page = page.content_type == PAGE_FORM.content_type
    body = page.body.replace(NOTICE, warning.encode(), 1) if is_page else page.body
    response = Response(body, content_type=page.content_type)
    response.headers["Warning"] = '110 - "Response is Stale"'
    response.headers["Age"] = str(max(0, int(time.time() - page.made)))
    response.headers["Cache-Control"] = STALE
    response.headers["Vary"] = "Accept-Encoding"
    if page.links:
        response.headers["Link"] = page.links
    return response
