"""Settings that do not fit together, or not into production."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, worst, wrong

SHORTEST_SECRET = 16


def dangers(means: Means) -> Verdict:
    """What is for development and tests alone."""
    held = means.settings
    if not means.production:
        return note("this is somebody's own machine: OA_DATABASE_URL is not set, or OA_DEV is 1")
    found = []
    if held.allow_local_sources:
        found.append(
            wrong("OA_ALLOW_LOCAL_SOURCES=1: whoever writes a source can read this machine and its network", "unset it")
        )
    if held.crash_at:
        found.append(wrong("OA_CRASH_AT kills processes", "unset it"))
    if means.runs and held.sandbox != "required":
        found.append(
            warning("OA_SANDBOX=recorded: files are converted where walls are missing", "set OA_SANDBOX=required")
        )
    if held.unverified_tls_hosts:
        names = ", ".join(sorted(held.unverified_tls_hosts))
        found.append(warning(f"certificates are not verified of {names}", "see whether they are sound by now"))
    return worst(found, ok("nothing is allowed that only development needs"))


def places(means: Means) -> Verdict:
    """Whether several hosts could share what this one uses."""
    held = means.settings
    if not means.production:
        return note(f"everything is below {held.home}")
    if "://" not in held.store_location:
        return warning(
            f"results go to the folder {held.store_location}, which other hosts do not see",
            "set OA_STORE=s3://bucket, unless there is but one host",
        )
    if not held.sources:
        return warning("OA_SOURCES is empty: the bundled samples are processed", "set OA_SOURCES=github:owner/name")
    if means.runs and not held.pull_request_role:
        return warning(
            "runs of pull requests write to the store with the workers' own rights",
            "let OA_PULL_REQUEST_ROLE name a role that may write below pr/ only",
        )
    return ok(f"results go to {held.store_location}, sources come from {held.sources}")


def addresses(means: Means) -> Verdict:
    """Whether others can follow the links that we make."""
    host = urlsplit(means.settings.public_url).hostname or ""
    if not means.production:
        return note(f"links lead to {means.settings.public_url}")
    if host in {"127.0.0.1", "localhost", "::1"}:
        return warning(
            f"links in statuses and comments lead to {means.settings.public_url}", "set OA_PUBLIC_URL to the site's own"
        )
    if not means.settings.public_url.startswith("https:"):
        return warning(
            f"OA_PUBLIC_URL={means.settings.public_url} is not https", "put a proxy with a certificate in front"
        )
    return ok(f"links lead to {means.settings.public_url}")


def webhook(means: Means) -> Verdict:
    """Whether deliveries can be told from forgeries."""
    if not means.site:
        return note("the site is another host's")
    secrets = means.settings.github_secrets
    if not secrets:
        cure = "set OA_GITHUB_SECRETS to what the webhook has on GitHub"
        return note("OA_GITHUB_SECRETS is not set") if not means.production else wrong("`oa web` will not start", cure)
    short = [number for number, secret in enumerate(secrets, 1) if len(secret) < SHORTEST_SECRET]
    if short:
        which = ", ".join(map(str, short))
        return warning(
            f"of the webhook's secrets these are short enough to be guessed: number {which}",
            f"make others of {SHORTEST_SECRET} characters or more, such as `openssl rand -hex 20` gives",
        )
    return ok(f"{len(secrets)} secret{'s' * (len(secrets) > 1)} of the webhook")


_SWITCHES: Mapping[str, tuple[Callable[[Means], bool], str]] = {
    "OA_REJECT_NEW_JOBS=1": (lambda m: m.site and m.settings.reject_new_jobs, "the webhook answers 503"),
    "OA_GITHUB_SILENT=1": (lambda m: m.dagsters and m.settings.github_silent, "GitHub is told nothing"),
}


def switches(means: Means) -> Verdict:
    """What was switched off for a while."""
    on = {name: says for name, (holds, says) in _SWITCHES.items() if holds(means)}
    if on:
        told = "; ".join(f"{name}: {says}" for name, says in on.items())
        return warning(told, "unset it once that is no longer wanted")
    return ok("nothing is switched off")


CHECKS = (
    Check("settings.dangers", "is anything allowed that only development needs", dangers),
    Check("settings.places", "do database, store and sources fit production", places),
    Check("settings.addresses", "can others follow our links", addresses),
    Check("settings.webhook", "has the webhook secrets that nobody guesses", webhook),
    Check("settings.switches", "is something switched off", switches),
)
