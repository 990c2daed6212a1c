"""The report of a pull request: what it says, and that nothing in it is more than text."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oa_pipeline.github.events import APPROVE, RERUN
from oa_pipeline.github.report import render
from oa_pipeline.github.report.facts import Glimpse
from oa_pipeline.github.report.inert import cell, code, element, link, plain, words
from oa_pipeline.github.report.text import LONGEST, size
from oa_pipeline.sources.model import Licence

from .rendered import LIVE, OURS, page
from .reports import (
    AROUND,
    GOLDEN,
    HOSTILE,
    REPORTS,
    before,
    file,
    finding,
    fine,
    hostile,
    job,
    known,
    member,
)

KEY = "us/ca/good/addresses/city"


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_report_is_what_was_looked_at(name: str) -> None:
    # Written anew by `python -m oa_pipeline_tests.github.reports`, to be looked at again.
    assert REPORTS[name]() == (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(REPORTS) - {"cut"}))
def test_a_report_is_a_well_formed_page_of_a_few_tags(name: str) -> None:
    shown = page(REPORTS[name]())
    assert set(shown.tags) <= OURS
    assert shown.attributes <= {"href", "src", "alt", "align", "style"}
    assert not LIVE.search("\n".join(shown.text))


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    text = hostile()
    shown = page(text)

    assert set(shown.tags) <= OURS
    assert shown.attributes <= {"href", "src", "alt", "align", "style"}
    assert shown.comments == []
    ours = ("https://results.example/", "https://github.com/openaddresses/", "https://data.example/pr/31/")
    assert shown.links
    assert [each for each in shown.links if not each.startswith(ours)] == []
    assert [found for found in shown.text if LIVE.search(found)] == []
    assert size(text) <= LONGEST


def test_what_others_wrote_does_not_command_us() -> None:
    assert not RERUN.search(hostile())
    assert not APPROVE.search(hostile())
    for made in REPORTS.values():
        assert not RERUN.search(made())
        assert not APPROVE.search(made())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("inert", [code, cell, words, element], ids=lambda each: each.__name__)
def test_each_hostile_text_alone_is_inert(text: str, inert: Any) -> None:
    check(inert(text))
    check(inert(f"{text} {text}"))
    check(inert(f"said: {text}, and ({text})."))


@given(st.text(alphabet="a1 `\\|@#:/<>[]()*_~-.!&;$\n\u0301\u200d\u202e", max_size=60))
@example("`a``b`")
@settings(max_examples=300, deadline=None)
def test_any_text_is_inert(text: str) -> None:
    for inert in (code, cell, words, element):
        check(inert(text))


def check(shown: str) -> None:
    assert "\n" not in shown
    # What is HTML stands where Markdown is not read, and all else where it is.
    made = page(f"<details><summary>{shown}</summary>\n\n</details>" if "<code>" in shown else f"Said {shown} so")
    assert set(made.tags) <= OURS - {"a", "img"}
    assert not LIVE.search("".join(made.text))


@given(st.lists(st.text(alphabet="a |`\\\n", max_size=20), min_size=2, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_table_keeps_its_cells_and_what_they_say(texts: list[str]) -> None:
    header = " | ".join("x" * len(texts))
    rule = " | ".join(["---"] * len(texts))
    made = page(f"| {header} |\n| {rule} |\n| {' | '.join(map(cell, texts))} |")

    assert made.cells[1] == [plain(text, 60) for text in texts]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("there is no column 'HOUSE' in the data", "there is no column 'HOUSE' in the data"),
        ("set `file`, or (better) none", "set `file`, or (better) none"),
        ("ftp://a.example/?token=secret gave 1,234 (12.5%)", "`ftp://a.example/?token=***` gave 1,234 (12.5%)"),
        ("layers.addresses[0].conform: wrong", "`layers.addresses[0].conform`: wrong"),
        ("commit deadbeef and 12345678", "commit `deadbeef` and `12345678`"),
        ("Weiße Straße – Санкт-Петербург, 東京", "Weiße Straße – Санкт-Петербург, 東京"),
    ],
)
def test_sentences_stay_sentences(said: str, shown: str) -> None:
    assert words(said) == shown


def test_a_long_cell_is_cut_and_says_so() -> None:
    assert cell("x" * 1000) == f"`{'x' * 59}…`"
    assert cell("😀" * 10_000) == f"`{'😀' * 59}…`"


def test_only_what_people_can_follow_is_a_link() -> None:
    assert link("log", "file:///srv/store/pr/5/output.txt") == "log"
    assert page(link("log", "https://a.example/us/a b/<x>)](c)|&copy;.json")).links == []
    assert page(link("log", "https://a.example/us/<x>)](c)|&copy;`.json")).links == [
        "https://a.example/us/%3Cx%3E)%5D(c)%7C&copy;%60.json"
    ]


def test_equal_facts_give_equal_text_in_whatever_order_they_come() -> None:
    members = [fine(f"us/ca/{n}/addresses/city") for n in range(20)]
    facts = {each["key"]: known() for each in members}
    first = render(job("success"), members, facts, AROUND)
    random.Random(5).shuffle(members)

    assert render(job("success"), members, dict(reversed(facts.items())), AROUND) == first


@pytest.mark.parametrize("count", [1, 300, 3000])
def test_no_report_is_longer_than_github_takes_and_what_is_left_out_is_told_with_a_link(count: int) -> None:
    wide = Glimpse(tuple(f"COLUMN{n}" for n in range(500)), (("😀" * 400,) * 500,) * 5)
    members = [fine(f"us/ca/{n}/addresses/city", run_warnings=["w" * 5000] * 50) for n in range(count)]
    findings = [finding(n, "w" * 500, "m" * 5000, "c" * 5000) for n in range(500)]
    files = [file(f"sources/us/{n}.json", "invalid", "", *findings) for n in range(count)]
    facts = {each["key"]: known(publisher=wide, published=wide) for each in members}
    text = render(job("failure", files), members, facts, AROUND)

    assert size(text) <= 65_536 - 100
    shown = page(text)  # fails where a folded part was cut in the middle
    assert set(shown.tags) <= OURS
    if count > 1:
        assert "**Cut:**" in text
        assert "https://results.example/jobs/j1" in shown.links


def test_our_own_troubles_are_not_told_to_the_public() -> None:
    assert "secret" not in REPORTS["our_fault"]()
    assert "postgresql" not in REPORTS["our_fault"]()


@pytest.mark.parametrize(
    ("licence", "was", "said"),
    [
        (Licence("", None, "", None), False, "No licence is stated"),
        (Licence("x", False, "", True), False, "share-alike now"),
        (Licence("x", True, "", None), False, "nobody is named"),
        (Licence("x", True, "The City", True), True, ""),
        (Licence("x", None, "", None), None, ""),
    ],
)
def test_licences_are_remarked_on(licence: Licence, was: bool | None, said: str) -> None:
    facts = known(licence=licence, before=before(share_alike=was))
    text = render(job("success"), [fine()], {KEY: facts}, AROUND)

    assert ("Worth a look" in text) == bool(said)
    assert said in text


def test_a_data_source_of_which_nothing_is_known_is_still_told() -> None:
    for status in ("succeeded", "held", "skipped", "failed", "lost", "cancelled", None):
        text = render(job("failure"), [member(KEY, status, run_problem="x")], {}, AROUND)
        assert f"`{KEY}`" in text
