"""The report of a job as Markdown: what everybody needs first, then each data source. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ...ledger.tables import JobStatus
from .facts import Row, SourceFacts, Surroundings
from .inert import cell, code, link, sentence
from .outcomes import GOOD, Outcome, bad_files, count, outcome_of, several
from .sections import (
    KEY,
    failure,
    file_to_look_at,
    file_to_mend,
    files_not_checked,
    whole,
    worth_a_look,
)
from .tables import NONE, change, table

LONGEST = 65_536 - 536  # what GitHub takes, less room for what is put in front and behind
MOST_LINES = 60  # of the overview
AGAIN = "a comment that begins with `re-run this, please`"


def render(job: Row, members: Sequence[Row], facts: Mapping[str, SourceFacts], around: Surroundings) -> str:
    """The whole report. Equal facts give equal text, and no text is longer than GitHub takes."""
    ordered = sorted(members, key=lambda member: (_ORDER[outcome_of(member)], member["key"]))
    of = {member["key"]: facts.get(member["key"], SourceFacts()) for member in ordered}
    bad = [m for m in ordered if outcome_of(m) in {Outcome.FAILED, Outcome.OURS}]
    fine = [m for m in ordered if outcome_of(m) is Outcome.FINE]
    page = Page(_footer(job, around), around)
    page.add([lambda: f"### {headline(job, members)}\n\n{next_step(job)}", lambda: overview(job, ordered, facts)])
    page.add([partial(file_to_mend, job, file, around) for file in bad_files(job)], "file", "that need a change")
    page.add([partial(failure, m, of[m["key"]]) for m in bad], "data source", "that failed")
    page.add([partial(worth_a_look, m, of[m["key"]]) for m in fine], title="### Worth a look")
    page.add([partial(file_to_look_at, job, file, around) for file in job["files"]])
    page.add([partial(whole, m, of[m["key"]]) for m in fine], "data source", "that are fine")
    page.add([partial(files_not_checked, job)])
    return page.text()


_ORDER = {Outcome.FAILED: 0, Outcome.OURS: 1, Outcome.CHECKING: 2, Outcome.FINE: 3, Outcome.SKIPPED: 4}


@dataclass(slots=True)
class Page:
    """Parts in order, as long as there is room for them: a part is there whole or not at all."""

    footer: str
    around: Surroundings
    parts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    used: int = 0

    def __post_init__(self) -> None:
        """The footer has its room from the beginning."""
        self.used = size(self.footer)

    def add(self, parts: Sequence[Callable[[], str]], thing: str = "", which: str = "", *, title: str = "") -> None:
        """Adds what there is room for, the first under the title. What is left out is not even written, but counted
        where each part is a `thing`.
        """
        for number, write in enumerate(parts):
            part = write()
            if not part:
                continue
            part, title = f"{title}\n\n{part}" if title else part, ""
            if self.used + size(part) + 2 > LONGEST:
                left = len(parts) - number
                self.left_out.append(f"{several(left, thing)} {which}" if thing else "further remarks")
                return
            self.parts.append(part)
            self.used += size(part) + 2

    def text(self) -> str:
        """The page, with what it leaves out and where that is to be seen."""
        cut = []
        if self.left_out:
            said = ", ".join(dict.fromkeys(self.left_out))
            cut = [f"**Cut:** GitHub takes no longer comment. Not shown: {said}. {_all(self.around)}."]
        return "\n\n".join([*self.parts, *cut, self.footer]) + "\n"


def size(text: str) -> int:
    """The length of a text in the larger of the two ways of counting that GitHub may use."""
    return len(text.encode("utf-16-le", "replace")) // 2


def headline(job: Row, members: Sequence[Row]) -> str:
    """How the job stands, in one line."""
    status, total = JobStatus(job["status"]), several(len(members), "data source")
    fine, bad = count(members, *GOOD), len(bad_files(job))
    files = f"{several(bad, 'file')} need{'s' if bad == 1 else ''} a change" if bad else ""
    said: Mapping[JobStatus, str] = {
        JobStatus.WAITING: f"⏸ {total} wait{'s' if len(members) == 1 else ''} for approval",
        JobStatus.NOTHING: "✅ Nothing to check",
        JobStatus.CANCELLED: "Not checked any more",
    }
    if status in said:
        return said[status]
    if not members:
        return f"❌ {files}"
    mark = {JobStatus.SUCCESS: "✅", JobStatus.ERROR: "⚠️", JobStatus.PENDING: "⏳"}.get(status, "❌")
    counted = f"{fine:,} of {total} {'is' if 1 in {fine, len(members)} else 'are'} fine"
    waiting = count(members, Outcome.CHECKING)
    return f"{mark} " + ", ".join(filter(None, [counted, f"{waiting:,} being checked" if waiting else "", files]))


def next_step(job: Row) -> str:
    """What happens next, and what the reader has to do."""
    status = JobStatus(job["status"])
    mend = "Please mend what is listed below and push: a push is checked by itself."
    unwell = f"Where only a publisher's server was unwell, {AGAIN} checks everything once more."
    said = {
        JobStatus.WAITING: "So many data sources by somebody new are looked at by a person first. An owner, member or "
        "collaborator starts the check by a comment that begins with `approve, please`.",
        JobStatus.PENDING: "There is nothing to do yet. This comment changes as results come in.",
        JobStatus.FAILING: f"{mend} This comment changes as more results come in.",
        JobStatus.FAILURE: f"{mend} {unwell}",
        JobStatus.ERROR: f"The fault is ours, and nothing has to be mended. To try again, write {AGAIN}.",
        JobStatus.SUCCESS: "All that can be checked by a machine is in order. The next step is a person's review.",
        JobStatus.NOTHING: "No data source differs from the default branch.",
        JobStatus.CANCELLED: "A newer head took its place, or the pull request was closed.",
    }[status]
    detail = sentence(job["detail"]) if job["detail"] and status is not JobStatus.WAITING else ""
    return f"{said}\n\n**Note:** {detail}" if detail else said


def overview(job: Row, members: Sequence[Row], facts: Mapping[str, SourceFacts]) -> str:
    """A line for each data source."""
    if not members:
        return ""
    held = JobStatus(job["status"]) is JobStatus.WAITING
    lines = [_line(member, facts.get(member["key"], SourceFacts()), held) for member in members[:MOST_LINES]]
    more = len(members) - MOST_LINES
    rest = f"\n\n… and {several(more, 'more data source')}." if more > 0 else ""
    return table(("data source", "outcome", "rows", "against the default branch"), lines) + rest


def _line(member: Row, facts: SourceFacts, held: bool) -> tuple[str, ...]:
    outcome, now = outcome_of(member), member["run_rows"]
    before = facts.before["rows"] if facts.before else None
    more = f"{', would be held' if facts.held else ''}{', reused' if member['reused'] else ''}"
    stands = f"{outcome.mark} {outcome.words}{more}"
    key = cell(member["key"], KEY)
    if held:
        return key, "⏸ waits", NONE, NONE
    if outcome is not Outcome.FINE or now is None:
        return key, stands, NONE, NONE
    if member["run_sampled"]:
        return key, stands, f"a sample of {now:,}", "not compared"
    return key, stands, f"{now:,}", "new" if before is None else change(now, before)


def _footer(job: Row, around: Surroundings) -> str:
    said = [_all(around), f"head {code(job['head_sha'][:9])}"]
    if JobStatus(job["status"]) is not JobStatus.WAITING:
        said.append(f"to check everything again: {AGAIN}")
    return f"---\n{' · '.join(said)}"


def _all(around: Surroundings) -> str:
    return link("All details", around.page)
