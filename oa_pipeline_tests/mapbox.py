"""A Mapbox on this machine: credentials for a bucket of a real S3 server, uploads, and how far these are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as Asked
from urllib.request import urlopen

import boto3

from oa_pipeline_tests.servers import Request, Response, Server, serve

USER, TOKEN, TILESET = "somebody", "sk.s3cr3t-t0k3n", "somebody.dots"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


@dataclass
class Mapbox:
    """What it will do, and what it saw. Every list of answers is used up from its front, before the usual ones."""

    s3: str
    bucket: str
    polls: int = 2  # answers until an upload is complete; below 0: it never is
    error: str | None = None  # what an upload ends with
    expired: int = 0  # so many sets of credentials that the bucket takes for expired
    troubles: dict[str, list[Response]] = field(default_factory=dict)  # by "GET credentials", "POST", "GET upload"
    server: Server = field(default_factory=lambda: Server("", 0))
    tilesets: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: int = 0
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def s3_url(self) -> str:
        """The bucket's server, which knows which sessions are over."""
        return f"{self.server.url}/s3"

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/s3/"):
            return self._bucket(request)
        with self.lock:
            return self._mapbox(request)

    def _mapbox(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["uploads", "v1"] or request.query.get("access_token") != [TOKEN] or parts[2:3] != [USER]:
            return said(401, {"message": f"Not Authorized - Invalid Token {request.query.get('access_token')}"})
        what = parts[3] if len(parts) > 3 else ""
        kind = "POST" if request.method == "POST" else "GET credentials" if what == "credentials" else "GET upload"
        self.asked.append(kind)
        if self.troubles.get(kind):
            return self.troubles[kind].pop(0)
        if kind == "POST":
            return self._begin(json.loads(request.body))
        return self._credentials() if kind == "GET credentials" else self._state(what)

    def _credentials(self) -> Response:
        self.given += 1
        key = f"_pending/{USER}/{self.given}"
        return said(
            200,
            {
                "accessKeyId": "AKIATEMPORARY", "secretAccessKey": "t3mp0r4ry", "sessionToken": f"session-{self.given}",
                "bucket": self.bucket, "key": key, "url": f"https://{self.bucket}.s3.amazonaws.com/{key}",
            },
        )  # fmt: skip

    def _begin(self, wish: Mapping[str, str]) -> Response:
        if not wish["tileset"].startswith(f"{USER}."):
            return said(422, {"message": "Tileset is not yours"})
        number = f"upload{len(self.uploads) + 1}"
        self.uploads[number] = {**wish, "left": self.polls}
        return said(201, {"id": number, "complete": False, "error": None, "progress": 0})

    def _state(self, number: str) -> Response:
        if number not in self.uploads:
            return said(404, {"message": "Not Found"})
        upload = self.uploads[number]
        upload["left"] -= 1
        done = self.polls >= 0 and upload["left"] <= 0
        if done and self.error is None and upload["tileset"] not in self.tilesets:
            key = upload["url"].partition(".amazonaws.com/")[2]
            held = boto3.client("s3", endpoint_url=self.s3).get_object(Bucket=self.bucket, Key=key)
            self.tilesets[upload["tileset"]] = held["Body"].read()
        error = self.error if done else None
        return said(200, {"id": number, "complete": done and error is None, "error": error, "progress": 0.5})

    def _bucket(self, request: Request) -> Response:
        """Passes on what is asked of the bucket in a session that is not over."""
        session = request.headers.get("x-amz-security-token", "")
        if int(session.partition("-")[2] or 0) <= self.expired:
            return Response(400, EXPIRED, {"Content-Type": "application/xml"})
        query = "&".join(f"{name}={values[0]}" for name, values in request.query.items())
        address = f"{self.s3}{request.path.removeprefix('/s3')}{'?' + query if query else ''}"
        passed = {
            name: value for name, value in request.headers.items() if name not in {"host", "connection", "expect"}
        }
        passed |= {"Content-Type": "application/octet-stream"}  # else it would be read as a form
        try:
            answered = urlopen(Asked(address, request.body, passed, method=request.method))
        except HTTPError as error:
            answered = error
        with answered as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() in {"etag", "content-type"}]
            return Response(answer.status, answer.read(), kept)


def said(status: int, body: object, **headers: str) -> Response:
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Response(status, json.dumps(body).encode(), named)


@contextmanager
def mapbox(s3: str, bucket: str, **does: Any) -> Iterator[Mapbox]:
    """A Mapbox whose uploads are staged in that bucket."""
    found = Mapbox(s3, bucket, **does)
    with serve(found.answer) as server:
        found.server = server
        yield found
