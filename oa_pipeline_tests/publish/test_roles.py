"""A store that works as another role: real STS and IAM on an S3 server over HTTP, which checks every request."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.orchestration.proposals import for_proposals
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.s3.bucket import Bucket, Sizes
from oa_pipeline.publish.s3.roles import policy
from oa_pipeline.publish.store import Store, open_store
from oa_pipeline.settings import Settings

ROLE = "arn:aws:iam::123456789012:role/pull-requests"


@pytest.fixture
def checked(s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The bucket's name, on a server where our own keys may only take on the role, and the role only write to pr/."""
    iam = boto3.client("iam", endpoint_url=s3_server)
    may = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/store/pr/*"}
    may_read = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{bucket}/store/*"}
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="pull-requests", AssumeRolePolicyDocument=document(anybody))
    iam.put_role_policy(RoleName="pull-requests", PolicyName="p", PolicyDocument=document(may, may_read))
    iam.create_user(UserName="worker")
    become = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
    iam.put_user_policy(UserName="worker", PolicyName="p", PolicyDocument=document(become))
    key = iam.create_access_key(UserName="worker")["AccessKey"]
    for name, value in {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_ENDPOINT_URL_STS": s3_server,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    requests_without_check(s3_server, "0")
    yield bucket
    requests_without_check(s3_server, "inf")
    monkeypatch.undo()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    iam.delete_access_key(UserName="worker", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="worker", PolicyName="p")
    iam.delete_user(UserName="worker")
    iam.delete_role_policy(RoleName="pull-requests", PolicyName="p")
    iam.delete_role(RoleName="pull-requests")


def document(*statements: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def requests_without_check(server: str, count: str) -> None:
    asked = urllib.request.Request(
        f"{server}/moto-api/reset-auth", data=count.encode(), method="POST", headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(asked, timeout=60):
        pass


def put(store: Store, key: str, folder: Path) -> None:
    (folder / "file").write_bytes(b"rows")
    store.put(key, folder / "file", content_type="text/plain", sha256=hashlib.sha256(b"rows").hexdigest())


def test_a_run_of_a_pull_request_writes_as_the_role_and_nowhere_else(
    checked: str, s3_server: str, tmp_path: Path
) -> None:
    settings = Settings(store=f"s3://{checked}/store", s3_endpoint=s3_server, pull_request_role=ROLE)
    store = for_proposals(Workplace(settings)).store()
    put(store, "pr/1/out.csv", tmp_path)
    assert store.read("pr/1/out.csv", 0, 10) == b"rows"

    # without our own wall, the bucket's holds
    whole = open_store(settings.store_location, endpoint=s3_server, role=ROLE, below="pr/")
    with pytest.raises(PublishError):
        put(whole, "runs/1/out.csv", tmp_path)
    # and without the role our keys may do nothing there
    with pytest.raises(PublishError):
        put(open_store(settings.store_location, endpoint=s3_server), "pr/2/out.csv", tmp_path)


def test_without_credentials_the_role_is_named_as_what_is_missing(
    bucket: str, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    store = open_store(f"s3://{bucket}/store", endpoint=s3_server, role=ROLE, below="pr/")
    with pytest.raises(PublishError, match="OA_PULL_REQUEST_ROLE"):
        put(store, "pr/1/out.csv", tmp_path)


@pytest.mark.parametrize(
    ("role", "partition"), [(ROLE, "aws"), (ROLE.replace("aws", "aws-cn"), "aws-cn"), ("x", "aws")]
)
def test_the_session_may_write_below_its_prefix_and_remove_nothing(role: str, partition: str) -> None:
    said = json.loads(policy(Bucket("held", "some/store/", "", Sizes(), role=role, below="pr/")))
    may = {action: statement["Resource"] for statement in said["Statement"] for action in statement["Action"]}
    assert may["s3:PutObject"] == f"arn:{partition}:s3:::held/some/store/pr/*"
    assert may["s3:GetObject"] == f"arn:{partition}:s3:::held/some/store/*"
    assert not any("Delete" in action or "*" in action for action in may)
