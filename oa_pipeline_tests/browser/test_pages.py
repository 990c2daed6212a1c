"""Every page in a real browser: what bars people from it, what the browser complains of, how it looks.

Of each there are two screenshots in the folder .screenshots, for a person to look at.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from .addresses import visits
from .conftest import Place
from .looking import OF_COLOUR, OF_SIZE, PAPER, Window, barriers, walk, wider

VISITS = visits()
MISSING = {"nothing-there": 404}


def shown(window: Window, place: Place, name: str) -> Page:
    return window.show(place.url + VISITS[name](place.filled), expected=MISSING.get(name, 200))


@pytest.mark.parametrize("name", VISITS)
def test_a_page_bars_nobody_and_is_whole_wide_and_narrow_light_and_dark(
    window: Window, place: Place, screenshots: Path, name: str
) -> None:
    page = shown(window, place, name)

    page.screenshot(path=screenshots / f"{name}.wide.png", full_page=True)
    assert wider(page) <= 0
    assert barriers(page) == []

    window.resize(wide=True, dark=True)
    assert barriers(page, OF_COLOUR) == []

    window.resize(wide=False, dark=True)
    page.screenshot(path=screenshots / f"{name}.narrow.png", full_page=True)
    assert wider(page) <= 0
    assert barriers(page, OF_SIZE) == []

    assert window.complaints == []
    assert window.strangers() == []


@pytest.mark.parametrize("name", ["sources", "quality", "source-hostile"])
def test_on_paper_there_is_what_can_be_read_and_nothing_to_click(window: Window, place: Place, name: str) -> None:
    page = shown(window, place, name)
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    try:
        assert wider(page) <= 0
        assert page.locator("table").first.is_visible()
        assert [one for one in page.locator("nav, form, .skip").all() if one.is_visible()] == []
    finally:
        page.emulate_media(media="screen")


@pytest.mark.parametrize("name", VISITS)
def test_everything_on_a_page_is_reached_and_seen_by_keyboard(window: Window, place: Place, name: str) -> None:
    stops, reachable = walk(shown(window, place, name))

    assert "Skip to the content" in stops[0]["what"]
    assert [one["what"] for one in stops if not (one["outlined"] and one["inside"])] == []
    assert sorted({one["number"] for one in stops if one["number"] >= 0}) == list(range(reachable))


def test_who_skips_the_navigation_is_at_the_content(window: Window, place: Place) -> None:
    page = shown(window, place, "sources")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("name", VISITS)
def test_a_page_says_the_same_without_scripts(
    window: Window, window_without_scripts: Window, place: Place, name: str
) -> None:
    said = shown(window, place, name).locator("main").inner_text()
    page = shown(window_without_scripts, place, name)

    assert page.locator("main").inner_text() == said
    assert page.locator("noscript").count() == 0
