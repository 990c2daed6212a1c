from __future__ import annotations

from collections.abc import Iterable

import pytest

from oa_pipeline.web.hook.signatures import Signatures, looks_like_one, signature

BODY = b'{"zen": "Keep it logically awesome."}'
# None of them is the signature of BODY by the secret x.
OTHERS = [
    "",
    "sha256=",
    "sha256=" + "0" * 64,
    "sha256=é",
    "sha1=" + "0" * 40,
    "sha256=\udcff",
    signature("x", BODY)[7:],
]


def signed(header: str, body: bytes, secrets: Iterable[str], *, block: int = 5) -> bool:
    """Whether the header is the signature of a body that arrives in blocks."""
    found = Signatures(secrets)
    for start in range(0, len(body), block):
        found.update(body[start : start + block])
    return found.include(header)


def test_the_signature_is_the_one_that_github_documents() -> None:
    # The example of GitHub's documentation on validating deliveries.
    assert signature("It's a Secret to Everybody", b"Hello, World!") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


@pytest.mark.parametrize("secret", ["old", "new: ü"])
def test_every_secret_is_good_while_they_are_exchanged(secret: str) -> None:
    assert signed(signature(secret, BODY), BODY, ("old", "new: ü"))


@pytest.mark.parametrize("header", OTHERS)
def test_anything_else_is_wrong_and_no_error(header: str) -> None:
    assert not signed(header, BODY, ("x",))


def test_without_secrets_nothing_is_signed() -> None:
    assert not signed(signature("", BODY), BODY, ())


def test_the_signature_of_another_body_is_wrong() -> None:
    assert not signed(signature("x", BODY), BODY + b" ", ("x",))


def test_the_empty_body_has_a_signature() -> None:
    assert signed(signature("x", b""), b"", ("x",))


@pytest.mark.parametrize(
    ("header", "so"),
    [
        (signature("x", BODY), True),
        ("sha256=" + "0" * 64, True),
        ("sha256=" + "0" * 63, False),
        ("sha256=" + "0" * 65, False),
        ("sha256=" + "A" * 64, False),
        ("sha256=" + "0" * 64 + "\n", False),
        ("sha256=" + "\u0660" * 64, False),
        (" sha256=" + "0" * 64, False),
        ("sha1=" + "0" * 40, False),
        ("", False),
    ],
)
def test_what_is_not_written_as_a_signature_is_that_of_no_body(header: str, so: bool) -> None:
    assert looks_like_one(header) is so
