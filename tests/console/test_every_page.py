"""What holds for every page of the table: nobody passes who may not, whichever way they try."""

import json
import re
from hashlib import sha256

import pytest

from console.conftest import SignedIn
from console.harness import Browser, Page
from onhook.console import table
from onhook.console.console import HEADERS
from onhook.console.rendering import STATIC
from onhook.console.roles import Role

_PARAMETER = re.compile(r"\{[a-z_]+\}")
_INLINE = re.compile(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.I)
CLOSED = [page for page in table.PAGES if page.role is not None]


def _path(page: table.Page) -> str:
    return _PARAMETER.sub("nothing", page.path)


def _is_kept_out(page: table.Page, got: Page) -> bool:
    """Sent to where people sign in, or told so where a script asks."""
    if page.by_itself:
        return got.status == 401
    return got.status == 303 and got.headers["location"].startswith("/console/sign-in")


def test_only_signing_in_and_what_it_looks_like_is_open_to_everybody() -> None:
    opened = {(page.method, page.path) for page in table.PAGES if page.role is None}
    assert opened == {
        ("GET", "/console/sign-in"),
        ("POST", "/console/sign-in"),
        ("GET", "/console/static/{name}"),
    }


def test_what_is_looked_at_and_what_is_done_are_told_apart() -> None:
    assert {page.method for page in table.PAGES} == {"GET", "POST"}
    assert len({(page.method, page.path) for page in table.PAGES}) == len(table.PAGES)


async def test_nobody_sees_or_does_anything_without_signing_in(browser: Browser) -> None:
    for page in CLOSED:
        if page.method == "GET":
            got = await browser.get(_path(page))
        else:
            got = await browser.send(_path(page), {"form_token": "x"})
        assert _is_kept_out(page, got), page


async def test_a_cookie_that_nobody_was_given_opens_nothing(browser: Browser) -> None:
    for token in ("x" * 43, "", "../" * 20, "'; DROP TABLE operators; --" + "x" * 20, "ü" * 30):
        sent = token.encode("utf-8").decode("latin-1")
        page = await browser.get("/console/live", Cookie=f"onhook-console={sent}")
        assert page.status in (303, 400), token


async def test_a_role_that_is_too_small_is_refused(signed_in: SignedIn) -> None:
    for role in (Role.LOOK, Role.OPERATE):
        browser = await signed_in(role)
        token = (await browser.get("/console/account")).form_token
        for page in CLOSED:
            if page.role is None or role.includes(page.role):
                continue
            if page.method == "GET":
                got = await browser.get(_path(page))
            else:
                got = await browser.send(_path(page), {"form_token": token})
            assert got.status == 403, page


async def test_a_form_without_its_token_is_refused(signed_in: SignedIn) -> None:
    browser, other = await signed_in(), await signed_in()
    foreign = (await other.get("/console/account")).form_token
    for page in CLOSED:
        if page.method == "POST":
            for fields in ({}, {"form_token": ""}, {"form_token": foreign}):
                got = await browser.send(_path(page), fields)
                assert got.status == 403, page
                assert "another session" in got.text


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
async def test_a_form_of_another_page_is_refused(signed_in: SignedIn, said: dict[str, str]) -> None:
    browser = await signed_in()
    token = (await browser.get("/console/account")).form_token
    for page in table.PAGES:
        if page.method == "POST":
            got = await browser.send_as(_path(page), {"form_token": token}, said)
            assert got.status == 403, page
            assert "Only pages of this console" in got.text
    assert (await browser.get("/console/live")).status == 200


async def test_every_reply_tells_the_browser_what_it_may_do(
    signed_in: SignedIn, browser: Browser
) -> None:
    for one in (browser, await signed_in()):
        for page in table.PAGES:
            if page.path.endswith("/stream"):
                continue
            if page.method == "GET":
                got = await one.get(_path(page))
            else:
                got = await one.send(_path(page), {})
            for name, value in HEADERS.items():
                assert got.headers[name] == value, (page, name)
            assert got.headers["Cache-Control"] == "no-store", page
        got = await one.get("/console/there-is-none")
        assert got.status == 404
        assert got.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


async def test_no_page_has_a_script_or_a_style_in_it(signed_in: SignedIn) -> None:
    browser = await signed_in()
    for page in table.PAGES:
        if page.method == "GET" and not page.path.endswith(("/stream", "{name}")):
            got = await browser.get(_path(page))
            assert not _INLINE.search(got.text), page


async def test_a_page_is_not_done_and_a_deed_is_not_looked_at(signed_in: SignedIn) -> None:
    browser = await signed_in()
    token = (await browser.get("/console/account")).form_token
    both = {page.path for page in table.PAGES if page.method == "GET"} & {
        page.path for page in table.PAGES if page.method == "POST"
    }
    for page in table.PAGES:
        if page.path in both:
            continue
        if page.method == "GET":
            got = await browser.send(_path(page), {"form_token": token})
        else:
            got = await browser.get(_path(page))
        assert got.status == 405, page
    assert (await browser.get("/console/live")).status == 200, "still signed in"


async def test_htmx_is_told_to_evaluate_nothing(signed_in: SignedIn) -> None:
    page = await (await signed_in(Role.LOOK)).get("/console/live")
    found = re.search(r"name=\"htmx-config\" content='([^']*)'", page.text)
    assert found is not None
    told = json.loads(found[1])
    assert (told["allowEval"], told["includeIndicatorStyles"]) == (False, False)
    assert told["selfRequestsOnly"] is True


async def test_files_of_the_console_may_be_kept_and_there_are_no_others(browser: Browser) -> None:
    page = await browser.get("/console/sign-in")
    for path in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page.text):
        got = await browser.get(path)
        assert got.status == 200, path
        assert "immutable" in got.headers["Cache-Control"]
        assert got.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("console.py", "htmx.version", "..%2fconsole.py", "nothing.css"):
        assert (await browser.get(f"/console/static/{name}")).status == 404


def test_what_is_of_others_is_recorded_with_its_licence_and_as_it_was_published() -> None:
    for name, told in json.loads((STATIC / "packages.json").read_text()).items():
        assert sha256((STATIC / told["file"]).read_bytes()).hexdigest() == told["sha256"], name
        beside = STATIC / f"{told['file'].partition('.')[0]}.LICENSE.txt"
        begins = {"0BSD": "Permission to use", "MIT": "Permission is hereby granted"}
        assert begins[told["licence"]] in beside.read_text()
