"""The few questions that `oa up` has for Dagster's webserver."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Mapping
from typing import Any

LOCATION, REPOSITORY, JOB = "oa_pipeline", "__repository__", "process"

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
READY = """
{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name location { name } } } } }
"""


class NotLaunched(Exception):  # noqa: N818
    """Dagster did not take a run."""


class Webserver:
    """Dagster's webserver on this machine."""

    def __init__(self, port: int) -> None:
        """`port` is on 127.0.0.1."""
        self.address = f"http://127.0.0.1:{port}"
        # No proxy, whatever the environment says: it is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, query: str, variables: Mapping[str, Any] | None = None, *, seconds: float = 30.0) -> dict[str, Any]:
        """The answer's data. Raises OSError or ValueError where there is none."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.address}/graphql", data=body, headers={"Content-Type": "application/json"}
        )
        with self._opener.open(request, timeout=seconds) as answer:
            found = json.load(answer)
        if found.get("errors") or not found.get("data"):
            raise ValueError(f"Dagster did not answer: {found.get('errors')}")
        return dict(found["data"])

    def ready(self) -> bool:
        """Whether it serves our definitions."""
        with contextlib.suppress(OSError, ValueError):
            found = self.ask(READY, seconds=5.0)["repositoriesOrError"]
            return any(node["location"]["name"] == LOCATION for node in found.get("nodes", ()))
        return False

    def launch(self, key: str) -> str:
        """Puts a run of one partition into the queue and gives its id."""
        selector = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": JOB}
        tags = [{"key": "dagster/partition", "value": key}]
        params = {"selector": selector, "runConfigData": {}, "mode": "default", "executionMetadata": {"tags": tags}}
        found = self.ask(LAUNCH, {"params": params})["launchRun"]
        if found["__typename"] != "LaunchRunSuccess":
            raise NotLaunched(f"{key}: {found}")
        return str(found["run"]["runId"])
