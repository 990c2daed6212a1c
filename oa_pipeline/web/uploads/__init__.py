"""Uploads by maintainers: a file that has no address of its publisher's gets one of ours.

Whoever has signed in names the file, and gets a form for that one object: its key, type, largest size and time are
fixed. With an S3 store the form goes to the bucket, which holds it to what we have signed; a folder's comes to us.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, request

from ...errors import PublishError
from ...publish.store import MissingObject
from ..errors import worded
from ..headers import posting_to
from ..signin import answers, cookies, from_our_own_form, session, strange_form
from ..site import Site, here
from .files import LEAST, MIB, TYPES, content_type, new_key
from .receiving import receive

if TYPE_CHECKING:
    from collections.abc import Mapping


FORM, DONE = "upload", "uploaded"  # purposes of what is sealed
FORM_SECONDS, DONE_SECONDS = 600, 24 * 3600
HERE = "/upload-cache"
blueprint = Blueprint("uploads", __name__)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Form:
    """A form for one file: where it is sent, and what else stands in it."""

    url: str
    fields: Mapping[str, str]


@blueprint.get(HERE)
def page() -> Response:
    """Asks for the file's name; with `name`, has the form for the file."""
    who = session()
    if who is None:
        return answers.to("/auth")
    name = request.args.get("name", "").strip()
    form = _form(who.login, name) if name else None
    names = {"name": name, "form": form, "minutes": FORM_SECONDS // 60, "endings": TYPES}
    response = _page("Upload a file", who=who, mib=here().settings.upload_mib, address="", size=0, **names)
    if form is not None and not form.url.startswith("/"):
        response.headers["Content-Security-Policy"] = posting_to(form.url)
    return response


@blueprint.post(HERE)
def upload() -> Response:
    """Takes a form for a store that is a folder: 303 to where the file then lies."""
    site, who = here(), session()
    if _in_bucket(site):
        abort(HTTPStatus.METHOD_NOT_ALLOWED, valid_methods=["GET", "HEAD", "OPTIONS"])
    if not from_our_own_form():
        return strange_form()
    promised = cookies.opened(site.settings, FORM, request.args.get("form", ""), seconds=FORM_SECONDS)
    if who is None or promised is None or promised["login"] != who.login:
        return worded(HTTPStatus.FORBIDDEN, "This form is too old, or was somebody else's.", f"Begin again at {HERE}.")
    most = site.settings.upload_mib * MIB
    key = str(promised["key"])
    try:
        size = receive(request, site.store(), key, content_type=content_type(key.rpartition("/")[2]), most=most)
    except PublishError:
        if not site.store().exists(key):
            raise
        return worded(HTTPStatus.CONFLICT, "This form has brought another file already.", f"Begin again at {HERE}.")
    log.info("%s uploaded %s, %d bytes", who.login, key, size)
    return answers.to(_afterwards(site, who.login, key), HTTPStatus.SEE_OTHER)


@blueprint.get(f"{HERE}/done")
def done() -> Response:
    """Where the file lies that was uploaded."""
    site, who = here(), session()
    if who is None:
        return answers.to("/auth")
    said = cookies.opened(site.settings, DONE, request.args.get("file", ""), seconds=DONE_SECONDS)
    if said is None or said["login"] != who.login:
        abort(HTTPStatus.NOT_FOUND)
    key = str(said["key"])
    try:
        size = site.store().size(key)
    except MissingObject:
        abort(HTTPStatus.NOT_FOUND)
    address = site.whole_object_url(key)
    return _page("Uploaded", who=who, name=key.rpartition("/")[2], address=address, size=size, form=None)


def _form(login: str, name: str) -> Form:
    site, kind, key = here(), content_type(name), new_key(login, name)
    if not _in_bucket(site):
        seal = cookies.sealed(site.settings, FORM, {"login": login, "key": key})
        return Form(f"{HERE}?{urlencode({'form': seal})}", {})
    from ...publish.s3 import S3Store
    from ...publish.s3.posts import presigned_post

    store = site.store()
    assert isinstance(store, S3Store)  # its location says so
    made = presigned_post(
        store.bucket,
        key,
        content_type=kind,
        least=LEAST,
        most=site.settings.upload_mib * MIB,
        seconds=FORM_SECONDS,
        afterwards=site.url(_afterwards(site, login, key)),
    )
    log.info("%s may upload %s", login, key)
    return Form(made.url, made.fields)


def _afterwards(site: Site, login: str, key: str) -> str:
    seal = cookies.sealed(site.settings, DONE, {"login": login, "key": key})
    return f"{HERE}/done?{urlencode({'file': seal})}"


def _in_bucket(site: Site) -> bool:
    return site.settings.store_location.startswith("s3://")


def _page(title: str, **names: Any) -> Response:
    return answers.page("upload.html", title=title, **names)
