"""Templates and their filters. Everything that is not marked as ours is escaped, and a missing name is an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from shlex import quote as shell_word
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .. import __version__
from ..maps.boundaries.codes import NAMES
from ..text import one_line

HERE = Path(__file__).parent
TEMPLATES, STATIC = HERE / "templates", HERE / "static"
THIN = "\N{NARROW NO-BREAK SPACE}"
DASH = Markup('<span class="none">\N{EN DASH}</span>')
UNITS = ("B", "kB", "MB", "GB", "TB")
LONGEST_TEXT = 2_000
_OUR_PATH = re.compile(r"(?<!\S)(/(?:[a-z0-9-]+/)+)(?![^\s.,;:)])")
_TICKED = re.compile("`([^`]{1,80})`")
SAFE_SCHEMES = frozenset({"http", "https"})
# Name, shape and CSS class of how something stands: never by colour alone.
STATUSES: Mapping[str, tuple[str, str, str]] = {
    "succeeded": ("good", "\N{CHECK MARK}", "good"),
    "unchanged": ("unchanged", "\N{CHECK MARK}", "good"),
    "complete": ("complete", "\N{CHECK MARK}", "good"),
    "published": ("published", "\N{CHECK MARK}", "good"),
    "success": ("passed", "\N{CHECK MARK}", "good"),
    "good": ("good", "\N{CHECK MARK}", "good"),
    "stale": ("out of date", "\N{WHITE CIRCLE}", "warn"),
    "held": ("held for a look", "\N{BLACK DIAMOND SUIT}", "warn"),
    "incomplete": ("incomplete", "\N{BLACK DIAMOND SUIT}", "warn"),
    "failing": ("failing", "\N{BALLOT X}", "bad"),
    "broken": ("broken", "\N{BALLOT X}", "bad"),
    "failed": ("failed", "\N{BALLOT X}", "bad"),
    "failure": ("failed", "\N{BALLOT X}", "bad"),
    "error": ("our fault", "\N{BALLOT X}", "bad"),
    "lost": ("lost", "\N{BALLOT X}", "bad"),
    "skipped": ("skipped", "\N{EN DASH}", "idle"),
    "cancelled": ("cancelled", "\N{EN DASH}", "idle"),
    "removed": ("removed", "\N{EN DASH}", "idle"),
    "nothing": ("nothing to check", "\N{EN DASH}", "idle"),
    "new": ("not run yet", "\N{WHITE CIRCLE}", "idle"),
    "waiting": ("waiting", "\N{WHITE CIRCLE}", "busy"),
    "open": ("in progress", "\N{BLACK RIGHT-POINTING TRIANGLE}", "busy"),
    "pending": ("in progress", "\N{BLACK RIGHT-POINTING TRIANGLE}", "busy"),
    "running": ("in progress", "\N{BLACK RIGHT-POINTING TRIANGLE}", "busy"),
    "building": ("in progress", "\N{BLACK RIGHT-POINTING TRIANGLE}", "busy"),
}


def number(value: float | None) -> str | Markup:
    """Thousands apart by a thin space; a dash where there is none."""
    if value is None:
        return DASH
    text = f"{value:,}" if isinstance(value, int) or value != int(value) else f"{int(value):,}"
    return text.replace(",", THIN)


def size(value: int | None) -> str | Markup:
    """Bytes in the unit in which they have few digits."""
    if value is None:
        return DASH
    left, unit = float(value), 0
    while left >= 1000 and unit < len(UNITS) - 1:
        left, unit = left / 1000, unit + 1
    digits = 1 if left < 10 and unit else 0
    return f"{left:.{digits}f}{THIN}{UNITS[unit]}"


def percent(part: float | None, whole: float | None) -> str | Markup:
    """The share, never as 100 or 0 where it is only nearly so."""
    if part is None or not whole:
        return DASH
    share = 100 * part / whole
    if 99.5 <= share < 100:
        return f">99{THIN}%"
    return f"<1{THIN}%" if 0 < share < 0.5 else f"{share:.0f}{THIN}%"


def moment(value: datetime | None, shape: str = "%Y-%m-%d %H:%M UTC") -> Markup:
    """A moment for people and for machines."""
    if value is None:
        return DASH
    at = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(iso(at), at.strftime(shape))


def day(value: datetime | None) -> Markup:
    """The day of a moment."""
    return moment(value, "%Y-%m-%d")


def age(value: datetime | None, now: datetime) -> str | Markup:
    """How long ago, in whole days: what is younger than a day is of today."""
    if value is None:
        return DASH
    days = days_between(value, now)
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 60 else f"{days // 30} months ago" if days < 700 else f"{days // 365} years ago"


def days_between(value: datetime, now: datetime) -> int:
    """How many days of the calendar, in UTC: what is counted so is the same all day."""
    return (_day(now) - _day(value)).days


def _day(value: datetime) -> date:
    return value.astimezone(UTC).date()


def duration(seconds: float | None) -> str | Markup:
    """A time span."""
    if seconds is None:
        return DASH
    whole = round(seconds)
    if whole < 120:
        return f"{seconds:.1f}{THIN}s" if seconds < 10 else f"{whole}{THIN}s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}{THIN}h {minutes}{THIN}min" if hours else f"{minutes}{THIN}min {whole % 60}{THIN}s"


def iso(value: datetime) -> str:
    """ISO 8601 in UTC."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def safe_url(url: object) -> str:
    """The address, if following it is harmless: http or https with a host. Empty otherwise."""
    text = str(url or "").strip()
    if len(text) > LONGEST_TEXT or one_line(text) != text or any(c in text for c in " \\<>\"'"):
        return ""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return ""
    return text if parts.scheme.lower() in SAFE_SCHEMES and host and "@" not in parts.netloc else ""


def link(url: object, text: object = None) -> Markup:
    """A link to where somebody else's address leads; only its text where following it could do harm."""
    shown = plain(url if text is None else text)
    safe = safe_url(url)
    if not safe:
        return escape(shown)
    return Markup('<a href="{}" rel="noopener nofollow">{}</a>').format(safe, shown)


def licence(text: object) -> Markup:
    """A licence as a source states it: its name is the link where its address stands behind it in brackets."""
    name, address = _licence(text)
    return link(address, name) if safe_url(address) else link(text)


def licence_name(text: object) -> str:
    """The licence without the address behind it; of one that is an address, whose it is."""
    name, address = _licence(text)
    if safe_url(address):
        return name
    return f"see {host(text)}" if safe_url(text) else plain(text)


def host(url: object) -> str:
    """The host of an address that can be followed; the text, cut, where it is none."""
    return urlsplit(safe_url(url)).hostname or plain(url, 60)


def one_a_host(urls: Iterable[object]) -> list[object]:
    """The first address of each host."""
    found: dict[str, object] = {}
    for url in urls:
        found.setdefault(host(url), url)
    return list(found.values())


def _licence(text: object) -> tuple[str, str]:
    """Its name and its address, where that is how it is written."""
    whole = plain(text)
    name, _, address = whole.removesuffix(")").partition("(http")
    return (name.strip(), f"http{address}") if name.strip() and whole.endswith(")") else ("", "")


def plain(value: object, longest: int = LONGEST_TEXT) -> str:
    """Somebody else's text on one line, cut where it is too long."""
    text = one_line("" if value is None else str(value))
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def ticked(value: object, longest: int = LONGEST_TEXT) -> Markup:
    """Somebody's text on one line; what stands in it between backticks is to be typed or read as it is."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(plain(value, longest)))))  # noqa: S704 - escaped before


def pathed(text: object) -> Markup:
    """A sentence of ours about pages of ours: their addresses are links."""
    said = plain(text)
    whole = said if said.endswith((".", "!", "?")) else f"{said}."
    return Markup(_OUR_PATH.sub(r'<a href="\1">\1</a>', str(escape(whole))))  # noqa: S704 - escaped before


def status(value: object, word: str = "") -> Markup:
    """How something stands: word, shape and colour."""
    known, shape, kind = STATUSES.get(str(value), (str(value), "\N{WHITE CIRCLE}", "idle"))
    return Markup('<span class="st {}"><span aria-hidden="true">{}</span> {}</span>').format(kind, shape, word or known)


def breakable(path: object) -> Markup:
    """A path that may be broken after its slashes."""
    return Markup("/<wbr>").join(plain(path).split("/"))


FORM_NAMES: Mapping[str, str] = {
    "application/json": "JSON", "text/csv": "CSV", "application/atom+xml": "Atom", "application/geo+json": "GeoJSON",
    "text/plain": "text",
}  # fmt: skip
FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number, "size": size, "percent": percent, "moment": moment, "day": day, "age": age, "iso": iso,
    "duration": duration, "link": link, "safe_url": safe_url, "plain": plain, "status": status, "breakable": breakable,
    "ticked": ticked, "pathed": pathed, "licence": licence, "licence_name": licence_name,
    "host": host, "one_a_host": one_a_host,
}  # fmt: skip


def environment() -> Environment:
    """The templates' environment. Whatever a template is called, what is put into it is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.globals["state_names"] = {state: name for state, (name, *_) in STATUSES.items()}
    made.globals["country_names"] = {code.lower(): f"{code.lower()} \N{EN DASH} {name}" for code, name in NAMES.items()}
    made.globals["shell"] = lambda text: shell_word(plain(text))
    # Of a page that is no endpoint's, such as an error's.
    made.globals.update(asked=None, endpoint=None, twins=(), links={}, form_names=FORM_NAMES, navigation=())
    return made


class Templates:
    """The templates of this package, and a version that changes when one of them or the package does."""

    @cached_property
    def version(self) -> str:
        """Of everything that a page's look comes from."""
        digest = hashlib.sha256(__version__.encode())
        for path in sorted([*HERE.rglob("*.py"), *TEMPLATES.rglob("*.html"), *STATIC.rglob("*")]):
            if path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:8]

    @cached_property
    def environment(self) -> Environment:
        """See `environment`."""
        return environment()

    def compile(self) -> None:
        """Compiles all of them, for which the first reader of each would wait otherwise.

        Their version is taken at once: files that are replaced while the site runs are not what it shows.
        """
        _ = self.version
        for name in self.environment.list_templates(extensions=["html"]):
            self.environment.get_template(name)

    def render(self, template: str, **names: Any) -> str:
        """The page."""
        return self.environment.get_template(template).render(names)
