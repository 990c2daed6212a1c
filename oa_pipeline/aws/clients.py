"""Amazon's services, and what their errors mean."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from ..errors import OAError, SettingsError
from ..masked import masked

RETRIES = {"mode": "standard", "total_max_attempts": 4}  # with jittered pauses
CONNECT_SECONDS, READ_SECONDS = 5, 20
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
     "RequestThrottled", "ScalingActivityInProgress", "ResourceContention", "ServiceUnavailable", "InternalError",
     "InternalFailure", "Unavailable"}
)  # fmt: skip
NO_ROOM = frozenset(
    {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity",
     "MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow", "InstanceLimitExceeded", "VcpuLimitExceeded",
     "InsufficientFreeAddressesInSubnet", "Unsupported"}
)  # fmt: skip


class Kind(StrEnum):
    """What an error of Amazon's means to us."""

    THROTTLED = "asked too often, or out of order: later"
    NO_ROOM = "there is no such instance to be had"
    REFUSED = "it will not be done"
    SILENT = "no answer"


class CloudFault(OAError):  # noqa: N818 - a fact about Amazon
    """Amazon did not do what it was asked."""

    def __init__(self, message: str, kind: Kind, *, cure: str = "") -> None:
        """`kind`: what it means."""
        super().__init__(masked(message), cure=cure)  # it becomes an event of Dagster's, too
        self.kind = kind

    @property
    def passing(self) -> bool:
        """Whether the same may be done later."""
        return self.kind is not Kind.REFUSED


def client(service: str) -> Any:
    """The client of this process for a service of Amazon's."""
    return _client(service, os.getpid(), os.environ.get("AWS_ENDPOINT_URL", ""))


@lru_cache(maxsize=32)
def _client(service: str, _pid: int, _endpoint: str) -> Any:
    config = Config(
        retries=cast(Any, RETRIES),
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        parameter_validation=True,
    )
    try:
        return boto3.session.Session().client(service, config=config)
    except NoRegionError:
        raise SettingsError(
            "no region of Amazon's is known", cure="set AWS_DEFAULT_REGION, such as us-east-1"
        ) from None


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turns what goes wrong in the block into a CloudFault; `what` was asked for."""
    try:
        yield
    except ClientError as error:
        raise fault(what, error) from error
    except NoCredentialsError as error:
        cure = "give the instance a role, or set AWS_ACCESS_KEY_ID"
        raise CloudFault(f"{what}: there are no AWS credentials", Kind.REFUSED, cure=cure) from error
    except BotoCoreError as error:
        raise CloudFault(f"{what}: {error}", Kind.SILENT) from error


def fault(what: str, error: ClientError) -> CloudFault:
    """What an answer of Amazon's means."""
    told = error.response.get("Error", {})
    code, said = str(told.get("Code", "")), str(told.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind = Kind.REFUSED
    if code in THROTTLED or status in {429, 500, 502, 503, 504}:
        kind = Kind.THROTTLED
    if code in NO_ROOM:
        kind = Kind.NO_ROOM
    denied = code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"}
    cure = "see the policy of this machine's role" if denied else ""
    return CloudFault(f"{what}: {code or status}: {said}", kind, cure=cure)
