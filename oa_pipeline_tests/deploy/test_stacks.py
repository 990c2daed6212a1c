"""Templates turned into stacks by a server that speaks as CloudFormation, and what comes of them looked at by others.

The server knows a part of CloudFormation only: no alarms, no bucket policies, no subnets by size.
"""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import boto3
import pytest

from oa_pipeline.aws import instances
from oa_pipeline.doctor import Finding, Host, Means, State, checks, examine
from oa_pipeline.settings import Settings

from .templates import TEMPLATES
from .test_templates import lifecycle

if not TEMPLATES.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:oa/{}-AbCdEf"
TOPIC = "arn:aws:sns:us-east-1:123456789012:oa"
OWN = {"worker": [], "control": ["control"], "web": ["site"], "pull-request": ["proposals"]}
HOSTS = {"Image": "ami-12c6146b", "Releases": "releases", "Release": "1.0", "Secrets": "oa/database",
         "LogGroup": "/oa/oa", "Namespace": "oa/oa"}  # fmt: skip


class Account:
    """An account at the server; everything made has the deployment's name, which no other test has."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.deployment = f"oa-{secrets.token_hex(4)}"

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint)

    def make(self, template: str, **parameters: str) -> dict[str, str]:
        cloudformation, name = self.client("cloudformation"), f"{self.deployment}-{template}"
        given = {"Deployment": self.deployment, **parameters}
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=(TEMPLATES / f"{template}.yaml").read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}

    def access(self) -> dict[str, str]:
        made = {f"{name.title()}Secret": ARN.format(name) for name in ("database", "github", "web")}
        return self.make(
            "access", Store="results", Logs="results-logs", Releases="releases", Topic=TOPIC, LogGroup="/oa/oa",
            Namespace="oa/oa", **made,
        )  # fmt: skip

    def places(self) -> dict[str, str]:
        ec2 = self.client("ec2")
        network = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        zones = [("10.20.0.0/20", "us-east-1a"), ("10.20.16.0/20", "us-east-1b")]
        subnets = [
            ec2.create_subnet(VpcId=network, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for cidr, zone in zones
        ]
        group = ec2.create_security_group(GroupName=self.deployment, Description="x", VpcId=network)["GroupId"]
        return {"Subnets": ",".join(subnets), "SecurityGroup": group}

    def looked_at(self, check: str, **settings: Any) -> Finding:
        held = Settings(s3_endpoint=self.endpoint, **settings)
        (found,) = examine(Means(held, Host.CONTROL), [one for one in checks() if one.name == check])
        return found


def in_words_of_s3(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of a bucket as S3 itself takes it."""
    said = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    marker = "ExpiredObjectDeleteMarker"
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        marker: rule.get(marker),
    }
    if any(expiration.values()):
        said["Expiration"] = {name: value for name, value in expiration.items() if value}
    if former := rule.get("NoncurrentVersionExpiration"):
        said["NoncurrentVersionExpiration"] = {"NoncurrentDays": former["NoncurrentDays"]}
    if "AbortIncompleteMultipartUpload" in rule:
        said["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    if moved := rule.get("Transitions"):
        said["Transitions"] = [{"Days": moved[0]["TransitionInDays"], "StorageClass": moved[0]["StorageClass"]}]
    return said


@pytest.fixture
def account(s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    return Account(s3_server)


@pytest.fixture(autouse=True)
def the_server_warns_of_what_it_does_not_know() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def test_the_policies_are_ones_that_iam_takes(account: Account) -> None:
    made = account.access()
    iam = account.client("iam")
    role = iam.get_role(RoleName=f"{account.deployment}-worker")["Role"]
    assert role["Arn"] == made["WorkerRole"]
    own = {kind: iam.list_role_policies(RoleName=f"{account.deployment}-{kind}")["PolicyNames"] for kind in OWN}
    assert own == OWN


def test_the_buckets_rules_are_well_in_the_eyes_of_doctor(account: Account) -> None:
    made = account.make("store", Store=account.deployment, Site="https://example.org")
    assert made == {"Results": account.deployment, "Logs": f"{account.deployment}-logs"}
    # The server makes the bucket and leaves its rules out: they are put by hand, in the words of S3.
    account.client("s3").put_bucket_lifecycle_configuration(
        Bucket=account.deployment, LifecycleConfiguration={"Rules": list(map(in_words_of_s3, lifecycle()))}
    )
    found = account.looked_at("store.rules", store=f"s3://{account.deployment}")
    assert found.state is State.OK, found


def test_the_pool_is_one_that_can_grow_and_its_hosts_are_of_the_template(account: Account) -> None:
    name = f"{account.deployment}-workers"
    account.make(
        "group", Role="worker", GroupName=name, Types="t3.large,t3.xlarge,m5.large", Least="0", Most="4", WorkGiB="100",
        Profile=account.access()["WorkerProfile"], **account.places(), **HOSTS,
    )  # fmt: skip
    found = account.looked_at("amazon.pool", ec2_group=name)
    assert found.state is State.OK, found
    assert found.said.endswith("between 0 and 4")


def test_instances_for_one_run_start_from_their_template_as_doctor_wants_it(account: Account) -> None:
    role = account.access()
    account.make(
        "dedicated", WorkerRole=role["WorkerRole"], ControlRole=role["ControlRole"], Profile=role["WorkerProfile"],
        **account.places(), **HOSTS,
    )  # fmt: skip
    template = f"{account.deployment}-dedicated"
    found = account.looked_at("amazon.template", ec2_launch_template=template)
    assert found.state is State.OK, found
    tags = {instances.RUN_TAG: "0a-1b", instances.HOURS_TAG: "12"}
    number = instances.make(
        instances.Wanted(template, account.deployment, "OA x", tags, "m5.large", disk_gb=100, spot=False)
    )
    (state,) = instances.states([number]).values()
    assert state.name in {"pending", "running"}
    instances.end(number)
