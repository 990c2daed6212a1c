"""Amazon's way with forms, before an S3 server that takes any: a form is held to what its signer has signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import urlencode

import boto3
import urllib3
from werkzeug.formparser import parse_form_data

from oa_pipeline_tests.servers import Request, Response, Server, serve

SECRET = "s3cr3t-w0rd"
EXEMPT = {"policy", "x-amz-signature", "file"}


class Refusal(Exception):  # noqa: N818
    """An answer that is an error."""


@contextmanager
def amazon(endpoint: str, *, hours_ahead: float = 0) -> Iterator[Server]:
    """A server that checks forms and passes all else on to `endpoint`. Its clock may be ahead."""
    now = timedelta(hours=hours_ahead)

    def answer(request: Request) -> Response:
        if request.method == "POST" and "multipart/form-data" in request.headers.get("content-type", ""):
            try:
                return _take(endpoint, request, datetime.now(UTC) + now)
            except Refusal as refusal:
                return Response(403, f"<Error><Message>{refusal}</Message></Error>".encode())
        return _pass_on(endpoint, request)

    with serve(answer) as server:
        yield server


def _take(endpoint: str, request: Request, now: datetime) -> Response:
    environ = {
        "REQUEST_METHOD": "POST", "CONTENT_TYPE": request.headers["content-type"],
        "CONTENT_LENGTH": str(len(request.body)), "wsgi.input": BytesIO(request.body),
    }  # fmt: skip
    _, form, files = parse_form_data(environ, lambda *_, **__: BytesIO(), max_form_memory_size=10**6)
    fields = {name.lower(): value for name, value in form.items()}
    bucket, body = request.path.strip("/"), files["file"].read()
    policy = json.loads(base64.b64decode(fields["policy"]))
    _check_signature(fields)
    if datetime.fromisoformat(policy["expiration"]) < now:
        raise Refusal("Policy expired.")
    _check_conditions(policy["conditions"], {**fields, "bucket": bucket}, len(body))
    client = boto3.client("s3", endpoint_url=endpoint)
    client.put_object(Bucket=bucket, Key=fields["key"], Body=body, ContentType=fields["content-type"])
    where = fields["success_action_redirect"]
    told = urlencode({"bucket": bucket, "key": fields["key"], "etag": '"x"'})
    return Response(303, b"", {"Location": f"{where}{'&' if '?' in where else '?'}{told}"})


def _check_signature(fields: dict[str, str]) -> None:
    key = f"AWS4{SECRET}".encode()
    _, *scope = fields["x-amz-credential"].split("/")
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if fields["x-amz-signature"] != hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest():
        raise Refusal("SignatureDoesNotMatch")


def _check_conditions(conditions: list[object], fields: dict[str, str], size: int) -> None:
    allowed = set(EXEMPT)
    for one in conditions:
        if isinstance(one, dict):
            ((name, value),) = one.items()
            allowed.add(name.lower())
            if fields.get(name.lower()) != value:
                raise Refusal(f"Policy Condition failed: {name}")
        else:
            kind, first, last = one  # type: ignore[misc]
            assert kind == "content-length-range"
            if not first <= size <= last:
                raise Refusal("EntityTooLarge")
    if extra := set(fields) - allowed:
        raise Refusal(f"Extra input fields: {extra}")


def _pass_on(endpoint: str, request: Request) -> Response:
    headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
    query = urlencode(request.query, doseq=True)
    with urllib3.PoolManager() as pool:
        answer = pool.request(
            request.method, f"{endpoint}{request.path}{'?' + query if query else ''}", body=request.body,
            headers=headers, redirect=False, retries=False,
        )  # fmt: skip
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in {"transfer-encoding"}]
    return Response(answer.status, answer.data, kept)
