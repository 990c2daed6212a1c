"""What a person should look at although nothing failed."""

from __future__ import annotations

from .facts import Row, SourceFacts
from .inert import sentence
from .outcomes import Outcome, outcome_of, several

MOST_WARNINGS = 8
LOST = 0.10  # a share of the rows


def remarks(member: Row, facts: SourceFacts) -> list[str]:
    """The remarks on a data source, the gravest first."""
    said = [*(_held(facts) or _lost(member, facts)), *_licence(facts)]
    warnings = member["run_warnings"] or []
    said += [f"The run warns: {sentence(str(warning), 300)}" for warning in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        said.append(f"The run gives {several(len(warnings) - MOST_WARNINGS, 'more warning')}; its log has them.")
    return said


def _held(facts: SourceFacts) -> list[str]:
    if not facts.held:
        return []
    why = "; ".join(sentence(each, 300).removesuffix(".") for each in facts.held)
    return [
        f"It loses so much that after a merge it would be held, and what is published would stay: {why}. "
        "Is that meant? Then a maintainer lets it through with `oa runs accept`."
    ]


def _lost(member: Row, facts: SourceFacts) -> list[str]:
    now, before = member["run_rows"], facts.before["rows"] if facts.before else None
    compared = outcome_of(member) is Outcome.FINE and not member["run_sampled"]
    if not compared or not before or now is None or now > before * (1 - LOST):
        return []
    fewer = several(before - now, "row")
    return [f"It has {fewer} fewer than the default branch ({(now - before) / before:+.1%}). Is that meant?"]


def _licence(facts: SourceFacts) -> list[str]:
    licence, before = facts.licence, facts.before
    if licence is None:
        return []
    said = []
    if not licence.text:
        said.append("No licence is stated. Under `license`, give its `text` or its `url`.")
    if licence.share_alike and before is not None and not before["share_alike"]:
        said.append("It is share-alike now, which it is not in the default branch. Is that what the licence says?")
    if licence.attribution_required and not licence.attribution_name:
        said.append("Attribution is required, and nobody is named. Under `license`, give the `attribution name`.")
    return said
