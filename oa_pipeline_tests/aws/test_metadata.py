"""The metadata service, by a real server that insists on tokens."""

from __future__ import annotations

import pytest

from oa_pipeline.aws import metadata
from oa_pipeline.aws.metadata import Identity, Metadata, NoMetadata, Notice
from oa_pipeline_tests.aws.amazon import metadata_of
from oa_pipeline_tests.servers import Request, Response, nobody, serve


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may have more to do than an instance."""
    monkeypatch.setattr(metadata, "TIMEOUT", 60.0)


def test_an_instance_knows_itself_and_its_tags() -> None:
    with metadata_of("i-1", {"oa:run": "r 1"}) as service:
        asked = Metadata(service.url)
        assert asked.identity() == Identity("i-1", "us-east-1", "t3.small")
        assert (asked.tag("oa:run"), asked.tag("oa:hours")) == ("r 1", "")


def test_a_token_that_is_no_longer_good_is_renewed() -> None:
    with metadata_of("i-1") as service:
        asked = Metadata(service.url)
        asked.identity()
        service.token = "second"
        assert asked.identity().instance == "i-1"


def test_notices_are_told_apart_by_their_urgency() -> None:
    with metadata_of("i-1") as service:
        asked = Metadata(service.url)
        assert asked.notice() is None
        service.texts["autoscaling/target-lifecycle-state"] = "InService"
        assert asked.notice() is None
        service.advise()
        told = asked.notice()
        assert told is not None
        assert (told.urgent, told.what.split(" {")[0]) == (False, "rebalance recommendation")
        service.texts["autoscaling/target-lifecycle-state"] = "Terminated"
        assert asked.notice() == Notice("its Auto Scaling group ends it", urgent=True)
        service.interrupt()
        told = asked.notice()
        assert told is not None
        assert (told.urgent, "spot interruption" in told.what) == (True, True)


def test_a_service_that_is_not_there_or_lies_is_said_to_be_with_the_cure() -> None:
    with nobody() as address, pytest.raises(NoMetadata, match="--ec2"):
        Metadata(address).identity()

    def liar(request: Request) -> Response:
        return Response(200, b"token" if request.method == "PUT" else b"<html>\xff")

    with serve(liar) as server, pytest.raises(NoMetadata, match="no identity"):
        Metadata(server.url).identity()
    with metadata_of("i-1") as service:
        service.away = True
        with pytest.raises(NoMetadata, match="503"):
            Metadata(service.url).identity()
