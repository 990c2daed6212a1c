"""Amazon: who we are there, the pool, the template of single instances, metrics, and who hears notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, worst, wrong

METRIC = "active workers"
HEARD = timedelta(minutes=10)
TEMPLATES = "as deploy/templates/dedicated.yaml has it"


def identity(means: Means) -> Verdict:
    """Whether Amazon knows us, where anything of its is used."""
    held = means.settings
    used = (held.ec2_group, held.ec2_launch_template, held.cloudwatch_namespace, held.sns_topic)
    if not any(used) and not held.store_location.startswith("s3://"):
        return note("nothing of Amazon's is used")
    from ..aws.clients import asking, client

    with asking("who are we"):
        found = client("sts").get_caller_identity()
    return ok(f"we are {found['Arn']}")


def pool(means: Means) -> Verdict:
    """Whether the pool's group is there, and can grow."""
    name = means.settings.ec2_group
    if not name or not means.runs:
        return note("OA_EC2_GROUP is not set: there is no pool" if not name else "the pool is not this host's business")
    from ..aws.group import look

    group = look(name)
    said = f"{name} has {len(group.present)} instances, wants {group.desired}, between {group.least} and {group.most}"
    if group.most < 1:
        return wrong(f"{said}: it can have none", "raise the group's maximum")
    if len(group.present) < group.desired:
        return warning(said, "see the group's activity: no spot capacity, or an instance that does not start")
    return ok(said)


def template(means: Means) -> Verdict:
    """Whether instances for one run can be had, and what their template leaves open."""
    name = means.settings.ec2_launch_template
    if not name or not means.dagsters:
        return note("OA_EC2_LAUNCH_TEMPLATE is not set" if not name else "another host starts instances for one run")
    from ..aws.clients import CloudFault, asking, client

    which = {"LaunchTemplateId": name} if name.startswith("lt-") else {"LaunchTemplateName": name}
    try:
        with asking(f"how is the launch template {name}"):
            answer = client("ec2").describe_launch_template_versions(**which, Versions=["$Latest"])
    except CloudFault as error:
        return wrong(error.detail, error.cure or "correct OA_EC2_LAUNCH_TEMPLATE")
    data: dict[str, Any] = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    metadata, found = data.get("MetadataOptions", {}), []
    if data.get("InstanceInitiatedShutdownBehavior") != "terminate":
        found.append(wrong(f"instances of {name} that shut down stay, and cost", f"let it terminate them, {TEMPLATES}"))
    if metadata.get("HttpTokens") != "required":
        found.append(wrong(f"instances of {name} give credentials without a token", f"require one, {TEMPLATES}"))
    if metadata.get("HttpPutResponseHopLimit", 1) != 1:
        found.append(warning(f"instances of {name} give credentials to others", f"hop limit 1, {TEMPLATES}"))
    if not data.get("IamInstanceProfile"):
        found.append(wrong(f"instances of {name} have no role", f"name the workers' profile, {TEMPLATES}"))
    return worst(found, ok(f"{name} has all that instances for one run need"))


def metrics(means: Means) -> Verdict:
    """Whether somebody counts: what the alarms look at."""
    namespace = means.settings.cloudwatch_namespace
    if not namespace or not means.dagsters:
        return note("OA_CLOUDWATCH_NAMESPACE is not set" if not namespace else "another host counts")
    from ..aws.clients import asking, client

    now = datetime.now(UTC)
    with asking(f"what was counted in {namespace}"):
        found = client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=METRIC, StartTime=now - HEARD, EndTime=now + HEARD, Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
    if not found:
        minutes = HEARD.total_seconds() / 60
        return wrong(
            f"{namespace} has had no {METRIC!r} for {minutes:.0f} minutes: the pool is not sized, alarms go off",
            "start `oa capacity`, once",
        )
    return ok(f"{namespace} is fed")


def notices(means: Means) -> Verdict:
    """Whether somebody hears notices."""
    topic = means.settings.sns_topic
    if not topic or not means.dagsters:
        return note("OA_SNS_TOPIC is not set: notices are logged" if not topic else "another host tells operators")
    from ..aws.clients import asking, client

    with asking(f"who hears {topic}"):
        listed = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    heard = [one for one in listed if one["SubscriptionArn"].startswith("arn:")]
    if not heard:
        return warning(f"nobody hears {topic}", "subscribe somebody; who was asked by mail has to confirm it")
    return ok(f"{len(heard)} hear {topic}")


KNOWN = ("amazon.identity",)
CHECKS = (
    Check("amazon.identity", "does Amazon know us", identity),
    Check("amazon.pool", "can the pool grow", pool, KNOWN),
    Check("amazon.template", "is the template of single instances safe", template, KNOWN),
    Check("amazon.metrics", "is `oa capacity` counting", metrics, KNOWN),
    Check("amazon.notices", "does somebody hear notices", notices, KNOWN),
)
