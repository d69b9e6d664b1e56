"""What strangers try at the console, each refused."""

import asyncio

import pytest

from acceptance.harness import Onhook
from console.conftest import SignedIn
from console.harness import PASSWORD, Browser, add_operator
from onhook.cli import operators
from onhook.console.roles import Role


async def _raw(server: Onhook, request: str) -> tuple[str, str]:
    """The head and the body of what comes back to these very bytes."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode("latin-1"))
    reply = (await reader.read()).decode("latin-1")
    writer.close()
    head, _, body = reply.partition("\r\n\r\n")
    return head, body


def _get(path: str, *headers: str, host: str = "localhost") -> str:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\r\n".join(lines) + "\r\n\r\n"


async def test_a_session_that_was_there_before_signing_in_is_not_signed_in(
    server: Onhook, browser: Browser
) -> None:
    name = await add_operator(server, Role.LOOK)
    planted = "planted-by-somebody-else-0123456789abcdefgh"
    browser.set_cookie("onhook-console", planted)
    assert (await browser.sign_in(name)).status == 303
    given = browser.cookies["onhook-console"]
    assert given != planted
    async with Browser(server.url) as other:
        other.set_cookie("onhook-console", planted)
        assert (await other.get("/console/live")).status == 303
        other.set_cookie("onhook-console", given)
        assert (await other.get("/console/live")).status == 200
        # Signing in anew ends the session that the browser had.
        assert (await browser.sign_in(name)).status == 303
        assert (await other.get("/console/live")).status == 303


async def test_a_form_for_signing_in_is_tied_to_the_browser(
    server: Onhook, browser: Browser
) -> None:
    name = await add_operator(server, Role.LOOK)
    async with Browser(server.url) as other:
        foreign = (await other.get("/console/sign-in")).form_token
    fields = {"name": name, "password": PASSWORD}
    for token in (foreign, ""):
        await browser.get("/console/sign-in")
        page = await browser.send("/console/sign-in", {**fields, "form_token": token})
        assert page.status == 403
        assert "too old" in page.text


async def test_the_cookie_is_for_this_host_and_no_script(server: Onhook, browser: Browser) -> None:
    name = await add_operator(server, Role.LOOK)
    page = await browser.sign_in(name)
    told = [one for one in page.headers.getall("set-cookie") if one.startswith("onhook-console=")]
    assert len(told) == 1
    parts = {part.strip().lower() for part in told[0].split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=strict"}


async def test_behind_a_proxy_that_speaks_https_the_cookie_is_for_https_alone(
    server: Onhook,
) -> None:
    name = await add_operator(server, Role.LOOK)
    behind = {
        "Host": "voice.example.com",
        "Origin": "https://voice.example.com",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
    }
    async with Browser(server.url, behind) as browser:
        form = await browser.get("/console/sign-in")
        [before] = form.headers.getall("set-cookie")
        assert before.startswith("__Host-onhook-console-before=")
        fields = {"form_token": form.form_token, "name": name, "password": PASSWORD}
        page = await browser.send("/console/sign-in", fields, Cookie=before.partition(";")[0])
        assert page.status == 303
        [told] = [
            one
            for one in page.headers.getall("set-cookie")
            if one.startswith("__Host-onhook-console=")
        ]
        parts = {part.strip().lower() for part in told.split(";")[1:]}
        assert parts == {"httponly", "path=/", "samesite=strict", "secure"}
        cookie = told.partition(";")[0]
        assert (await browser.get("/console/live", Cookie=cookie)).status == 200
        # The same token under the name without the prefix is nobody's.
        bare = cookie.removeprefix("__Host-")
        assert (await browser.get("/console/live", Cookie=bare)).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a name that leads here: DNS rebinding
        {"Host": "192.0.2.7:8080"},
        {"X-Forwarded-For": "203.0.113.9"},  # a proxy that does not say how it was reached
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Proto": "https, http"},
        {"Forwarded": "for=203.0.113.9;proto=https"},
    ],
)
async def test_nothing_is_said_in_the_clear_to_whoever_is_elsewhere(
    browser: Browser, headers: dict[str, str]
) -> None:
    for path in ("/console/sign-in", "/console/live", "/console/static/console.css"):
        page = await browser.get(path, **headers)
        assert page.status == 403
        assert "HTTPS only" in page.text
        assert "set-cookie" not in page.headers


@pytest.mark.parametrize(
    "path",
    [
        "/console/../console/audit",
        "/console/static/../audit",
        "/console/static/%2e%2e/audit",
        "/console/static/..%2f..%2fconsole.py",
        "/console%2faudit",
        "//console/audit",
        "/console//audit",
        "/console/audit/",
        "/console/audit;x=1",
        "/console/audit%00",
        "/console/audit%0d%0aSet-Cookie:%20x=1",
        "/console/./audit",
        "/CONSOLE/audit",
        "/console/sign-in/../audit",
        "http://localhost/console/audit",
        "/console/audit?next=/console/sign-in",
        "/console/audit#/console/sign-in",
        "/console/live/stream/",
    ],
)
async def test_no_spelling_of_a_path_leads_past_the_door(
    server: Onhook, browser: Browser, path: str
) -> None:
    head, body = await _raw(server, _get(path))
    status = int(head.split()[1])
    assert status in (303, 400, 404), head
    assert "Who changed what" not in body
    if status == 303:
        assert "/console/sign-in" in head
    assert "set-cookie: x=1" not in head.lower()


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/console/live\r\nSet-Cookie: x=1",
        "/consoleevil",
        "/console/sign-out",
        "javascript:alert(1)",
        "/console/@evil.example/\r\n\r\n<script>",
    ],
)
async def test_signing_in_leads_to_pages_of_ours_alone(
    server: Onhook, signed_in: SignedIn, to: str
) -> None:
    async with Browser(server.url) as browser:
        form = await browser.get("/console/sign-in?next=" + _quoted(to))
        assert "evil" not in form.text
        assert "<script>" not in form.text
        page = await browser.sign_in(await add_operator(server, Role.LOOK), next=to)
        assert (page.status, page.headers["location"]) == (303, "/console/live")


async def test_what_a_page_says_was_said_by_a_page_of_ours(signed_in: SignedIn) -> None:
    browser = await signed_in(Role.LOOK)
    page = await browser.get("/console/account?failed=Call%20this%20number&by=0123456789abcdef")
    assert page.status == 200
    assert "Call this number" not in page.text


async def test_a_form_that_is_too_much_is_refused(signed_in: SignedIn) -> None:
    browser = await signed_in(Role.LOOK)
    big = await browser.send("/console/account/password", {"old": "x" * 300_000})
    assert big.status == 413
    many = await browser.send("/console/account/password", {f"f{n}": "x" for n in range(600)})
    assert many.status == 413


async def test_whoever_guesses_waits_and_an_operator_can_be_let_in_again(
    server: Onhook,
) -> None:
    name = await add_operator(server, Role.LOOK)
    async with Browser(server.url) as browser:
        for _ in range(5):
            page = await browser.sign_in(name, "wrong wrong wrong")
            assert page.status == 403
            assert "do not belong together" in page.text
        page = await browser.sign_in(name)
        assert page.status == 429, "the right password does not count either"
        assert 0 < int(page.headers["Retry-After"]) <= 30
        await operators.change(server.data, name, None, None, unlock=True)
        assert (await browser.sign_in(name)).status == 303


async def test_a_name_that_nobody_has_is_refused_in_the_same_words(
    server: Onhook, browser: Browser
) -> None:
    name = await add_operator(server, Role.LOOK)
    wrong = await browser.sign_in(name, "wrong wrong wrong")
    nobody = await browser.sign_in("nobody-at-all", "wrong wrong wrong")
    assert (wrong.status, nobody.status) == (403, 403)
    assert _without_tokens(wrong.text) == _without_tokens(nobody.text)


async def test_an_operator_who_is_removed_or_is_another_role_is_signed_out(
    server: Onhook,
) -> None:
    name = await add_operator(server, Role.ADMINISTER)
    async with Browser(server.url) as browser:
        await browser.sign_in(name)
        assert (await browser.get("/console/audit")).status == 200
        await operators.change(server.data, name, "look", None)
        assert (await browser.get("/console/audit")).status == 303
        await browser.sign_in(name)
        assert (await browser.get("/console/live")).status == 200
        await operators.remove(server.data, name)
        assert (await browser.get("/console/live")).status == 303


def _quoted(text: str) -> str:
    return "".join(char if char.isalnum() else f"%{ord(char):02x}" for char in text)


def _without_tokens(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "form_token" not in line)
