"""Uploads by a browser straight into the bucket: a form that S3 takes once we have signed what may be in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import boto3
from botocore.config import Config

from .bucket import Bucket


@dataclass(frozen=True, slots=True)
class Post:
    """Where a form is sent, and the fields that stand in it before its file."""

    url: str
    fields: Mapping[str, str]


def presigned_post(
    bucket: Bucket, key: str, *, content_type: str, least: int, most: int, seconds: int, afterwards: str
) -> Post:
    """A form for one object of `least` to `most` bytes, of this key and type and no other, good for `seconds`.

    S3 then sends the browser to `afterwards`. Nobody is asked: it is signed here. Raises PublishError.
    """
    fixed = {"Content-Type": content_type, "success_action_redirect": afterwards}
    conditions: list[object] = [
        *({name: value} for name, value in fixed.items()),
        ["content-length-range", least, most],
    ]
    # Without its being said, the older signature would be used, which newer regions do not take.
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"} if bucket.endpoint else {})
    with bucket.failing(key):
        client = boto3.session.Session().client("s3", endpoint_url=bucket.endpoint or None, config=config)
        made = client.generate_presigned_post(
            bucket.name, bucket.full(key), Fields=fixed, Conditions=conditions, ExpiresIn=seconds
        )
    return Post(made["url"], made["fields"])
