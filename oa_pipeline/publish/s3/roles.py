"""Working in a bucket as somebody who may do less."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

from ...errors import PublishError

if TYPE_CHECKING:
    from .bucket import Bucket

NAME = "oa-pull-request"  # of the session, as CloudTrail shows it


def session_as(role: str, policy: str) -> boto3.session.Session:
    """A session as the role, of which `policy` takes away what it does not allow; renewed before it ends.

    The role is asked for with this machine's own credentials when they are first needed.
    """
    own = botocore.session.Session()
    credentials = own.get_credentials()
    if credentials is None:
        raise PublishError(
            "OA_PULL_REQUEST_ROLE cannot be taken on: there are no AWS credentials",
            cure="give the workers an instance profile or keys that may sts:AssumeRole that role",
        )
    fetcher: Any = AssumeRoleCredentialFetcher(
        own.create_client, credentials, role, extra_args={"RoleSessionName": NAME, "Policy": policy}
    )
    held = botocore.session.Session()
    held._credentials = DeferredRefreshableCredentials(  # boto3 has no other way in
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.session.Session(botocore_session=held)


def policy(bucket: Bucket) -> str:
    """What whoever writes below `bucket.below` needs: to read the store, and to put objects there. Never to remove."""
    partition = bucket.role.split(":")[1] if bucket.role.count(":") >= 5 else "aws"
    arn = f"arn:{partition}:s3:::{bucket.name}"
    statements = [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": arn},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{arn}/{bucket.prefix}*"},
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            "Resource": f"{arn}/{bucket.prefix}{bucket.below}*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
