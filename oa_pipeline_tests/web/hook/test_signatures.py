from __future__ import annotations

import pytest

from oa_pipeline.web.hook.signatures import signature, signed

BODY = b'{"zen": "Keep it logically awesome."}'


def test_the_signature_is_the_one_that_github_documents() -> None:
    # The example of GitHub's documentation on validating deliveries.
    assert signature("It's a Secret to Everybody", b"Hello, World!") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


@pytest.mark.parametrize("secret", ["old", "new: ü"])
def test_every_secret_is_good_while_they_are_exchanged(secret: str) -> None:
    assert signed(signature(secret, BODY), BODY, ("old", "new: ü"))


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256=" + "0" * 64, "sha256=é", "sha1=" + "0" * 40, "sha256=\udcff", signature("x", BODY)[7:]],
)
def test_anything_else_is_wrong_and_no_error(header: str) -> None:
    assert not signed(header, BODY, ("x",))


def test_without_secrets_nothing_is_signed() -> None:
    assert not signed(signature("", BODY), BODY, ())


def test_the_signature_of_another_body_is_wrong() -> None:
    assert not signed(signature("x", BODY), BODY + b" ", ("x",))
