"""The pages below ``/docs`` and those under ``docs/reference``."""

import asyncio
import base64
import hashlib
import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Message

from onhook import __version__
from onhook.api import docs_site, openapi, pages, reference
from onhook.api.docs_search import search
from onhook.blocks import BLOCKS, ENDPOINTS, HANGUP, NOTICES, Block, Endpoint, Notice

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = ROOT / "docs" / "reference"
URL = "https://voice.example.com"
SITE = docs_site.pages(BLOCKS, URL, NOTICES, ENDPOINTS)
DOCUMENTS = {page.path: docs_site.document(page, SITE, "1.2.3") for page in SITE}


ASKED: list[Block | Endpoint] = [*BLOCKS, *ENDPOINTS]


def ids(asked: Block | Endpoint) -> str:
    return asked.slug


class Reader(HTMLParser):
    """Reads a page strictly: whatever is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data


async def ask(
    path: str,
    method: str = "GET",
    host: bytes = b"voice.example.com",
    query: str = "",
    further: Sequence[tuple[bytes, bytes]] = (),
    routes: Sequence[BaseRoute] = (),
) -> tuple[int, dict[str, str], str]:
    """Asks an application that has nothing but these routes; its status, headers and body."""
    sent: list[Message] = []

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in asked:
            return message
        return await asyncio.Future[Message]()  # who asks stays until it is answered

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", host), *further],
        "server": ("127.0.0.1", 8080),
    }
    await Starlette(routes=routes or pages.routes())(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]).decode()


# The site -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_page_is_well_formed_and_needs_nothing_from_elsewhere(path: str) -> None:
    page = Reader(DOCUMENTS[path])

    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "base", "object"}
    attributes = [attribute for _, given in page.tags for attribute in given]
    assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_there_is_a_page_for_everything_and_each_leads_to_all_others() -> None:
    told: list[Block | Notice | Endpoint] = [*BLOCKS, *NOTICES, *ENDPOINTS]
    assert {one.slug for one in told} < {page.slug for page in SITE}

    for path, text in DOCUMENTS.items():
        page = Reader(text)
        anchors = [given["id"] for _, given in page.tags if "id" in given]
        links = [given["href"] or "" for tag, given in page.tags if tag == "a"]
        assert len(anchors) == len(set(anchors))
        assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(anchors)
        assert {link for link in links if not link.startswith("#")} == {
            *DOCUMENTS,
            "/openapi.json",
            "/docs/guide/",
        }
        here = [given["href"] for _, given in page.tags if given.get("aria-current") == "page"]
        assert here == [path]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_page_is_made_for_phones_and_for_the_dark(path: str) -> None:
    page = Reader(DOCUMENTS[path])

    assert ("html", {"lang": "en"}) in page.tags
    assert any(given.get("name") == "viewport" for _, given in page.tags)
    assert "@media (prefers-color-scheme: dark)" in page.style
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_its_page_says_everything_about_a_request(asked: Block | Endpoint) -> None:
    text = Reader(DOCUMENTS[f"/docs/{asked.slug}"]).text

    wanted = [f"/open/{asked.path}", *(param.name for param in reference.params(asked))]
    wanted += [field.name for field in asked.fields]
    if isinstance(asked, Endpoint):
        wanted += [field.name for field in asked.entry]
    for reply in reference.replies(asked):
        wanted += [reply.status, reply.sentence.replace("'", "")]
    wanted += [re.sub("[`']", "", prose) for prose in (asked.doc, *asked.notes)]
    assert not [phrase for phrase in wanted if phrase not in text.replace("'", "")]


def test_what_is_declared_is_escaped() -> None:
    evil = '<script>alert("1")</script>&amp;'
    params = tuple(replace(param, doc=evil, example=f"'{evil}") for param in HANGUP.params)
    fields = tuple(replace(field, doc=evil, when=evil) for field in HANGUP.fields)
    block = replace(HANGUP, name=f'"{evil}', doc=evil, notes=(evil,), params=params, fields=fields)

    site = docs_site.pages((block,), f"https://{evil}", (), ())
    for page in site:
        read = Reader(docs_site.document(page, site, evil, query=evil))
        assert "script" not in {tag for tag, _ in read.tags}
        assert f"/docs/{block.slug}" in {given.get("href") for _, given in read.tags}
        assert evil in {given.get("value") for _, given in read.tags}
    read = Reader(docs_site.document(site[-1], site, evil))
    assert read.text.count(evil) > len(params) + len(fields)


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_the_example_can_be_pasted_into_a_shell(asked: Block | Endpoint) -> None:
    command = reference.curl(asked, "https://voice.example.com")
    assert command in Reader(DOCUMENTS[f"/docs/{asked.slug}"]).text

    stand_in = """curl() { printf '%s\\n' "$@"; }\n"""
    ran = subprocess.run(
        ["/bin/sh", "-c", stand_in + command],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    words = ran.stdout.splitlines()
    assert words[0] == f"https://voice.example.com/open/{asked.path}"
    assert set(words[1::2]) == {"--data-urlencode"}
    given = dict(word.split("=", 1) for word in words[2::2])
    assert given == reference.requests(asked)["usual"]


# The routes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*DOCUMENTS, "/docs/search", "/docs/nothing"])
async def test_a_page_is_served_with_a_policy_that_allows_its_style_and_no_more(path: str) -> None:
    status, headers, body = await ask(path)

    assert status == (404 if path == "/docs/nothing" else 200)
    assert headers["content-type"] == "text/html; charset=utf-8"
    digest = hashlib.sha256(Reader(body).style.encode()).digest()
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert "unsafe" not in policy
    assert __version__ in body


@pytest.mark.parametrize("host", [b"voice.example.com", b"10.0.0.1:8080", b"[::1]:8080"])
async def test_the_examples_ask_the_server_that_shows_them(host: bytes) -> None:
    _, _, body = await ask("/docs/hangup", host=host)

    command = shlex.split(reference.curl(HANGUP, f"http://{host.decode()}"))
    assert command[1] in Reader(body).text


@pytest.mark.parametrize(
    "host", [b"", b"$(reboot)", b"a b", b"x;y", b"<b>", b"u@h", b"h/p", b"h:999999", b"\xff"]
)
async def test_a_host_that_is_none_is_not_shown(host: bytes) -> None:
    status, _, body = await ask("/docs/hangup", host=host)

    assert status == 200
    assert set(re.findall(r"curl \S+?/open", Reader(body).text)) == {
        f"curl {reference.DEFAULT_URL}/open"
    }


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("hangup", "hangup"),
        ("HANGUP force", "hangup"),
        ("max_digits", "gather"),
        ("error_session_not_on_hold", "unhold"),
        ("webhook-signature", "notifications"),
    ],
)
def test_a_search_finds_the_page_of_its_words(query: str, first: str) -> None:
    results = search(SITE, query)

    assert results[0][0].slug == first
    for _, around in results:
        assert query.casefold().split()[0] in around.casefold()


async def test_a_search_is_shown_with_its_results() -> None:
    status, _, body = await ask("/docs/search", query="q=max_digits")
    page = Reader(body)

    assert status == 200
    assert {"name": "q", "value": "max_digits"}.items() <= dict(page.tags)["input"].items()
    main = body[body.index("<main") : body.index("</main>")]
    assert 'href="/docs/gather"' in main
    assert 'href="/docs/hold"' not in main


@pytest.mark.parametrize(
    "query", ["", "q=", "q=%20", "q=%3Cscript%3E&q=x", "q=%ff%00", "q=" + "a%20" * 5000]
)
async def test_a_search_for_nothing_that_is_there_is_harmless(query: str) -> None:
    status, _, body = await ask("/docs/search", query=query)

    assert status == 200
    assert "script" not in {tag for tag, _ in Reader(body).tags}
    assert len(body) < 20_000


async def test_the_document_is_served() -> None:
    status, headers, body = await ask("/openapi.json")

    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == openapi.document(BLOCKS, __version__, "/")


@pytest.mark.parametrize("path", [*DOCUMENTS, "/openapi.json"])
async def test_all_are_there_to_be_read_only(path: str) -> None:
    assert (await ask(path, "HEAD"))[0] == 200
    status, headers, _ = await ask(path, "POST")
    assert status == 405
    assert "GET" in headers["allow"]


# The pages of the repository ------------------------------------------------------------------


def test_the_pages_are_what_their_script_writes() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "reference_pages.py"))["pages"]()
    there = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}

    assert there == written, "run scripts/reference_pages.py"


def test_there_is_a_page_for_everything() -> None:
    told: list[Block | Notice | Endpoint] = [*BLOCKS, *NOTICES, *ENDPOINTS]
    names = {path.stem for path in DIRECTORY.glob("*.md")}

    assert names == {"README"} | {one.slug for one in told}


def test_the_contradiction_about_the_length_of_a_message_is_noted() -> None:
    text = (DIRECTORY / "hangup.md").read_text(encoding="utf-8")

    assert "1000 at the parameter and 500 at the status `error_msg_invalid_length`" in text


def test_no_cell_of_a_table_breaks_it() -> None:
    for path in DIRECTORY.glob("*.md"):
        columns = 0
        for line in path.read_text(encoding="utf-8").splitlines():
            bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not columns or bars in (0, columns), line
            columns = bars


# Names in prose -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A <url> of msg.", "A `<url>` of `msg`."),
        ("check access_token and app_id.", "check `access_token` and `app_id`."),
        ("With force=enabled it ends.", "With `force=enabled` it ends."),
        ("the output of 'onhook app create'.", "the output of `onhook app create`."),
        ("The required parameter tag is missing.", "The required parameter `tag` is missing."),
        ("Keep the webhook-id.", "Keep the `webhook-id`."),
        ("a `status`, in text", "a `status`, in text"),
        ("the application's and the caller's number", "the application's and the caller's number"),
        ("", ""),
    ],
)
def test_names_are_marked(text: str, expected: str) -> None:
    assert reference.markdown(text) == expected
