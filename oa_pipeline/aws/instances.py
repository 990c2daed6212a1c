"""Instances of EC2: how they are, new ones for one run each, and their end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .clients import CloudFault, asking, client

GONE = frozenset({"shutting-down", "terminated", "stopping", "stopped"})
BLOCK = 100  # instances a question
FRESH_SECONDS = 15.0
RUN_TAG, ATTEMPT_TAG, HOURS_TAG, COMMAND_TAG = "oa:run", "oa:attempt", "oa:hours", "oa:command"
TEMPLATE_TAG = "oa:template"  # by which a deployment knows its own
DEVICE = "/dev/sdf"


@dataclass(frozen=True, slots=True)
class State:
    """How EC2 says that an instance is. `impaired`: its status checks fail."""

    name: str
    impaired: bool = False

    @property
    def gone(self) -> bool:
        """Whether nothing runs there any more, or will soon."""
        return self.name in GONE


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance for one run. `token`: two requests with the same one are one."""

    template: str
    token: str
    name: str
    tags: Mapping[str, str]
    instance_type: str
    disk_gb: int
    spot: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance that was made for one run. `seconds`: since its start."""

    id: str
    state: State
    tags: Mapping[str, str]
    seconds: float


@dataclass
class Watch:
    """How instances are, asked about all at once and seldom. `known`: those that may be asked about next."""

    known: Callable[[], Iterable[str]]
    fresh_seconds: float = FRESH_SECONDS
    clock: Callable[[], float] = time.monotonic
    _states: dict[str, State] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, instance: str) -> State | None:
        """How it is; None where EC2 does not say, or does not know it. Raises CloudFault where it cannot be asked."""
        with self._lock:
            now = self.clock()
            if now >= self._until or instance not in self._asked:
                wanted = {instance, *self.known()}
                self._until = now + self.fresh_seconds  # also after a fault: who is throttled does not ask at once
                self._asked, self._states = wanted, {}
                self._states = states(wanted)
            return self._states.get(instance)


def states(instances: Iterable[str]) -> dict[str, State]:
    """How each of these is that EC2 knows."""
    found: dict[str, State] = {}
    ids = sorted(set(instances))
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        with asking("how instances are"):
            answer = client("ec2").describe_instances(Filters=[{"Name": "instance-id", "Values": block}])
        found |= {one["InstanceId"]: State(one["State"]["Name"]) for one in _flat(answer)}
    running = [one for one, state in found.items() if state.name == "running"]
    for start in range(0, len(running), BLOCK):
        with asking("how instances are"):
            answer = client("ec2").describe_instance_status(InstanceIds=running[start : start + BLOCK])
        for one in answer["InstanceStatuses"]:
            if "impaired" in (one["InstanceStatus"]["Status"], one["SystemStatus"]["Status"]):
                found[one["InstanceId"]] = State("running", impaired=True)
    return found


def for_runs() -> list[Seen]:
    """The instances that were made for one run each and have not ended."""
    alive = ["pending", "running", "stopping", "stopped"]
    filters = [{"Name": "tag-key", "Values": [RUN_TAG]}, {"Name": "instance-state-name", "Values": alive}]
    with asking("which instances there are"):
        pages = client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        found = [(one, said_at(page)) for page in pages for one in _flat(page)]
    return [
        Seen(
            one["InstanceId"],
            State(one["State"]["Name"]),
            {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])},
            (said_at - one["LaunchTime"]).total_seconds(),
        )
        for one, said_at in found
    ]


def said_at(answer: Any) -> datetime:
    """When EC2 gave this answer, by the clock that its instances' times are by: ours may have been set."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)


def make(wanted: Wanted) -> str:
    """Starts the instance; its number. Asked again with the same token it is the same instance."""
    by = "LaunchTemplateId" if wanted.template.startswith("lt-") else "LaunchTemplateName"
    tags = [{"Key": key, "Value": value} for key, value in {"Name": wanted.name, **wanted.tags}.items()]
    more: dict[str, Any] = {}
    if wanted.spot:
        more["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
        }
    if wanted.disk_gb:
        disk = {"VolumeSize": wanted.disk_gb, "VolumeType": "gp3", "DeleteOnTermination": True, "Encrypted": True}
        more["BlockDeviceMappings"] = [{"DeviceName": DEVICE, "Ebs": disk}]
    with asking(f"an instance {wanted.instance_type}{' at spot price' if wanted.spot else ''}"):
        answer = client("ec2").run_instances(
            MinCount=1,
            MaxCount=1,
            ClientToken=wanted.token,
            LaunchTemplate={by: wanted.template, "Version": "$Latest"},
            InstanceType=wanted.instance_type,
            InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions={
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
                "InstanceMetadataTags": "enabled",
            },
            TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
            **more,
        )
    return str(answer["Instances"][0]["InstanceId"])


def end(instance: str) -> None:
    """Ends it. One that is not there is no error."""
    try:
        with asking(f"the end of {instance}"):
            client("ec2").terminate_instances(InstanceIds=[instance])
    except CloudFault as error:
        if "InvalidInstanceID" not in error.message:
            raise


def _flat(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
