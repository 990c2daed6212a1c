"""What can be asked of a page that a browser shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 740}  # a wide window of 1280 at four times the size
PAPER: ViewportSize = {"width": 718, "height": 1047}  # A4 within its margins, at 96 dots per inch
SECONDS = 90
MOST_STOPS = 400
SCROLLERS = 10  # stops that the browser adds: what can be scrolled
AXE = "async rules => (await axe.run(document, {resultTypes: ['violations'], ...rules})).violations"
# What may be otherwise in other colours, and in a narrow window; a wide light one has shown the rest.
OF_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}
OF_SIZE = {"runOnly": ["scrollable-region-focusable", "target-size", "meta-viewport", "css-orientation-lock"]}
# Numbers what can be reached by keyboard and is not hidden, and takes note of every stop of the tabulator:
# what it is, and whether one can see that one is there.
WATCH = """() => {
  const reachable = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(one => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
  window.stops = [];
  document.addEventListener('focusin', event => {
    const one = event.target, style = getComputedStyle(one), box = one.getBoundingClientRect();
    window.stops.push({
      what: one.outerHTML.slice(0, 120),
      number: reachable.indexOf(one),
      outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
      inside: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
    });
  });
  return reachable.length;
}"""
WIDER = "() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth"


class Window:
    """A browser's window with one page at a time, and what the browser says about it."""

    def __init__(self, browser: Browser, *, scripts: bool = True) -> None:
        context = browser.new_context(java_script_enabled=scripts, reduced_motion="reduce", locale="en-GB")
        context.set_default_timeout(SECONDS * 1000)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self._asked: list[str] = []
        self._expected = 200
        self.page.on("console", self._complaint)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked.append(request.url))

    def show(self, url: str, *, expected: int = 200) -> Page:
        """The page at `url`, wide and light."""
        self._expected = expected
        self.resize(wide=True, dark=False)
        self.page.goto("about:blank")
        self.complaints.clear()
        self._asked.clear()
        answer = self.page.goto(url, wait_until="load")
        assert answer is not None
        assert answer.status == expected, f"{url}: {answer.status}"
        return self.page

    def resize(self, *, wide: bool, dark: bool) -> None:
        self.page.set_viewport_size(WIDE if wide else NARROW)
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def strangers(self) -> list[str]:
        """Requests to anybody but the site itself."""
        ours = urlsplit(self.page.url).netloc
        return [url for url in self._asked if urlsplit(url).netloc != ours]

    def _complaint(self, message: ConsoleMessage) -> None:
        # That a page which shall not be there is not is no complaint.
        if message.type in {"error", "warning"} and (self._expected == 200 or str(self._expected) not in message.text):
            self.complaints.append(message.text)


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def barriers(page: Page, rules: Mapping[str, Any] | None = None) -> list[str]:
    """What axe-core finds, by all its rules or some: a line for each element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(f"() => {{ {_axe()} }}")
    found: Sequence[dict[str, Any]] = page.evaluate(AXE, dict(rules or {}))
    return [f"{one['id']}: {one['help']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def walk(page: Page) -> tuple[list[dict[str, Any]], int]:
    """Goes from the top of the page past its end with the tabulator: the stops, and how many things it should reach."""
    number: int = page.evaluate(WATCH)
    assert number <= MOST_STOPS, f"{number} stops before one is through"
    for _ in range(number + SCROLLERS):
        page.keyboard.press("Tab")
    stops: list[dict[str, Any]] = page.evaluate("() => window.stops")
    return stops, number


def wider(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    found: int = page.evaluate(WIDER)
    return found
