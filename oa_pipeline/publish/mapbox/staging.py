"""The file on its way into the bucket that Mapbox names, with what opens that bucket for an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .account import MapboxError
from .api import Staging

PART = 16 << 20  # bytes; parts grow by themselves where a file is so large that there would be too many
REGION = "us-east-1"
EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "InvalidToken", "RequestExpired", "TokenRefreshRequired"))


class Expired(MapboxError):  # noqa: N818 - a fact
    """The bucket is open no longer."""


def stage(
    file: BinaryIO, place: Staging, *, endpoint: str = "", say: Callable[[int], None] = lambda sent: None
) -> None:
    """Uploads the file, in parts and in constant memory; `say` is told how many bytes were sent since the last word.

    Raises Expired, and MapboxError.
    """
    session = Session(
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        aws_session_token=place.session_token,
        region_name=REGION,
    )
    config = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=20, read_timeout=120)
    client = session.client("s3", endpoint_url=endpoint or None, config=config)
    parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    try:
        client.upload_fileobj(file, place.bucket, place.key, Config=parts, Callback=say)
    except ClientError as error:
        said = error.response.get("Error", {}).get("Code", "")
        kind = Expired if said in EXPIRED else MapboxError
        raise kind(f"Mapbox's bucket did not take the file: {said}", cure="the next run uploads it again") from None
    except (BotoCoreError, Boto3Error) as error:
        raise MapboxError(
            f"Mapbox's bucket did not take the file: {type(error).__name__}", cure="the next run uploads it again"
        ) from None
