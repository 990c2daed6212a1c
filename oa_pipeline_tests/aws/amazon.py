"""Amazon on 127.0.0.1: moto's server behind a proxy that does what moto leaves out, and what Amazon does on bad days.

The proxy keeps the bounds of groups, and makes two requests with the same client token one. It can answer that it is
asked too often, or that there is no such instance to be had.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
import urllib3
from moto.server import ThreadedMotoServer

from oa_pipeline_tests.servers import Request, Response, serve

IMAGE = "ami-12c6146b"
GROUP, TEMPLATE, SINGLE = "oa-workers", "oa-worker", "oa-single-run"
_MAKING = threading.Lock()
DROPPED = {"transfer-encoding", "connection", "content-length", "date", "server"}


@dataclass
class Amazon:
    """`busy`: the share of requests that are refused as too many; `no_spot`: whether there are no spot instances."""

    moto: str
    url: str = ""
    busy: float = 0.0
    no_spot: bool = False
    refusing: bool = False
    word: str = "too often"  # what it says to those that ask too often
    dice: random.Random = field(default_factory=lambda: random.Random(8))
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    throttled: int = 0
    desired: list[int] = field(default_factory=list)  # that the group was set to
    _tokens: dict[str, Response] = field(default_factory=dict)
    _pool: Any = field(default_factory=lambda: urllib3.PoolManager(maxsize=30))

    def answer(self, request: Request) -> Response:
        fields = _fields(request)
        action = fields.get("Action", [""])[0]
        self.asked.append((action, fields))
        if self.busy and self.dice.random() < self.busy:
            self.throttled += 1
            return _error(503 if "/autoscaling/" in _service(request) else 400, "RequestLimitExceeded", self.word)
        token = fields.get("ClientToken", [""])[0] if action == "RunInstances" else ""
        if token in self._tokens:
            return self._tokens[token]
        if wrong := self._wrong(action, fields):
            return wrong
        done = self._pass_on(request)
        if token and done.status == 200:
            self._tokens[token] = done
        return done

    def _wrong(self, action: str, fields: dict[str, list[str]]) -> Response | None:
        if action == "RunInstances" and self.refusing:
            return _error(400, "UnauthorizedOperation", "You are not authorized")
        if action == "RunInstances" and self.no_spot and "spot" in fields.get("InstanceMarketOptions.MarketType", []):
            return _error(500, "InsufficientInstanceCapacity", "There is no spot capacity")
        if action == "SetDesiredCapacity":
            wanted, group = int(fields["DesiredCapacity"][0]), self.group()
            if not group["MinSize"] <= wanted <= group["MaxSize"]:
                return _error(400, "ValidationError", f"{wanted} is out of bounds")
            self.desired.append(wanted)
        if action == "TerminateInstanceInAutoScalingGroup" and fields["ShouldDecrementDesiredCapacity"][0] == "true":
            group = self.group()
            if group["DesiredCapacity"] <= group["MinSize"]:
                return _error(400, "ValidationError", "Terminating instance without replacement will violate min size")
        return None

    def _pass_on(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
        answer = self._pool.request(
            request.method, self.moto + request.path, body=request.body, headers=headers, redirect=False, retries=False,
            fields=None, preload_content=True, decode_content=False,
        )  # fmt: skip
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in DROPPED]
        return Response(answer.status, answer.data, kept)

    def client(self, service: str) -> Any:
        """Past the proxy, for any thread: boto3 makes but one client at a time."""
        with _MAKING:
            return boto3.client(service, endpoint_url=self.moto)

    def group(self) -> dict[str, Any]:
        groups = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])
        found: list[dict[str, Any]] = groups["AutoScalingGroups"]
        return found[0] if found else {}

    def make_group(self, least: int, most: int, desired: int, *, user_data: str = "") -> None:
        """The pool's launch template and group."""
        self.make_template(TEMPLATE, user_data)
        subnet = self.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=GROUP, MinSize=least, MaxSize=most, DesiredCapacity=desired,
            LaunchTemplate={"LaunchTemplateName": TEMPLATE, "Version": "$Latest"}, VPCZoneIdentifier=subnet,
        )  # fmt: skip

    def make_template(self, name: str, user_data: str = "") -> None:
        data = {"ImageId": IMAGE, "InstanceType": "t3.small", "UserData": base64.b64encode(user_data.encode()).decode()}
        self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)

    def instances(self) -> dict[str, dict[str, Any]]:
        answer = self.client("ec2").describe_instances()
        return {one["InstanceId"]: one for part in answer["Reservations"] for one in part["Instances"]}

    def end(self, instance: str) -> None:
        """As Amazon takes one away."""
        self.client("ec2").terminate_instances(InstanceIds=[instance])

    def actions(self, name: str) -> list[dict[str, list[str]]]:
        return [fields for action, fields in self.asked if action == name]


def _service(request: Request) -> str:
    return request.headers.get("authorization", "")


def _fields(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)


def _error(status: int, code: str, message: str) -> Response:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    if code == "ValidationError" or status == 503:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Response(status, body.encode(), {"Content-Type": "text/xml"})


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of moto's server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def amazon(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    """Amazon with nothing in it; this process's AWS clients go there, by way of the proxy."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    urllib3.request("POST", f"{moto_server}/moto-api/reset")
    made = Amazon(moto_server)
    with serve(made.answer) as proxy:
        made.url = proxy.url
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield made


# ---- an instance's metadata ------------------------------------------------------------------------------


@dataclass
class FakeMetadata:
    """IMDSv2: who has no token is not answered. `token` may be changed: then the former one is no longer good."""

    instance: str
    url: str = ""
    token: str = "first"
    texts: dict[str, str] = field(default_factory=dict)
    away: bool = False

    def answer(self, request: Request) -> Response:
        if self.away:
            return Response(503)
        if request.path == "/latest/api/token":
            if request.method != "PUT" or "x-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
                return Response(400)
            return Response(200, self.token.encode())
        if request.headers.get("x-aws-ec2-metadata-token") != self.token:
            return Response(401)
        if request.path == "/latest/dynamic/instance-identity/document":
            document = {"instanceId": self.instance, "region": "us-east-1", "instanceType": "t3.small"}
            return Response(200, json.dumps(document).encode())
        text = self.texts.get(request.path.removeprefix("/latest/meta-data/"))
        return Response(404) if text is None else Response(200, text.encode())

    def interrupt(self) -> None:
        """Spot takes it away in two minutes."""
        self.texts["spot/instance-action"] = '{"action": "terminate", "time": "2031-01-01T00:02:00Z"}'

    def advise(self) -> None:
        """It may be taken away soon."""
        self.texts["events/recommendations/rebalance"] = '{"noticeTime": "2031-01-01T00:00:00Z"}'


@contextmanager
def metadata_of(instance: str, tags: dict[str, str] | None = None) -> Iterator[FakeMetadata]:
    """The metadata service of an instance."""
    made = FakeMetadata(instance, texts={f"tags/instance/{name}": value for name, value in (tags or {}).items()})
    with serve(made.answer) as server:
        made.url = server.url
        yield made


Until = Callable[[Callable[[], Any], str], None]
