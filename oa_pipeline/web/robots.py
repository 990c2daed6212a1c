"""What is there for robots and for those who look after them: robots.txt, sitemap.xml, security.txt, llms.txt."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from .endpoints import Answer, Asked, Cache, Endpoint
from .forms import TEXT, text_form, xml
from .rendering import iso

MOST = 50_000  # addresses in one sitemap, as the protocol allows
SITEMAP = "application/xml; charset=utf-8"
CLOSED = ("/runs/", "/jobs/", "/sets/", "/latest/", "/files/")


def nothing(asked: Asked) -> Answer:
    """Of what is told, all is known beforehand."""
    return Answer({})


def _robots(answer: Answer, asked: Asked) -> str:
    closed = "".join(f"Disallow: {path}\n" for path in CLOSED)
    return f"User-agent: *\n{closed}\nSitemap: {asked.site.url('/sitemap.xml')}\n"


def _security(answer: Answer, asked: Asked) -> str:
    expires = asked.now.replace(hour=0, minute=0, second=0) + timedelta(days=180)
    return (
        f"Contact: {asked.site.repository_url}/security/advisories/new\n"
        f"Expires: {iso(expires)}\nPreferred-Languages: en\n"
        f"Canonical: {asked.site.url('/.well-known/security.txt')}\n"
    )


def _llms(answer: Answer, asked: Asked) -> str:
    from .pages import ENDPOINTS

    lines = [
        "# OpenAddresses",
        "",
        "> Addresses, buildings and parcels of public sources, converted to one form, with their licences.",
        "> Every page has the same facts as JSON at its own address without the final slash plus `.json`.",
        "",
        "## Addresses",
        "",
    ]
    for one in ENDPOINTS:
        if one.listed and one.fixed:
            lines.append(f"- [{one.title}]({asked.site.url(one.path)}): {one.doc}")
        elif one.listed:
            lines.append(f"- {one.title}, as {one.example or one.path}: {one.doc}")
    return "\n".join(lines) + "\n"


def sources(asked: Asked) -> Answer:
    """The paths of all source files."""
    return Answer({"sources": sorted({one.source for one in asked.catalogue.rows})})


def _sitemap(answer: Answer, asked: Asked) -> str:
    from .pages import ENDPOINTS

    pages = [one.path for one in ENDPOINTS if one.listed and one.fixed and one.template]
    paths = [path for path in pages if not path.startswith(CLOSED)]
    paths += [f"/sources/{quote(source)}" for source in answer.data["sources"]]
    urls = "\n".join(xml("<url><loc>{}</loc></url>", asked.site.url(path)) for path in paths[:MOST])
    return f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'


ENDPOINTS = (
    Endpoint(
        "/robots.txt", "For robots", "What may be crawled.", nothing,
        form=text_form(_robots), cache=Cache.FIXED, listed=False,
    ),
    Endpoint(
        "/sitemap.xml", "Sitemap", "The pages of this site.", sources,
        form=text_form(_sitemap, SITEMAP), cache=Cache.POINTER, listed=False, of_catalogue=True,
    ),
    Endpoint(
        "/.well-known/security.txt", "Security", "Whom to tell about a weakness.", nothing,
        form=text_form(_security), cache=Cache.FIXED, listed=False,
    ),
    Endpoint(
        "/llms.txt", "For language models", "What there is to read, in short.", nothing,
        form=text_form(_llms, TEXT), cache=Cache.FIXED, listed=False,
    ),
)  # fmt: skip
