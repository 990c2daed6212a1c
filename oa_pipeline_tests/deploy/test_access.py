"""Who may do what, asked of the templates' policies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .policies import allowed
from .templates import TEMPLATES, TOP, Made

if not TEMPLATES.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)

S3, IN = "arn:aws:s3:::", "eu-west-1:123456789012"
STORE, LOGS, RELEASES = f"{S3}results", f"{S3}results-logs", f"{S3}releases"
SECRETS = {name: f"arn:aws:secretsmanager:{IN}:secret:oa/{name}-AbCdEf" for name in ("database", "github", "web")}
TOPIC = f"arn:aws:sns:{IN}:oa"
GROUP = f"arn:aws:autoscaling:{IN}:autoScalingGroup:1-2-3:autoScalingGroupName/oa-"
ROLE = "arn:aws:iam::123456789012:role/oa-"
TEMPLATE = f"arn:aws:ec2:{IN}:launch-template/lt-1"
INSTANCE = f"arn:aws:ec2:{IN}:instance/i-1"

_ACCESS = Made(
    "access", Deployment="oa", Store="results", Logs="results-logs", Releases="releases", Topic=TOPIC,
    DatabaseSecret=SECRETS["database"], GithubSecret=SECRETS["github"], WebSecret=SECRETS["web"],
    LogGroup="/oa/oa", Namespace="oa/oa", **{"Worker.Arn": f"{ROLE}worker", "Control.Arn": f"{ROLE}control"},
)  # fmt: skip
_DEDICATED = Made(
    "dedicated", Deployment="oa", ControlRole="oa-control", WorkerRole=f"{ROLE}worker", Template="lt-1",
    Subnets="subnet-1,subnet-2",
)  # fmt: skip


def _bucket_policy(public: str) -> list[Any]:
    store = Made("store", Deployment="oa", Store="results", Public=public, Site="https://example.org")
    statements: list[Any] = store.of_type("AWS::S3::BucketPolicy")["WhoReads"]["PolicyDocument"]["Statement"]
    return statements


def _statements() -> dict[str, list[Any]]:
    shared = {
        f"<{name}>": p["PolicyDocument"]["Statement"] for name, p in _ACCESS.of_type("AWS::IAM::ManagedPolicy").items()
    }
    found = {}
    for role in _ACCESS.of_type("AWS::IAM::Role").values():
        own = [s for p in role.get("Policies", ()) for s in p["PolicyDocument"]["Statement"]]
        attached = [s for arn in role.get("ManagedPolicyArns", ()) for s in shared[arn]]
        found[role["RoleName"].removeprefix("oa-")] = own + attached
    for policy in _DEDICATED.of_type("AWS::IAM::RolePolicy").values():
        found[policy["RoleName"].removeprefix("oa-")] += policy["PolicyDocument"]["Statement"]
    for public in ("yes", "no"):
        found[f"anybody, public: {public}"] = _bucket_policy(public)
    return found


STATEMENTS = _statements()
TLS, PLAIN = {"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"}
BY_TEMPLATE = {"ec2:LaunchTemplate": TEMPLATE}
OURS, THEIRS = {"aws:ResourceTag/oa:run": "0a-1b"}, {"aws:ResourceTag/Name": "other"}
EVERYBODY, NOBODY = "anybody, public: yes", "anybody, public: no"

# action, resource, context, and who may
QUESTIONS: list[tuple[str, str, dict[str, str], set[str]]] = [
    # results
    ("s3:GetObject", f"{STORE}/runs/7/us/ca.zip", {}, {"worker", "control", "web", "pull-request", EVERYBODY}),
    ("s3:GetObject", f"{STORE}/pr/7/output.txt", {}, {"worker", "control", "web", "pull-request", EVERYBODY}),
    ("s3:GetObject", f"{STORE}/cache/uploads/me/1/a.zip", {},
     {"worker", "control", "web", "pull-request", EVERYBODY}),
    ("s3:GetObject", f"{STORE}/collections/3/a.zip", {}, {"worker", "control", "web", EVERYBODY}),
    ("s3:GetObject", f"{STORE}/doctor/x", {}, {"worker", "control", "web"}),
    ("s3:GetObject", f"{STORE}/runs/7/us/ca.zip", PLAIN, {"worker", "control", "web", "pull-request"}),
    ("s3:ListBucket", STORE, {}, {"worker", "control", "web", "pull-request"}),
    ("s3:PutObject", f"{STORE}/runs/7/us/ca.zip", {}, {"worker", "control"}),
    ("s3:PutObject", f"{STORE}/pr/7/us/ca.zip", {}, {"worker", "control", "pull-request"}),
    ("s3:PutObject", f"{STORE}/pr-other/x", {}, set()),
    ("s3:PutObject", f"{STORE}/openaddr-collected-global.zip", {}, {"worker", "control"}),
    ("s3:PutObject", f"{STORE}/cache/uploads/me/1/a.zip", {}, {"web"}),
    ("s3:PutObject", f"{STORE}/cache/other", {}, set()),
    ("s3:PutObject", f"{STORE}/doctor/x", {}, {"worker", "control"}),
    ("s3:PutObject", f"{STORE}/logs/workers/x.gz", {}, {"worker", "control"}),
    ("s3:DeleteObject", f"{STORE}/runs/7/us/ca.zip", {}, {"worker", "control"}),
    ("s3:DeleteObject", f"{STORE}/cache/uploads/me/1/a.zip", {}, set()),
    ("s3:DeleteObjectVersion", f"{STORE}/runs/7/us/ca.zip", {}, set()),
    ("s3:DeleteBucket", STORE, {}, set()),
    ("s3:PutBucketPolicy", STORE, {}, set()),
    ("s3:PutLifecycleConfiguration", STORE, {}, set()),
    ("s3:PutBucketVersioning", STORE, {}, set()),
    # what runs print, releases
    ("s3:PutObject", f"{LOGS}/dagster/storage/x.out", {}, {"worker", "control"}),
    ("s3:GetObject", f"{LOGS}/dagster/storage/x.out", {}, {"worker", "control"}),
    ("s3:DeleteObject", f"{LOGS}/dagster/storage/x.out", {}, set()),
    ("s3:GetObject", f"{RELEASES}/releases/1.0/cloud-init/setup.sh", {}, {"worker", "control", "web"}),
    ("s3:PutObject", f"{RELEASES}/releases/1.0/cloud-init/setup.sh", {}, set()),
    # secrets
    ("secretsmanager:GetSecretValue", SECRETS["database"], {}, {"worker", "control", "web"}),
    ("secretsmanager:GetSecretValue", SECRETS["github"], {}, {"control"}),
    ("secretsmanager:GetSecretValue", SECRETS["web"], {}, {"web"}),
    ("secretsmanager:PutSecretValue", SECRETS["database"], {}, set()),
    ("ssm:GetParametersByPath", f"arn:aws:ssm:{IN}:parameter/oa/settings/all", {}, {"worker", "control", "web"}),
    ("ssm:GetParametersByPath", f"arn:aws:ssm:{IN}:parameter/other/settings/all", {}, set()),
    ("ssm:PutParameter", f"arn:aws:ssm:{IN}:parameter/oa/settings/all/OA_STORE", {}, set()),
    ("ssm:SendCommand", INSTANCE, {}, set()),
    # being less
    ("sts:AssumeRole", f"{ROLE}pull-request", {}, {"worker", "control"}),
    ("sts:AssumeRole", f"{ROLE}control", {}, set()),
    ("iam:PassRole", f"{ROLE}worker", {"iam:PassedToService": "ec2.amazonaws.com"}, {"control"}),
    ("iam:PassRole", f"{ROLE}worker", {"iam:PassedToService": "lambda.amazonaws.com"}, set()),
    ("iam:PassRole", f"{ROLE}control", {"iam:PassedToService": "ec2.amazonaws.com"}, set()),
    ("iam:PutRolePolicy", f"{ROLE}worker", {}, set()),
    # the pool
    ("autoscaling:SetDesiredCapacity", f"{GROUP}workers", {}, {"control"}),
    ("autoscaling:SetDesiredCapacity", f"{GROUP}web", {}, set()),
    ("autoscaling:UpdateAutoScalingGroup", f"{GROUP}workers", {}, set()),
    ("autoscaling:SetInstanceProtection", f"{GROUP}workers", {}, {"worker", "control"}),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", f"{GROUP}workers", {}, {"worker", "control"}),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", f"{GROUP}control", {}, set()),
    # instances for one run
    ("ec2:RunInstances", INSTANCE, BY_TEMPLATE, {"control"}),
    ("ec2:RunInstances", INSTANCE, {"ec2:LaunchTemplate": f"{TEMPLATE}2"}, set()),
    ("ec2:RunInstances", INSTANCE, {}, set()),
    ("ec2:CreateTags", INSTANCE, {"ec2:CreateAction": "RunInstances"}, {"control"}),
    ("ec2:CreateTags", INSTANCE, {}, set()),
    ("ec2:TerminateInstances", INSTANCE, OURS, {"control"}),
    ("ec2:TerminateInstances", INSTANCE, THEIRS, set()),
    ("ec2:ModifyInstanceAttribute", INSTANCE, OURS, set()),
    ("ec2:DescribeInstances", "*", {}, {"worker", "control"}),
    # telling
    ("sns:Publish", TOPIC, {}, {"control"}),
    ("sns:Publish", f"{TOPIC}-other", {}, set()),
    ("sns:Subscribe", TOPIC, {}, set()),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "oa/oa"}, {"worker", "control", "web"}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"}, set()),
    ("logs:PutLogEvents", f"arn:aws:logs:{IN}:log-group:/oa/oa:log-stream:i-1/web", {}, {"worker", "control", "web"}),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{IN}:log-group:/oa/oa", {}, set()),
    ("rds:DeleteDBInstance", f"arn:aws:rds:{IN}:db:oa", {}, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "resource", "context", "who"), QUESTIONS, ids=[f"{q[0]} {q[1].rpartition(':')[2]}" for q in QUESTIONS]
)
def test_exactly_these_may(action: str, resource: str, context: dict[str, str], who: set[str]) -> None:
    asked = {**TLS, **context}
    assert {name for name, held in STATEMENTS.items() if allowed(held, action, resource, asked)} == who


@pytest.mark.parametrize("role", ["worker", "control", "web", "pull-request"])
def test_no_policy_allows_a_whole_service(role: str) -> None:
    actions = [a for s in STATEMENTS[role] for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])]
    assert not [a for a in actions if "*" in a]


def test_only_hosts_become_hosts_roles_and_only_workers_become_a_pull_request() -> None:
    trusted = {
        r["RoleName"]: r["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        for r in _ACCESS.of_type("AWS::IAM::Role").values()
    }
    ec2 = {"Service": "ec2.amazonaws.com"}
    assert trusted == {
        "oa-worker": ec2,
        "oa-control": ec2,
        "oa-web": ec2,
        "oa-pull-request": {"AWS": [f"{ROLE}worker", f"{ROLE}control"]},
    }


def _calls() -> dict[str, str]:
    """What our code asks Amazon for, by IAM's names, and where."""
    found = {}
    for path in sorted((TOP / "oa_pipeline").rglob("*.py")):
        for service, method, page in re.findall(
            r'client\("(\w+)"\)\s*\.(\w+)(?:\("(\w+)"\))?', path.read_text(encoding="utf-8")
        ):
            name = page if method == "get_paginator" else method
            action = "".join(word.title() for word in name.split("_"))
            found[f"{service}:{action}"] = str(path.relative_to(TOP))
    return found


_NEEDS_NONE = {"sts:GetCallerIdentity"}


@pytest.mark.parametrize(("action", "place"), sorted(_calls().items()))
def test_dagsters_host_may_ask_amazon_for_all_that_the_code_asks_for(action: str, place: str) -> None:
    actions = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in STATEMENTS["control"]]
    may = {one.lower() for some in actions for one in some}
    assert action in _NEEDS_NONE or action.lower() in may, place


def test_the_search_for_what_the_code_asks_for_finds_it() -> None:
    known = {"ec2:RunInstances", "autoscaling:SetDesiredCapacity", "cloudwatch:PutMetricData", "sns:Publish"}
    assert known <= set(_calls())
