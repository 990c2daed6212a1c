"""The parts of a report, each a piece of Markdown that stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from ...errors import Problem
from ..changes import Outcome as FileOutcome
from .facts import Row, SourceFacts, Surroundings
from .inert import code, element, link, sentence, words
from .outcomes import Outcome, outcome_of, several
from .remarks import remarks
from .tables import completeness, dropped_said, glimpse, rows_said, unread

MOST_FINDINGS = 10  # of one file
KEY = 160  # characters of a data source's key


def file_to_mend(job: Row, file: Row, around: Surroundings) -> str:
    """Of a file that is refused or not valid: where, why, and what to do."""
    path = code(file["path"], KEY)
    if file["outcome"] == FileOutcome.REFUSED:
        return f"#### ❌ {path}: not read\n\nThe file was not read: {sentence(file['detail'])}"
    return f"#### ❌ {path}: not a valid source\n\n{_findings(job, file, around)}"


def file_to_look_at(job: Row, file: Row, around: Surroundings) -> str:
    """Of a file that is valid, what a reader of it would ask."""
    if file["outcome"] != FileOutcome.CHANGED or not file["findings"]:
        return ""
    return f"#### {code(file['path'], KEY)}: worth a look\n\n{_findings(job, file, around)}"


def _findings(job: Row, file: Row, around: Surroundings) -> str:
    ordered = sorted(file["findings"], key=lambda f: (f["severity"] != "error", f["line"], f["column"]))
    lines = []
    for found in ordered[:MOST_FINDINGS]:
        place = link(f"Line {found['line']}", _address(job, file["path"], found["line"], around))
        where = f", {code(found['where'], KEY)}" if found["where"] else ""
        lines.append(f"- {place}{where}: {sentence(found['message'])} {_capital(sentence(found['cure']))}".rstrip())
    if len(ordered) > MOST_FINDINGS:
        lines.append(f"- … and {len(ordered) - MOST_FINDINGS:,} more. `oa lint` lists them all.")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _address(job: Row, path: str, line: int, around: Surroundings) -> str:
    return f"{around.web}/blob/{job['head_sha']}/{quote(path)}#L{line}" if around.web else ""


def files_not_checked(job: Row) -> str:
    """The files of which no data source is checked, each with its reason."""
    said = {
        FileOutcome.IGNORED: "ignored",
        FileOutcome.REMOVED: "removed",
        FileOutcome.UNCHANGED: "unchanged, it means what it meant before",
    }
    lines = [
        f"- {code(file['path'], KEY)}: {said[file['outcome']]}{', ' if file['detail'] else ''}{words(file['detail'])}"
        for file in job["files"]
        if file["outcome"] in said
    ]
    if not lines:
        return ""
    most = 30
    rest = [f"- … and {len(lines) - most:,} more"] if len(lines) > most else []
    return folded(f"{several(len(lines), 'other file')} of this pull request", "\n".join([*lines[:most], *rest]))


def failure(member: Row, facts: SourceFacts) -> str:
    """What is wrong with a data source and what to do."""
    outcome = outcome_of(member)
    head = f"#### {outcome.mark} {code(member['key'], KEY)}: {outcome.words}"
    if outcome is Outcome.OURS:
        said = member["detail"] or (member["run_detail"] if member["run_problem"] != Problem.OUR_FAULT else "")
        why = f" It says: {sentence(said)}" if said else ""
        return f"{head}\n\nThere is nothing to mend in the source.{why}{_links(facts)}"
    lines = [f"**Problem:** {sentence(str(member['run_problem']))}"]
    if member["run_detail"]:
        lines.append(f"**Why:** {_capital(sentence(member['run_detail']))}")
    if member["run_cure"]:
        lines.append(f"**Cure:** {_capital(sentence(member['run_cure']))}")
    lines += [f"**Remark:** {each}" for each in remarks(member, facts)]
    lines += dropped_said(member)
    rows = glimpse("The first rows, as the publisher has them", facts.publisher)
    more = f"\n\n{folded('what the publisher sent', rows)}" if rows else ""
    return f"{head}\n\n{_paragraph(lines)}{_links(facts)}{more}"


def _paragraph(lines: Sequence[str]) -> str:
    return "  \n".join(lines)


def worth_a_look(member: Row, facts: SourceFacts) -> str:
    """The remarks on a data source that is fine."""
    said = remarks(member, facts)
    return f"{code(member['key'], KEY)}\n\n" + "\n".join(f"- {each}" for each in said) if said else ""


def whole(member: Row, facts: SourceFacts) -> str:
    """All there is to see of a data source that is fine, folded."""
    parts = [
        f"!{link('The map', facts.preview)}" if facts.preview.startswith("http") else "",
        " ".join(filter(None, [rows_said(member, facts), *dropped_said(member)])),
        _reused(member),
        completeness(member, facts),
        glimpse("The first rows, as the publisher has them", facts.publisher),
        unread(facts),
        glimpse("The first rows, as they would be published", facts.published),
        _links(facts).strip(),
    ]
    title = f"{element(member['key'], KEY)}: rows, fields, and what they hold"
    return f"<details><summary>{title}</summary>\n\n" + "\n\n".join(filter(None, parts)) + "\n\n</details>"


def _reused(member: Row) -> str:
    if not member["reused"]:
        return ""
    return f"This is the result of run {member['run_id']}, used again because nothing in the file has changed since."


def _links(facts: SourceFacts) -> str:
    shown = [link(label, address) for label, address in facts.links]
    return f"\n\n{' · '.join(shown)}" if shown else ""


def folded(title: str, text: str) -> str:
    """A part that opens at a click; `title` is our own words."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
