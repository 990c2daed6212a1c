from __future__ import annotations

import inspect
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint, lint_file
from cfnlint.config import ManualArgs

from oa_pipeline.publish.prune import QUIET
from oa_pipeline.publish.public import is_public
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.workers.capacity import facts, notices

from .policies import allowed
from .templates import TEMPLATES, Made, template

if not TEMPLATES.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)

NAMES = sorted(path.stem for path in TEMPLATES.glob("*.yaml"))
HOSTS = ("group", "dedicated")
# Keys that a pointer, a fixed address, an upload or a page of the site names for as long as the pipeline keeps them.
NAMED = [
    "runs/7/us/ca/alameda.zip", "runs/7/cache.zip", "runs/7/index.json", "sets/3/render-world.png",
    "collections/3/openaddr-collected-global.zip", "tiles/4/-122.0/37.0.zip", "statistics/9/statistics.json",
    "coverage/2/world.geojson", "dotmap/2/us.pmtiles", "maps/2/x.json", "openaddr-collected-global-sa.zip",
    "render-usa.png", "render-world.geojson", "machine-stats.json", "cache/uploads/me/0a/file.zip",
]  # fmt: skip
STORE = "arn:aws:s3:::results"


def made_store(public: str = "yes") -> Made:
    return Made("store", Deployment="oa", Store="results", Public=public, Site="https://example.org")


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_finds_nothing(name: str) -> None:
    found = lint_file(TEMPLATES / f"{name}.yaml", config=ManualArgs(regions=["eu-west-1", "us-east-1"]))
    assert [str(match) for match in found] == []


@pytest.mark.parametrize("name", NAMES)
def test_nested_stacks_are_given_what_they_ask_for_and_give_what_is_asked_of_them(name: str) -> None:
    source = template(name)
    stacks = {n: r for n, r in source["Resources"].items() if r["Type"] == "AWS::CloudFormation::Stack"}
    nested = {n: template(r["Properties"]["TemplateURL"].removesuffix(".yaml")) for n, r in stacks.items()}
    for stack, resource in stacks.items():
        asked = nested[stack]["Parameters"]
        given = resource["Properties"]["Parameters"].keys()
        assert given <= asked.keys(), stack
        assert {n for n, p in asked.items() if "Default" not in p} <= given, stack
    for place in _get_atts(source):
        if place[0] in nested:
            kind, _, output = place[1].partition(".")
            assert kind == "Outputs"
            assert output in nested[place[0]]["Outputs"], place


def _get_atts(value: Any) -> list[list[str]]:
    if isinstance(value, list):
        return [found for each in value for found in _get_atts(each)]
    if not isinstance(value, dict):
        return []
    here = [value["Fn::GetAtt"]] if isinstance(value.get("Fn::GetAtt"), list) else []
    return here + [found for each in value.values() for found in _get_atts(each)]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_that_people_write_say_what_may_stand_there(name: str) -> None:
    if name != "production":
        return  # what the others are given comes from there
    free = [n for n, p in template(name)["Parameters"].items() if p["Type"] == "String"]
    loose = [n for n in free if not {"AllowedPattern", "AllowedValues"} & template(name)["Parameters"][n].keys()]
    assert loose == []


def made_host(name: str) -> dict[str, Any]:
    more = {"Types": "m7i.large,m6i.large,m5.large", "Role": "worker", "Release": "1.0", "Releases": "releases",
            "Secrets": "oa/database", "LogGroup": "/oa/oa", "Namespace": "oa/oa"}  # fmt: skip
    made = Made(name, Deployment="oa", Subnets="subnet-1,subnet-2", **more)
    data: dict[str, Any] = made.of_type("AWS::EC2::LaunchTemplate")["Template"]["LaunchTemplateData"]
    return data


@pytest.mark.parametrize("name", HOSTS)
def test_credentials_of_a_host_are_had_by_token_and_from_the_host_alone(name: str) -> None:
    wanted = made_host(name)["MetadataOptions"]
    assert (wanted["HttpTokens"], wanted["HttpPutResponseHopLimit"]) == ("required", 1)


@pytest.mark.parametrize("name", HOSTS)
def test_an_instance_that_shuts_down_is_gone_with_its_encrypted_disks(name: str) -> None:
    data = made_host(name)
    assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
    for mapping in data["BlockDeviceMappings"]:
        assert mapping["Ebs"]["Encrypted"]
        assert mapping["Ebs"]["DeleteOnTermination"]


@pytest.mark.parametrize("name", HOSTS)
def test_user_data_is_short_a_script_and_without_secrets(name: str) -> None:
    said = made_host(name)["UserData"]
    assert len(said.encode()) < 12_000  # EC2 takes 16 KB, of base64
    assert not re.search(r"(?i)password|token|AKIA|<[A-Z]", said)
    assert subprocess.run(["bash", "-n"], input=said, text=True, capture_output=True, check=False).stderr == ""
    (python,) = re.findall(r"python3 - <<'END'\n(.*?)END\n", said, re.DOTALL)
    compile(python, name, "exec")


def test_nobody_can_come_in_but_to_the_load_balancer() -> None:
    groups = Made("network", Deployment="oa").of_type("AWS::EC2::SecurityGroup")
    open_to_all = {
        (name, rule["FromPort"])
        for name, group in groups.items()
        for rule in group.get("SecurityGroupIngress", ())
        if rule.get("CidrIp", "").startswith("0.")
    }
    assert open_to_all == {("BalancerGroup", 80), ("BalancerGroup", 443)}
    assert "SecurityGroupIngress" not in groups["WorkersGroup"]


def test_the_database_is_encrypted_private_and_kept_for_two_weeks() -> None:
    (database,) = (
        Made("database", Deployment="oa", Subnets="subnet-1,subnet-2").of_type("AWS::RDS::DBInstance").values()
    )
    assert database["BackupRetentionPeriod"] == 14
    assert database["StorageEncrypted"]
    assert database["DeletionProtection"]
    assert not database["PubliclyAccessible"]
    assert "SecretString:password" in database["MasterUserPassword"]
    assert template("database")["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"


def made_database() -> dict[str, Any]:
    made = Made("database", Deployment="oa", Subnets="subnet-1,subnet-2")
    properties: dict[str, Any] = made.of_type("AWS::RDS::DBInstance")["Database"]
    return properties


def lifecycle() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = made_store().of_type("AWS::S3::Bucket")["Results"]["LifecycleConfiguration"]["Rules"]
    return rules


def expires_after(key: str) -> list[int]:
    return [
        r["ExpirationInDays"] for r in lifecycle() if "ExpirationInDays" in r and key.startswith(r.get("Prefix", ""))
    ]


@pytest.mark.parametrize("key", NAMED)
def test_no_rule_of_the_bucket_removes_what_the_pipeline_names(key: str) -> None:
    assert expires_after(key) == []


def test_what_pull_requests_made_goes_by_the_pipelines_hand_before_the_buckets() -> None:
    (days,) = expires_after("pr/7/output.txt")
    assert timedelta(days=days) > QUIET
    assert days > Settings().keep_days


def test_workers_logs_go_as_dagsters_do() -> None:
    logs = made_store().of_type("AWS::S3::Bucket")["Logs"]["LifecycleConfiguration"]["Rules"]
    assert expires_after("logs/workers/x") == [logs[0]["ExpirationInDays"]]


def test_what_doctor_leaves_is_gone_the_next_day() -> None:
    assert expires_after("doctor/x") == [1]


def test_what_was_removed_can_be_brought_back_for_as_long_as_a_backup_may_name_it() -> None:
    (database,) = (
        Made("database", Deployment="oa", Subnets="subnet-1,subnet-2").of_type("AWS::RDS::DBInstance").values()
    )
    (days,) = [
        r["NoncurrentVersionExpiration"]["NoncurrentDays"] for r in lifecycle() if "NoncurrentVersionExpiration" in r
    ]
    assert days > database["BackupRetentionPeriod"]
    assert made_store().of_type("AWS::S3::Bucket")["Results"]["VersioningConfiguration"]["Status"] == "Enabled"


@pytest.mark.parametrize("key", [*NAMED, "pr/7/output.txt", "doctor/x", "config/a", "logs/x", "secret.txt", "runs"])
def test_the_bucket_shows_everybody_what_the_site_would(key: str) -> None:
    policy = made_store().of_type("AWS::S3::BucketPolicy")["WhoReads"]["PolicyDocument"]["Statement"]
    tls = {"aws:SecureTransport": "true"}
    assert allowed(policy, "s3:GetObject", f"{STORE}/{key}", tls) is is_public(key)


def test_every_setting_of_the_hosts_is_one_that_there_is() -> None:
    known = {name for name, _, _ in Settings.described()}
    values = {"Store": "results", "Public": "yes", "Repository": "a/b", "Site": "https://example.org", "Topic": "arn:t"}
    made = Made("settings", Deployment="oa", Logs="l", Namespace="oa/oa", PullRequestRole="arn:r", **values)
    found = {p["Name"].rpartition("/")[2]: p["Value"] for p in made.of_type("AWS::SSM::Parameter").values()}
    assert found.keys() <= known
    assert Settings.from_env(found).store == "s3://results"


def test_alarms_look_at_what_is_counted_and_logged() -> None:
    watch = Made("watch", Deployment="oa", Namespace="oa/oa", LogGroup="/oa/oa")
    alarms = watch.of_type("AWS::CloudWatch::Alarm").values()
    single = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == "oa/oa"}
    joined = [
        q["MetricStat"]["Metric"]["MetricName"] for a in alarms for q in a.get("Metrics", ()) if "MetricStat" in q
    ]
    (filtered,) = watch.of_type("AWS::Logs::MetricFilter").values()
    counted = inspect.getsource(facts.Work.metrics)
    for name in {*single, *joined} - {filtered["MetricTransformations"][0]["MetricName"]}:
        assert f'"{name}"' in counted, name
    for words in re.findall(r'"([^"]+)"', filtered["FilterPattern"]):
        assert words in inspect.getsource(notices), words


def test_a_host_of_the_site_stays_though_the_database_is_away(tmp_path: Path) -> None:
    balancer = template("site")["Resources"]["Hosts"]["Properties"]
    nowhere = Settings(
        home=tmp_path, database_url="postgresql://oa@127.0.0.1:1/oa", dev=True, public_url="https://x.org"
    )
    client = create_app(nowhere).test_client()
    answer = client.get(balancer["HealthCheckPath"], headers={"Host": "10.20.0.7:5000"})
    assert answer.status_code == 200
    answer.close()
    assert client.get("/health").status_code == 503


def test_cfn_lint_would_have_found_something() -> None:
    text = (TEMPLATES / "network.yaml").read_text().replace("EnableDnsSupport: true", "EnableDnsSupprt: true")

    assert lint(text, config=ManualArgs(regions=["eu-west-1"]))
