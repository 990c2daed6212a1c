"""The same for what is at Amazon's, or at GitHub: servers that speak as they do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from oa_pipeline.doctor import Host, State
from oa_pipeline_tests.servers import Request, Response, serve

from .conftest import Patient, name
from .test_here import is_

WRONG, WARNING, OK, NOTE = State.WRONG, State.WARNING, State.OK, State.NOTE
RULE = {"Status": "Enabled", "Filter": {"Prefix": ""}}


def client(patient: Patient, service: str) -> Any:
    return boto3.client(service, endpoint_url=patient.settings.s3_endpoint)


# the store in a bucket


def test_a_bucket_that_is_well_is_left_as_it_was(cloud: Patient, bucket: str) -> None:
    found = cloud.findings("store")
    assert found["store.round-trip"].state is OK
    assert "Contents" not in client(cloud, "s3").list_objects_v2(Bucket=bucket)


def test_a_bucket_that_is_not_there_is_named(cloud: Patient) -> None:
    found = cloud.but(store="s3://nobodys-bucket").findings("store")
    is_(found["store.round-trip"], WRONG, "nobodys-bucket")
    assert found["store.rules"].state is NOTE


def test_the_hosts_of_the_site_only_read(cloud: Patient, bucket: str) -> None:
    versions = client(cloud, "s3")
    versions.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert "can be read" in cloud.on(Host.WEB).findings("store")["store.round-trip"].said
    assert "Versions" not in versions.list_object_versions(Bucket=bucket)


def test_no_rules_are_a_warning_and_ours_are_well(cloud: Patient, bucket: str) -> None:
    is_(cloud.findings("store")["store.rules"], WARNING, "deploy/templates/store.yaml")
    rules = [
        {**RULE, "ID": "uploads", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {**RULE, "ID": "pull-requests", "Filter": {"Prefix": "pr/"}, "Expiration": {"Days": 120}},
        {**RULE, "ID": "markers", "Expiration": {"ExpiredObjectDeleteMarker": True}},
        {**RULE, "ID": "off", "Status": "Disabled", "Expiration": {"Days": 1}},
    ]
    put_rules(cloud, bucket, rules)
    assert cloud.findings("store")["store.rules"].state is OK


@pytest.mark.parametrize("prefix", ["", "runs/", "coll", "cache/uploads/", "openaddr-"])
def test_a_rule_that_removes_what_is_kept_is_named(cloud: Patient, bucket: str, prefix: str) -> None:
    put_rules(cloud, bucket, [{**RULE, "ID": "tidy-up", "Filter": {"Prefix": prefix}, "Expiration": {"Days": 365}}])
    is_(cloud.findings("store")["store.rules"], WRONG, "'tidy-up'", "oa prune")


def put_rules(patient: Patient, bucket: str, rules: list[dict[str, Any]]) -> None:
    client(patient, "s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def test_a_role_of_pull_requests_that_may_write_everywhere_is_wrong(cloud: Patient, bucket: str) -> None:
    # This server knows roles and lets all of them do everything.
    role = "arn:aws:iam::123456789012:role/everything"
    is_(cloud.but(pull_request_role=role).findings("store")["store.proposals"], WRONG, "outside of pr/")
    assert "Contents" not in client(cloud, "s3").list_objects_v2(Bucket=bucket)


def test_links_that_nobody_can_follow_are_told(cloud: Patient, bucket: str) -> None:
    client(cloud, "s3").put_object(Bucket=bucket, Key="collections/1/a.zip", Body=b"zip")
    endpoint = f"{cloud.settings.s3_endpoint}/{bucket}"
    assert cloud.but(store_url=endpoint).findings("store")["store.readers"].state is OK
    is_(cloud.but(store_url=f"{endpoint}-other").findings("store")["store.readers"], WRONG, "404")
    is_(cloud.but(store_url="http://127.0.0.1:1").findings("store")["store.readers"], WRONG, "OA_STORE_URL")


def test_what_runs_print_is_tried_and_a_missing_bucket_named(cloud: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.findings("database", "dagster")
    assert cloud.findings("database", "dagster")["dagster.logs"].state is OK
    monkeypatch.setenv("OA_LOGS_BUCKET", "nobodys-bucket")
    is_(cloud.findings("database", "dagster")["dagster.logs"], WRONG, "nobodys-bucket", "OA_LOGS_BUCKET")


def test_the_hosts_of_the_site_do_not_try_what_they_may_not_do(cloud: Patient, bucket: str) -> None:
    cloud.findings("database", "dagster")
    client(cloud, "s3").delete_object(Bucket=bucket, Key="dagster/doctor.txt")
    found = cloud.on(Host.WEB).findings("database", "dagster", "store")
    assert {found["dagster.logs"].state, found["store.proposals"].state, found["dagster.daemons"].state} == {NOTE}
    assert "Contents" not in client(cloud, "s3").list_objects_v2(Bucket=bucket)


# EC2, CloudWatch, SNS


def test_what_is_not_used_is_not_asked_for(patient: Patient) -> None:
    assert {one.state for one in patient.findings("amazon").values()} == {NOTE}


def test_an_amazon_that_does_not_answer_is_told_once(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-w0rd")
    found = patient.but(ec2_group="g", sns_topic="arn:aws:sns:us-east-1:1:t").findings("amazon")
    assert [one.check for one in found.values() if one.state is WRONG] == ["amazon.identity"]
    assert "s3cr3t" not in str(found)


def test_a_pool_that_is_not_there_or_can_have_no_instance_is_told(cloud: Patient) -> None:
    group = name("pool")
    is_(cloud.but(ec2_group=group).findings("amazon")["amazon.pool"], WRONG, group, "OA_EC2_GROUP")
    make_group(cloud, group, most=0)
    is_(cloud.but(ec2_group=group).findings("amazon")["amazon.pool"], WRONG, "it can have none")
    client(cloud, "autoscaling").update_auto_scaling_group(AutoScalingGroupName=group, MaxSize=4)
    assert cloud.but(ec2_group=group).findings("amazon")["amazon.pool"].state is OK


def make_group(patient: Patient, group: str, *, most: int) -> None:
    template = make_template(patient)
    client(patient, "autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=group, MinSize=0, MaxSize=most, DesiredCapacity=0, AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateName": template, "Version": "$Latest"},
    )  # fmt: skip


GOOD = {
    "ImageId": "ami-12c6146b",
    "InstanceType": "t3.micro",
    "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/worker"},
    "InstanceInitiatedShutdownBehavior": "terminate",
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
}


def make_template(patient: Patient, **changed: object) -> str:
    template = name("template")
    data = {n: v for n, v in {**GOOD, **changed}.items() if v is not None}
    client(patient, "ec2").create_launch_template(LaunchTemplateName=template, LaunchTemplateData=data)
    return template


@pytest.mark.parametrize(
    ("changed", "state", "word"),
    [
        ({}, OK, ""),
        ({"InstanceInitiatedShutdownBehavior": "stop"}, WRONG, "terminate"),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, WRONG, "token"),
        ({"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}}, WARNING, "hop limit"),
        ({"IamInstanceProfile": None}, WRONG, "role"),
    ],
)
def test_a_template_that_leaves_something_open_is_told(
    cloud: Patient, changed: dict[str, object], state: State, word: str
) -> None:
    template = make_template(cloud, **changed)
    is_(cloud.but(ec2_launch_template=template).findings("amazon")["amazon.template"], state, word)


def test_a_template_that_is_not_there_is_named(cloud: Patient) -> None:
    is_(cloud.but(ec2_launch_template="nobodys").findings("amazon")["amazon.template"], WRONG, "nobodys")


def test_metrics_that_nobody_feeds_are_told_with_who_should(cloud: Patient) -> None:
    namespace = name("oa")
    is_(cloud.but(cloudwatch_namespace=namespace).findings("amazon")["amazon.metrics"], WRONG, "oa capacity")
    datum = {"MetricName": "active workers", "Value": 1.0, "Timestamp": datetime.now(UTC)}
    client(cloud, "cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])
    assert cloud.but(cloudwatch_namespace=namespace).findings("amazon")["amazon.metrics"].state is OK


def test_notices_that_nobody_hears_are_told(cloud: Patient) -> None:
    topic = client(cloud, "sns").create_topic(Name=name("t"))["TopicArn"]
    is_(cloud.but(sns_topic=topic).findings("amazon")["amazon.notices"], WARNING, "nobody hears")
    client(cloud, "sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.org")
    assert cloud.but(sns_topic=topic).findings("amazon")["amazon.notices"].state is OK


# GitHub


def github(rights: object, status: int = 200) -> Any:
    def answer(request: Request) -> Response:
        said = {"default_branch": "master", "permissions": rights, "message": "Bad credentials"}
        return Response(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    return serve(answer)


@pytest.mark.parametrize(
    ("rights", "status", "state", "words"),
    [
        ({"pull": True, "push": True}, 200, OK, ("master",)),
        ({"pull": True, "push": False}, 200, WRONG, ("can read", "docs/github.md")),
        ({}, 401, WRONG, ("OA_GITHUB_TOKEN", "has expired")),
        (None, 404, WRONG, ("contents: read",)),
        (None, 502, WRONG, ("502",)),
    ],
    ids=["well", "may only read", "expired", "not its repository", "unwell"],
)
def test_a_token_is_tried(patient: Patient, rights: object, status: int, state: State, words: tuple[str, ...]) -> None:
    with github(rights, status) as server:
        held = patient.but(github_token="t0ken-s3cr3t", github_api=server.url, repository="a/b")
        finding = held.findings("github")["github.way-in"]
    is_(finding, state, *words)
    assert "s3cr3t" not in str(finding)
    assert held.on(Host.WORKER).findings("github")["github.way-in"].state is NOTE


def test_a_key_of_an_app_that_cannot_be_read_is_named(patient: Patient) -> None:
    found = patient.but(github_app_id="7", github_app_key="/nowhere/key.pem").findings("github")
    is_(found["github.way-in"], WRONG, "OA_GITHUB_APP_KEY")
