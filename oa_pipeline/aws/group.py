"""The Auto Scaling group of the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import SettingsError
from .clients import asking, client

COMING = frozenset({"Pending", "Pending:Wait", "Pending:Proceed", "InService"})


@dataclass(frozen=True, slots=True)
class Group:
    """The group at a moment. `present`: the instances that are there or on their way, not those that leave."""

    name: str
    least: int
    most: int
    desired: int
    present: frozenset[str]
    protected: frozenset[str] = frozenset()


def look(name: str) -> Group:
    """How the group is. Raises SettingsError where there is none of that name, CloudFault where it cannot be asked."""
    with asking(f"how is the group {name}"):
        answer = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    groups: list[dict[str, Any]] = answer["AutoScalingGroups"]
    if not groups:
        raise SettingsError(f"there is no Auto Scaling group {name!r} in this region", cure="correct OA_EC2_GROUP")
    one = groups[0]
    here = [m for m in one["Instances"] if m["LifecycleState"] in COMING]
    return Group(
        name,
        one["MinSize"],
        one["MaxSize"],
        one["DesiredCapacity"],
        frozenset(m["InstanceId"] for m in here),
        frozenset(m["InstanceId"] for m in here if m.get("ProtectedFromScaleIn")),
    )


def set_desired(name: str, desired: int) -> None:
    """Asks for so many instances."""
    with asking(f"{desired} instances of {name}"):
        client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=name, DesiredCapacity=desired, HonorCooldown=False
        )


def end(instance: str, *, smaller: bool) -> None:
    """Ends an instance of a group; `smaller`: the group shall have one less afterwards, else it gets another."""
    with asking(f"the end of {instance}"):
        client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance, ShouldDecrementDesiredCapacity=smaller
        )


def protect(name: str, instance: str, protected: bool) -> None:
    """Whether the group may choose this instance when it gets smaller."""
    with asking(f"protection of {instance}"):
        client("autoscaling").set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=[instance], ProtectedFromScaleIn=protected
        )
