"""GitHub: whether we may do what we are to do there, and whether what it sends arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, wrong

if TYPE_CHECKING:
    from ..github.api import GitHub

UNSEEN_SECONDS = 300.0
OWED_SECONDS = 3600.0
QUIET_SECONDS = 14 * 86400.0


def way_in(means: Means) -> Verdict:
    """Whether the token or the App is taken, and may write."""
    held = means.settings
    if not means.dagsters:
        return note("GitHub is told things by another host")
    if not (held.github_token or held.github_app_id):
        return note("neither OA_GITHUB_TOKEN nor OA_GITHUB_APP_ID is set: GitHub is told nothing")
    github = _github(means)
    branch = github.default_branch()
    if held.github_token and not held.github_checks and github.may_push() is False:
        return wrong(
            f"OA_GITHUB_TOKEN can read {held.repository} and not write to it: no statuses, no comments",
            "give it the rights of docs/github.md: commit statuses and pull requests, write",
        )
    return ok(f"{held.repository} can be asked and told; its default branch is {branch}")


def _github(means: Means) -> GitHub:
    from ..github.api import GitHub

    return GitHub.from_settings(means.settings)


def deliveries(means: Means) -> Verdict:
    """Whether deliveries arrive and are looked at."""
    from ..ledger.soundness import webhook

    if not means.settings.github_secrets and not means.settings.github_token:
        return note("there is no webhook here")
    found = webhook(means.engine)
    if found["silent"] is None:
        return note("no delivery of the webhook has come yet")
    if found["waiting"] is not None and found["waiting"] > UNSEEN_SECONDS:
        return wrong(
            f"a delivery has waited {found['waiting'] / 60:.0f} minutes for somebody to look at it",
            "see dagster.daemons, and the ticks of the sensor pull_requests",
        )
    if found["silent"] > QUIET_SECONDS:
        return warning(
            f"the last delivery came {found['silent'] / 86400:.0f} days ago",
            "see the webhook's recent deliveries on GitHub: what did the site answer",
        )
    return ok(f"the last delivery came {found['silent'] / 3600:.1f} hours ago, and all were looked at")


def debts(means: Means) -> Verdict:
    """Whether GitHub was told what it is owed."""
    from ..ledger.soundness import webhook

    owed = webhook(means.engine)["owed"]
    if owed is not None and owed > OWED_SECONDS:
        return wrong(
            f"GitHub has been owed a status or comment for {owed / 3600:.1f} hours",
            "see github.way-in, and the ticks of the sensor outbox",
        )
    return ok("GitHub is owed nothing for long")


LEDGER = ("database.reached", "database.ledger")
CHECKS = (
    Check("github.way-in", "may we write statuses and comments", way_in),
    Check("github.deliveries", "does the webhook's mail arrive", deliveries, LEDGER),
    Check("github.debts", "is GitHub told what it is owed", debts, LEDGER),
)
