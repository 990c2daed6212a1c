"""What findings look like, whatever the file holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.sources.lint import Finding, format_finding

from ..examples import source
from .building import covered, findings, fn, of_conform, of_source


def test_findings_have_line_and_column_and_come_in_order() -> None:
    held = b'{"schema": 2, "coverage": {"country": "zz", "geometry": {"type": "Point", "coordinates": [0, 0]}},\n'
    held += b' "layers": {"addresses": [\n   {"name": "x", "nom": 1,\n    "data": "ftp://", "protocol": "ftp"}\n]}}'
    places = [(one.line, one.column, one.rule) for one in findings(held)]
    assert places == [
        (1, 39, "unknown-country"),
        (3, 4, "no-conform"),
        (3, 18, "unknown-key"),
        (4, 13, "bad-address"),
    ]


@pytest.mark.parametrize(
    "held",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[]", b'"x"', b'{"x": "\\ud800"}'],
)
def test_what_is_not_json_is_one_finding(held: bytes) -> None:
    (one,) = findings(held)
    assert (one.severity, one.rule) == ("error", "json")
    assert one.line == 1
    assert one.cure


@pytest.mark.parametrize(
    "path", ["sources/../x.json", "sources/a/b\nc.json", "sources/\0.json", "sources/\u202ex.json"]
)
def test_a_path_that_could_do_harm_is_one_finding_on_one_line(path: str) -> None:
    (one,) = findings(source(), path)
    assert one.rule == "bad-path"
    shown = format_finding(one)
    assert not {"\n", "\0", "\u202e"} & set(shown)


def test_a_finding_is_one_line() -> None:
    one = Finding("a.json", 3, 7, "layers", "error", "two\nlines\x1b[31m", "mend it")
    assert format_finding(one) == "a.json:3:7: error: two\\u000alines\\u001b[31m (layers) mend it"
    assert format_finding(Finding("a.json", 1, 1, "", "warning", "m", "")) == "a.json:1:1: warning: m"


WORDS = (
    "name data protocol conform function functions field fields pattern replace format number lat csvsplit encoding "
    "headers license website test geometry addresses coordinates type geoid country variable"
)
KEYS = [*WORDS.split(), "US Census", "ISO 3166"]

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats(-2, 2) | st.text("a$:/\\(é\0\ud7ff", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(whole=ODD, layers=ODD, declared=ODD, held=ODD, value=ODD, coverage=ODD)
def test_lint_never_raises_whatever_the_file_holds(
    whole: Any, layers: Any, declared: Any, held: Any, value: Any, coverage: Any
) -> None:
    for odd in (
        whole,
        source(layers=layers),
        source(layers={"addresses": [declared]}),
        of_source(conform=held),
        of_conform(number=value, street=fn("chain", functions=[value]), layer=value, headers=value, encoding=value),
        of_source(data=value, protocol=value, name=value, license=value, website=value, test=value, request=value),
        source(coverage=coverage),
        covered(geometry={"type": "Polygon", "coordinates": value}),
    ):
        for one in findings(odd):
            assert one.line >= 1
            assert one.column >= 1
            assert one.message
