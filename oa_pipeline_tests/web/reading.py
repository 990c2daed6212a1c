"""What a browser would make of a page: its elements, texts and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask.testing import FlaskClient

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Accept-Encoding": "gzip"}
VOID = frozenset({"meta", "link", "input", "br", "wbr", "img", "hr"})


@dataclass
class Element:
    """One element: its attributes, and the text in it and below."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Document(HTMLParser):
    """A parsed page. `unclosed` are the tags that were not closed in order."""

    elements: list[Element] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            last = self._open.pop()
            if last.tag == tag:
                return
            self.unclosed.append(last.tag)
        self.unclosed.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag]

    def links(self) -> list[str]:
        return [one.attributes["href"] for one in self.all("a")]


def parsed(text: str) -> Document:
    made = Document()
    made.feed(text)
    made.close()
    return made


def page(reader: FlaskClient, address: str) -> Document:
    """The page that is at the address."""
    answer = reader.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)
