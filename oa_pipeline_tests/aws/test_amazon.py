"""What is asked of Amazon, and what its answers are taken to mean."""

from __future__ import annotations

import pytest

from oa_pipeline.aws import group, instances, telling
from oa_pipeline.aws.clients import CloudFault, Kind
from oa_pipeline.aws.instances import State, Wanted, Watch
from oa_pipeline.errors import SettingsError
from oa_pipeline_tests.aws.amazon import GROUP, SINGLE, Amazon


def wanted(token: str = "t", **more: object) -> Wanted:
    usual = {"name": "OA x", "tags": {"oa:run": "r"}, "instance_type": "m7i.large", "disk_gb": 50, "spot": True}
    return Wanted(SINGLE, token, **{**usual, **more})  # type: ignore[arg-type]


def test_a_group_is_seen_changed_protected_and_made_smaller(amazon: Amazon) -> None:
    amazon.make_group(1, 4, 1)
    assert (group.look(GROUP).least, group.look(GROUP).most, group.look(GROUP).desired) == (1, 4, 1)
    group.set_desired(GROUP, 3)
    seen = group.look(GROUP)
    assert (seen.desired, len(seen.present), seen.protected) == (3, 3, frozenset())
    one = min(seen.present)
    group.protect(GROUP, one, True)
    assert group.look(GROUP).protected == {one}
    group.end(one, smaller=True)
    assert (group.look(GROUP).desired, one in group.look(GROUP).present) == (2, False)
    with pytest.raises(CloudFault) as refused:
        group.set_desired(GROUP, 5)
    assert (refused.value.kind, refused.value.passing) == (Kind.REFUSED, False)
    with pytest.raises(SettingsError, match="OA_EC2_GROUP"):
        group.look("another")


def test_an_instance_for_one_run_is_what_was_asked_for_and_comes_once_a_token(amazon: Amazon) -> None:
    amazon.make_template(SINGLE)
    number = instances.make(wanted())
    assert instances.make(wanted()) == number
    assert instances.make(wanted("another", spot=False, disk_gb=0)) != number
    one = amazon.instances()[number]
    assert (one["InstanceType"], one["InstanceLifecycle"]) == ("m7i.large", "spot")
    assert {"oa:run": "r", "Name": "OA x"}.items() <= {tag["Key"]: tag["Value"] for tag in one["Tags"]}.items()
    assert (one["MetadataOptions"]["HttpTokens"], one["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("required", 1)
    asked = amazon.actions("RunInstances")[0]
    assert asked["InstanceInitiatedShutdownBehavior"] == ["terminate"]
    assert asked["BlockDeviceMapping.1.Ebs.VolumeSize"] == ["50"]
    seen = {one.id: one for one in instances.for_runs()}
    assert (len(seen), seen[number].tags["oa:run"], seen[number].seconds < 600) == (2, "r", True)
    instances.end(number)
    instances.end("i-00000000000000000")  # one that is not there
    assert number not in {one.id for one in instances.for_runs()}


def test_how_instances_are_is_asked_for_all_at_once_and_seldom(amazon: Amazon) -> None:
    amazon.make_template(SINGLE)
    ids = [instances.make(wanted(str(n))) for n in range(3)]
    time = [0.0]
    watch = Watch(lambda: ids, clock=lambda: time[0])
    amazon.asked.clear()
    assert [watch.state(one) for one in ids] == [State("running")] * 3
    assert watch.state("i-00000000000000000") is None
    instances.end(ids[0])
    assert watch.state(ids[1]) == State("running")
    assert len(amazon.actions("DescribeInstances")) == 2
    time[0] = 16.0
    found = watch.state(ids[0])
    assert found is not None
    assert found.gone
    amazon.busy, time[0] = 1.0, 60.0
    with pytest.raises(CloudFault) as fault:
        watch.state(ids[1])
    assert fault.value.kind is Kind.THROTTLED
    assert watch.state(ids[1]) is None  # not asked again at once, and nothing is made up


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        pytest.param("set 12 is\nincomplete", "set 12 is incomplete", id="on one line"),
        pytest.param("x" * 200, "x" * 79, id="cut"),
        pytest.param("São Paulo\0", "S?o Paulo?", id="plain"),
        pytest.param("\n", "OpenAddresses", id="never empty"),
    ],
)
def test_a_notices_subject_is_what_sns_takes(subject: str, fits: str) -> None:
    assert telling.fitting(subject) == fits


def test_metrics_have_the_names_of_old(amazon: Amazon) -> None:
    telling.put_metrics("oa", {"tasks queue": 3, "active workers": 1})
    found = amazon.client("cloudwatch").list_metrics(Namespace="oa")["Metrics"]
    assert {one["MetricName"] for one in found} == {"tasks queue", "active workers"}
