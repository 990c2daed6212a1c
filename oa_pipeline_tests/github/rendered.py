"""What a reader's browser makes of a report."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

# What GitHub makes mentions, references, emoji and links of, wherever it is not in code.
LIVE = re.compile(
    r"@\w|#\d|\bGH-\d|\b[0-9a-f]{7,}\b|:[\w+-]+:|https?:|ftp:|www\.|\w@\w|mailto:|\b[A-Z]+-\d|\$", re.IGNORECASE
)
VOID = {"hr", "br", "img"}
OURS = {
    "h3", "h4", "p", "strong", "code", "a", "ul", "li", "hr", "br", "img", "details", "summary",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


class Page(HTMLParser):
    """The tags, links, and the text that stands outside of code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.comments: list[str] = []
        self.cells: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "code" not in self._open:
            self.text.append(data)
        if {"td", "th"} & set(self._open):
            self.cells[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def page(markdown: str) -> Page:
    """The page, by a reader of Markdown that knows tables and lets HTML through."""
    return Page(MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(markdown))
