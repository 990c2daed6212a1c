"""The store: an object goes in, comes back and goes again; what may not be changed cannot be; nobody else removes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import PublishError
from ..publish.public import is_public
from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, wrong

if TYPE_CHECKING:
    from ..publish.store import Store

FOLDER, PROPOSALS = "doctor/", "pr/"
BODY = b"0123456789" * 100
# Of each kind of object that the pipeline keeps by rules of its own, one key.
KEPT = ("runs/1/index.json", "collections/1/a.zip", "tiles/1/0.0/0.0.zip", "statistics/1/a.json", "sets/1/a.png",
        "cache/uploads/a/b/c.zip", "openaddr-collected-global.zip", "machine-stats.json")  # fmt: skip


def round_trip(means: Means) -> Verdict:
    """Everything that the pipeline does with an object, with one of a thousand bytes."""
    store = means.store()
    if not means.runs:
        count = sum(1 for _, _ in zip(store.list("runs/"), range(1), strict=False))
        return ok(f"{store.location} can be read; it has {'results' if count else 'no results yet'}")
    with _object(store, FOLDER) as key:
        checks: Mapping[str, bool] = {
            "all of its bytes come back": store.read(key, 0, len(BODY)) == BODY,
            "a part of it comes back": store.read(key, 10, 20) == BODY[10:20],
            "its size is known": store.size(key) == len(BODY),
            "it is listed": key in {found.key for found in store.list(FOLDER)},
        }
        broken = [what for what, held in checks.items() if not held]
        if broken:
            return wrong(f"{store.location}: it is not so that {broken[0]} once an object is stored", "see the server")
        if not _refuses_another(store, key):
            cure = "use a server that honours If-None-Match: runs could overwrite each other"
            return wrong(f"{store.location} lets an object be overwritten that should never change", cure)
    if store.exists(key):
        return wrong(f"{store.location}: {key} was deleted and is still there", "see the server")
    return ok(f"{store.location} takes, keeps, shows and removes objects")


@contextmanager
def _object(store: Store, folder: str) -> Iterator[str]:
    """An object of our own for a while. Whoever may not remove it leaves it to the bucket's rules."""
    key = f"{folder}{secrets.token_hex(8)}.txt"
    with store.writer(key, content_type="text/plain") as out:
        out.write(BODY)
    try:
        yield key
    finally:
        store.delete([key])


def _refuses_another(store: Store, key: str) -> bool:
    try:
        with store.writer(key, content_type="text/plain") as out:
            out.write(b"something else")
    except PublishError:
        return store.read(key, 0, len(BODY)) == BODY
    return False


def proposals(means: Means) -> Verdict:
    """What runs of pull requests can do as their own role: put objects below pr/, and nothing else."""
    role = means.settings.pull_request_role
    if not means.runs or not means.settings.store_location.startswith("s3://"):
        return note("runs of pull requests have no role of their own here")
    if not role:
        return note("OA_PULL_REQUEST_ROLE is not set")
    theirs, ours = means.store(role=role, below=PROPOSALS), means.store()
    allowed = f"{PROPOSALS}doctor-{secrets.token_hex(8)}.txt"
    try:
        _put(theirs, allowed)
    finally:
        ours.delete([allowed])
    forbidden = f"{FOLDER}{secrets.token_hex(8)}.txt"
    try:
        _put(theirs, forbidden)
    except PublishError:
        return ok(f"{role} may put objects below {PROPOSALS} and not elsewhere")
    ours.delete([forbidden])
    return wrong(
        f"{role} may write outside of {PROPOSALS}: a pull request could change what is published",
        "let its policy allow s3:PutObject below pr/ only; sessions are narrowed by one, which this S3 does not heed",
    )


def _put(store: Store, key: str) -> None:
    with store.writer(key, content_type="text/plain") as out:
        out.write(hashlib.sha256(BODY).hexdigest().encode())


def rules(means: Means) -> Verdict:
    """The bucket's rules of removal: none may take what the pipeline keeps."""
    if not means.settings.store_location.startswith("s3://"):
        return note("a folder has no rules of its own")
    from botocore.exceptions import ClientError

    from ..publish.s3 import S3Store

    store = means.store()
    assert isinstance(store, S3Store)
    try:
        with store.bucket.failing(""):
            answer = store.bucket.client.get_bucket_lifecycle_configuration(Bucket=store.bucket.name)
    except PublishError as error:
        cause = error.__cause__
        told = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
        if told == "NoSuchLifecycleConfiguration":
            return warning(
                f"{store.location} has no rule that ends unfinished uploads",
                "add the rules of deploy/templates/store.yaml",
            )
        if told in {"AccessDenied", "MethodNotAllowed", "NotImplemented"}:
            return note(f"this machine may not see the rules of {store.location}")
        raise
    taken = [(rule, key) for rule in answer["Rules"] for key in KEPT if _takes(rule, store.bucket.prefix + key)]
    if taken:
        rule, key = taken[0]
        cure = "take its expiration away: `oa prune` alone knows what is published"
        return wrong(f"the rule {rule.get('ID', '?')!r} of the bucket removes {key} and the like by its age", cure)
    return ok("no rule of the bucket removes what is kept")


def _takes(rule: Mapping[str, Any], key: str) -> bool:
    expiration = rule.get("Expiration", {})
    if rule.get("Status") != "Enabled" or not {"Days", "Date"} & expiration.keys():
        return False
    narrowed = rule.get("Filter", {})
    prefix = rule.get("Prefix") or narrowed.get("Prefix") or narrowed.get("And", {}).get("Prefix") or ""
    return key.startswith(prefix)


def readers(means: Means) -> Verdict:
    """Whether the public can read where links lead, of the newest collection."""
    if not means.settings.store_url:
        return note("OA_STORE_URL is not set: the site hands out addresses itself")
    store = means.store()
    found = next((one.key for one in store.list("collections/") if is_public(one.key)), None)
    if found is None:
        return note("there is nothing published yet that could be read")
    import urllib3

    address = store.url(found)
    try:
        answer = urllib3.PoolManager(timeout=15.0, retries=False).request(
            "GET", address, headers={"Range": "bytes=0-0"}
        )
    except urllib3.exceptions.HTTPError as error:
        return wrong(f"{address} does not answer: {type(error).__name__}", "correct OA_STORE_URL")
    if answer.status not in {200, 206}:
        return wrong(
            f"{address} answers {answer.status}", "let the bucket's policy allow reading, or unset OA_STORE_URL"
        )
    return ok(f"{address} can be read by everybody")


REACHED: Sequence[str] = ("store.round-trip",)
CHECKS = (
    Check("store.round-trip", "does an object go in, come back and go again", round_trip),
    Check("store.proposals", "can pull requests write below pr/ only", proposals, REACHED),
    Check("store.rules", "do the bucket's rules leave what is kept", rules, REACHED),
    Check("store.readers", "can everybody read where links lead", readers, REACHED),
)
