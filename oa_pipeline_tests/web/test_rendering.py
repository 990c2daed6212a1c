from __future__ import annotations

import pytest

from oa_pipeline.web.rendering import TEMPLATES, Templates, host, licence, licence_name, one_a_host, pathed


def test_every_template_is_compiled_before_anybody_asks() -> None:
    templates = Templates()
    templates.compile()

    assert "version" in vars(templates), "it would be that of files which are replaced while the site runs"
    cache = templates.environment.cache
    assert cache is not None
    assert len(cache) == len(list(TEMPLATES.glob("*.html")))


BY = '<a href="https://l.example/by/" rel="noopener nofollow">CC BY 4.0</a>'


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("CC BY 4.0 (https://l.example/by/)", BY, "CC BY 4.0"),
        ("CC BY 4.0(https://l.example/by/)", BY, "CC BY 4.0"),
        ("Terms (of 2020)", "Terms (of 2020)", "Terms (of 2020)"),
        ("ODbL (javascript:alert(1))", "ODbL (javascript:alert(1))", "ODbL (javascript:alert(1))"),
        ("A (https://a.example) or B (https://b.example)",) * 3,
        ('<b> (https://l.example/")', "&lt;b&gt; (https://l.example/&#34;)", '<b> (https://l.example/")'),
        (
            "https://l.example/x(1)",
            '<a href="https://l.example/x(1)" rel="noopener nofollow">https://l.example/x(1)</a>',
            "see l.example",
        ),
        ("(https://l.example/)", "(https://l.example/)", "(https://l.example/)"),
        ("Terms (" * 300 + "x)", "Terms (" * 284 + "Terms (Term\N{HORIZONTAL ELLIPSIS}", None),
    ],
    ids=str,
)
def test_a_licence_is_called_by_its_name_and_leads_to_its_text(text: str, shown: str, name: str | None) -> None:
    assert str(licence(text)) == shown
    assert licence_name(text) == (shown if name is None else name)


def test_a_publisher_is_named_once_however_many_pages_it_has() -> None:
    pages = ["https://a.example/1", "https://b.example/", "https://A.example/2", "javascript:alert(1)", ""]

    assert [host(one) for one in pages] == ["a.example", "b.example", "a.example", "javascript:alert(1)", ""]
    assert one_a_host(pages) == ["https://a.example/1", "https://b.example/", "javascript:alert(1)", ""]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/sources/ lists them all", '<a href="/sources/">/sources/</a> lists them all.'),
        ("Begin again at /auth/.", 'Begin again at <a href="/auth/">/auth/</a>.'),
        ("as in /tiles/-122.3/37.8.zip", "as in /tiles/-122.3/37.8.zip."),
        ("Source <b>/x/</b> does not exist", "Source &lt;b&gt;/x/&lt;/b&gt; does not exist."),
        ("//evil.example/ /\\evil/ /%2f/", "//evil.example/ /\\evil/ /%2f/."),
    ],
)
def test_addresses_of_ours_in_a_sentence_are_links(said: str, shown: str) -> None:
    assert str(pathed(said)) == shown
