"""What a bucket's refusals mean, in words with a cure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

from ...errors import PublishError
from ..store import missing

ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"412", "PreconditionFailed"})
RACE = frozenset({"409", "ConditionalRequestConflict"})
PAST_END = frozenset({"416", "InvalidRange"})
UPLOAD_GONE = frozenset({"NoSuchUpload"})
ALLOW = "the credentials need s3:GetObject, s3:PutObject, s3:ListBucket and s3:DeleteObject there"
CURES = {
    "AccessDenied": ALLOW,
    "AllAccessDisabled": ALLOW,
    "403": ALLOW,
    "NoSuchBucket": "make the bucket, or correct OA_STORE",
    "InvalidAccessKeyId": "the credentials are not known there",
    "ExpiredToken": "the credentials have expired",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "SlowDown": "the bucket is overloaded; it was tried several times: run again later",
    "InternalError": "the store's own fault; it was tried several times: run again later",
    "503": "the bucket is overloaded; it was tried several times: run again later",
}
SKEWED = "RequestTimeTooSkewed"


def code(error: ClientError) -> str:
    """The server's word for it; of an answer without a body only the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def answered(error: ClientError, key: str, location: str) -> PublishError:
    """The error of an answer that refuses.

    But for an object that is missing, the key is its place and no part of the message: what befalls thousands of
    objects reads the same for all, so that it counts as one.
    """
    said = code(error)
    if said in ABSENT:
        return missing(key, location)
    if said == SKEWED:
        return PublishError(
            f"the store {location} answered {said}: the clock of this machine is {_skew(error)}",
            cure="set the clock of this machine, and let it follow a time server",
            place=key,
        )
    return PublishError(
        f"the store {location} answered {said}", cure=CURES.get(said, "see the bucket's settings"), place=key
    )


def unanswered(error: Exception, key: str, location: str) -> PublishError:
    """The error of a question that got no answer."""
    return PublishError(
        f"the store {location} could not be asked: {error}",
        cure="see whether the store can be reached and has credentials; OA_S3_ENDPOINT is its address, where it is set",
        place=key,
    )


def _skew(error: ClientError) -> str:
    """How wrong our clock is, by the server's."""
    try:
        theirs = parsedate_to_datetime(error.response["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, TypeError, ValueError):
        return "wrong"
    if theirs.tzinfo is None:
        return "wrong"
    seconds = round((datetime.now(UTC) - theirs).total_seconds())
    return f"{abs(seconds)} seconds {'fast' if seconds > 0 else 'slow'}"
