"""No password or token is shown."""

from __future__ import annotations

import pytest

from oa_pipeline.fetch.redact import place, redact

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{SECRET}@host/path",
        f"ftp://me:{SECRET}@host:21/path",
        f"https://{SECRET}@host/path",
        f"https://me:a@{SECRET}@host/path",
        f"https://me:a/{SECRET}@host/path",
        f"https://host/q?f=json&token={SECRET}",
        f"https://host/q?TOKEN={SECRET}&f=json",
        f"https://host/q?access_token={SECRET}",
        f"https://host/q?api_key={SECRET}",
        f"https://host/q?apikey={SECRET}",
        f"https://host/q?key={SECRET}",
        f"https://host/q?X-Amz-Signature={SECRET}",
        f"https://host/q?X-Amz-Credential=A/{SECRET}/s3",
        f"https://host/q?sv=1&sig={SECRET}",
        f"https://host/q?password={SECRET}",
        f"https://host/q?subscription-key={SECRET}",
        f"two: https://a/?token={SECRET} and ftp://u:{SECRET}@b/",
        f"a redirect to token%3D{SECRET}",
        f"https://host/login?next=https%3A%2F%2Fother%2F%3Ftoken%3D{SECRET}",
        f"https://host/q?a=token={SECRET}",
    ],
)
def test_a_secret_is_masked(text: str) -> None:
    assert SECRET not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://host/path?f=json&where=1%3D1",
        "https://host:8443/a:b/c",
        "https://host/monkey=1/turkey?monkeys=3",
        "no address at all",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_an_address_in_an_error_is_printable_and_of_bearable_length() -> None:
    shown = place("https://host/\x1b[31m" + "x" * 10_000)
    assert len(shown) == 300
    assert "\x1b" not in shown


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", ["x", "//a:", "token", "a=", "//@", "token=", "=", "%3D", "//a:b@"])
def test_masking_takes_time_in_proportion_to_the_text(part: str) -> None:
    assert len(redact(part * (200_000 // len(part)))) > 0
