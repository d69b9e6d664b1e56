"""The reference as a site: a page for every request and notice, and one for what holds for all. Pure.

Pages have no script and nothing from elsewhere, are readable on a phone, and lead to one another by one
menu. Its search is a page, too (:mod:`onhook.api.docs_search`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from onhook.api import reference
from onhook.api.html import Html, bullets, inline, paragraph, tag, terms
from onhook.api.page_style import CSS
from onhook.api.reference import Asked
from onhook.blocks import Block, Endpoint, Field, Notice
from onhook.blocks.declaration import ALWAYS

ROOT: Final = "/docs"
SEARCH: Final = f"{ROOT}/search"
GUIDE: Final = f"{ROOT}/guide"
"""The documentation as a site (:mod:`onhook.api.guide`); its first page is at this path and a slash."""
QUERY_MAX: Final = 100
"""Characters of a search."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site, without the menu around it."""

    slug: str
    """Its name in links; "" is the first page."""
    title: str
    summary: str
    group: str
    """Under which heading of the menu it stands."""
    content: tuple[Html, ...]

    @property
    def path(self) -> str:
        """Its path on the API's port; that of the first page has no slug."""
        return f"{ROOT}/{self.slug}" if self.slug else ROOT


def pages(
    blocks: Sequence[Block],
    server_url: str,
    notices: Sequence[Notice],
    endpoints: Sequence[Endpoint],
) -> tuple[Page, ...]:
    """Every page in the order of the menu; ``server_url`` is what the examples ask."""
    written = (
        Page(
            "requests",
            "Requests",
            "What holds for every request.",
            "Overview",
            tuple(map(paragraph, reference.TRANSPORT)),
        ),
        Page(
            "messages",
            "Messages",
            "What msg can hold.",
            "Overview",
            tuple(map(paragraph, reference.MESSAGES)),
        ),
        Page(
            "notifications",
            "Notifications",
            "How applications are told, and how they verify it.",
            "Overview",
            _notifications(),
        ),
        *(_notice(notice) for notice in notices),
        *(_asked(block, server_url, "Blocks") for block in blocks),
        *(_asked(endpoint, server_url, "Around the blocks") for endpoint in endpoints),
    )
    return (_first(written), *written)


def found_page(query: str, results: Sequence[tuple[Page, str]]) -> Page:
    """What a search came to: pages, each with the words around what was found there."""
    entries = tuple(
        tag("li", tag("a", page.title, href=page.path), tag("p", around))
        for page, around in results
    )
    said = f"Pages that have all of these words: {len(results)}." if query else "Name some words."
    further = f"{GUIDE}/search.html?{urlencode({'q': query})}" if query else f"{GUIDE}/"
    content = (
        tag("p", said),
        *([tag("ol", *entries, _class="found")] if entries else []),
        tag("p", tag("a", "The same in the guide" if query else "The guide", href=further)),
    )
    title = f"Search: {query}" if query else "Search"
    return Page("search", title, "", "", content)


def missing_page() -> Page:
    """What stands in place of a page that is not there."""
    content = (
        tag("p", "There is no such page. The menu has all of them, and the search their words."),
        tag("p", "A program that was not installed from a package has no guide until 'make site'."),
    )
    return Page("missing", "No such page", "", "", content)


def document(page: Page, site: Sequence[Page], version: str, query: str = "") -> str:
    """A page as HTML, with the menu of the whole site."""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{page.title}: Onhook {version}"),
        tag("style", Html(CSS)),
    ]
    body = [
        tag("a", "Skip to the text", href="#text", _class="skip"),
        _banner(version, query),
        tag(
            "div",
            tag("main", tag("h1", page.title), *page.content, id="text"),
            _menu(page, site),
            _class="columns",
        ),
    ]
    whole = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{whole}\n"


# Around every page --------------------------------------------------------------------------------


def _banner(version: str, query: str) -> Html:
    words = tag(
        "input",
        type="search",
        name="q",
        value=query,
        maxlength=str(QUERY_MAX),
        placeholder="Search the reference",
        aria_label="Search the reference",
    )
    form = tag("form", words, tag("button", "Search"), action=SEARCH, method="get", role="search")
    home = tag("a", "Onhook ", tag("small", version), href=ROOT, _class="home")
    return tag("header", home, tag("a", "Menu", href="#menu", _class="to-menu"), form)


def _menu(current: Page, site: Sequence[Page]) -> Html:
    groups: dict[str, list[Html]] = {}
    for page in site:
        here = {"aria_current": "page"} if page.slug == current.slug else {}
        link = tag("a", page.title, href=page.path, **here)
        groups.setdefault(page.group, []).append(tag("li", link))
    groups["Overview"].append(tag("li", tag("a", "OpenAPI", href="/openapi.json")))
    groups["Overview"].append(tag("li", tag("a", "Tutorial and guide", href=f"{GUIDE}/")))
    lists = (tag("h2", name) + tag("ul", *links) for name, links in groups.items())
    return tag("nav", Html("".join(lists)), aria_label="All pages", id="menu")


# The pages ----------------------------------------------------------------------------------------


def _first(written: Sequence[Page]) -> Page:
    groups: dict[str, list[Html]] = {}
    for page in written:
        entry = tag(
            "div",
            tag("dt", tag("a", page.title, href=page.path)),
            tag("dd", *inline(page.summary)),
            id=page.slug,
        )
        groups.setdefault(page.group, []).append(entry)
    lists = (Html(tag("h2", name) + tag("dl", *entries)) for name, entries in groups.items())
    summary = "Steer real phone calls by HTTP, one block at a time."
    guide = tag(
        "p",
        "How to begin, and why it is so: ",
        tag("a", "tutorial and guide", href=f"{GUIDE}/"),
        ".",
    )
    return Page("", "Reference", summary, "Overview", (paragraph(summary), guide, *lists))


def _asked(asked: Asked, server_url: str, group: str) -> Page:
    content = (
        paragraph(asked.summary),
        tag("p", tag("code", f"GET | POST /open/{asked.path}")),
        paragraph(asked.doc),
        *([bullets(asked.notes)] if asked.notes else []),
        _heading("Parameters"),
        terms(
            (param.name, reference.limits(param), param.doc) for param in reference.params(asked)
        ),
        _heading("Example"),
        tag("pre", tag("code", reference.curl(asked, server_url)), tabindex="0"),
        _heading("Statuses, in the order in which they are evaluated"),
        terms((reply.status, "", reply.sentence) for reply in reference.replies(asked)),
        *(_replied(asked) if isinstance(asked, Block) else _answer(asked)),
    )
    return Page(asked.slug, asked.slug, asked.summary, group, content)


def _replied(block: Block) -> list[Html]:
    reply = [_heading("Reply, beside the status"), _fields(block.reply)] if block.reply else []
    return [*reply, *(_told(block) if block.fields else [])]


def _answer(endpoint: Endpoint) -> list[Html]:
    parts: list[Html] = []
    if endpoint.fields:
        parts += [_heading("Reply, beside the status"), _fields(endpoint.all_fields)]
    if endpoint.entry:
        parts += [
            _heading("Each element of the list entries in the reply"),
            _fields(endpoint.all_entry),
        ]
    return parts


def _notice(notice: Notice) -> Page:
    content = (paragraph(notice.summary), paragraph(notice.doc), *_told(notice))
    return Page(notice.slug, notice.slug, notice.summary, "Blocks", content)


def _told(told: Block | Notice) -> list[Html]:
    return [_heading("Notification"), _fields(told.fields)]


def _fields(fields: Iterable[Field]) -> Html:
    return terms(
        (field.name, "" if field.when == ALWAYS else field.when, field.doc) for field in fields
    )


def _notifications() -> tuple[Html, ...]:
    headers = ((name, "", doc) for name, doc in reference.SIGNATURES.items())
    return (*map(paragraph, reference.DELIVERY), _heading("Headers"), terms(headers))


def _heading(text: str) -> Html:
    return tag("h2", text)
