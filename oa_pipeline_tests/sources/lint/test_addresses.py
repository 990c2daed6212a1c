"""Where data may come from."""

from __future__ import annotations

import pytest

from oa_pipeline.sources.lint import format_finding

from .building import AT, findings, of_source

ADDRESSES = [
    ("file:///etc/passwd", "bad-address"),
    ("FILE:/etc/passwd", "bad-address"),
    ("gopher://example.org/x", "bad-address"),
    ("data:text/csv,a", "bad-address"),
    ("dict://example.org:11211/x", "bad-address"),
    ("jar:http://example.org!/x", "bad-address"),
    ("\\\\host\\share\\a.csv", "bad-address"),
    ("C:\\a.csv", "bad-address"),
    ("a/b.csv", "bad-address"),
    ("/a/b.csv", "bad-address"),
    ("//example.org/a.csv", "bad-address"),
    ("", "bad-address"),
    ("  ", "bad-address"),
    ("https:///a.csv", "bad-address"),
    ("https://[::1/a", "bad-address"),
    ("https://example.org:port/a", "bad-address"),
    ("https://example.org/a\nb", "bad-address"),
    ("http://127.0.0.1/a.csv", "bad-address"),
    ("http://localhost:8080/a.csv", "bad-address"),
    ("http://[::1]/a.csv", "bad-address"),
    ("http://169.254.169.254/latest", "bad-address"),
    ("http://10.1.2.3/a.csv", "bad-address"),
    ("http://example.org:22/a.csv", "bad-port"),
    ("http://example.org:25/a.csv", "bad-port"),
    ("http://example.org:5432/a.csv", "bad-port"),
    ("http://example.org:6379/a.csv", "bad-port"),
    ("http://example.org:11211/a.csv", "bad-port"),
]


@pytest.mark.parametrize(("address", "rule"), ADDRESSES)
def test_addresses_that_nobody_will_go_to_are_errors(address: str, rule: str) -> None:
    (one,) = [found for found in findings(of_source(data=address)) if found.severity == "error"]
    assert (one.rule, one.where) == (rule, f"{AT}.data")
    assert one.cure


@pytest.mark.parametrize("address", ["file:///data/a.csv", "http://127.0.0.1:8000/a.csv", "http://localhost/a.csv"])
def test_local_addresses_are_fine_where_they_are_allowed(address: str) -> None:
    assert findings(of_source(data=address), allow_local=True) == ()


@pytest.mark.parametrize(
    ("protocol", "address", "severity"),
    [
        ("http", "ftp://example.org/a.zip", "warning"),
        ("ftp", "https://example.org/a.zip", "warning"),
        ("ESRI", "ftp://example.org/a", "error"),
    ],
)
def test_a_protocol_that_does_not_suit_the_address_is_noted(protocol: str, address: str, severity: str) -> None:
    (one,) = findings(of_source(protocol=protocol, data=address))
    assert (one.rule, one.severity) == ("protocol-mismatch", severity)


@pytest.mark.parametrize(("protocol", "cure"), [("esri", "write 'ESRI'"), ("Http", "write 'http'")])
def test_odd_case_of_a_protocol_is_only_a_warning(protocol: str, cure: str) -> None:
    (one,) = findings(of_source(protocol=protocol))
    assert (one.severity, one.rule, one.cure) == ("warning", "protocol-case", cure)


def test_an_unknown_protocol_names_the_known_ones() -> None:
    (one,) = findings(of_source(protocol="sftp"))
    assert (one.severity, one.message) == ("error", "unknown protocol 'sftp'")
    assert one.cure == "known are http, ftp, file, ESRI"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@example.org/a.csv",
        "//me:hunter2@example.org/a",
        "http://me:hunter2@example.org:22/a",
        "https://me:hunter2@[::1/a",
        "https://me:hunter2@ex\u2100mple.org/a",
        " https://me:hunter2@127.0.0.1/ ",
    ],
)
def test_an_account_in_an_address_is_noted_and_its_password_never_shown(address: str) -> None:
    found = findings(of_source(data=address))
    assert found
    assert not [one for one in found if "hunter2" in format_finding(one)]


def test_an_account_in_an_address_is_a_warning() -> None:
    (one,) = findings(of_source(data="https://me:secret@example.org/a.csv"))
    assert (one.severity, one.rule) == ("warning", "address-with-account")
