"""Numbers for CloudWatch and notices for operators."""

from __future__ import annotations

from collections.abc import Mapping

from ..masked import masked
from .clients import asking, client

LONGEST_SUBJECT = 79  # what the original kept to
LONGEST_BODY = 200_000  # bytes; SNS takes 262,144


def put_metrics(namespace: str, counts: Mapping[str, int]) -> None:
    """Puts these counts, all at once."""
    data = [{"MetricName": name, "Value": float(count), "Unit": "Count"} for name, count in counts.items()]
    with asking(f"metrics of {namespace}"):
        client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


def tell(topic: str, subject: str, body: str) -> None:
    """Publishes a notice, which goes out by mail: without secrets."""
    subject, body = masked(subject), masked(body)
    text = body.encode()[:LONGEST_BODY].decode("utf-8", "ignore")
    with asking(f"a notice to {topic}"):
        client("sns").publish(TopicArn=topic, Subject=fitting(subject), Message=text or fitting(subject))


def fitting(subject: str) -> str:
    """The subject as SNS takes it: printable ASCII on one line, of bearable length, and not empty."""
    line = " ".join(subject.split())
    plain = "".join(c if " " <= c <= "~" else "?" for c in line)
    return plain[:LONGEST_SUBJECT].strip() or "OpenAddresses"
