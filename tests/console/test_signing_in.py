"""Who comes in, and as whom."""

from collections.abc import Callable

from acceptance.conftest import start as start
from acceptance.harness import Onhook
from console.conftest import SignedIn
from console.harness import PASSWORD, Browser, add_operator
from onhook.console.roles import Role


async def test_there_is_no_console_before_there_is_an_operator(
    start: Callable[..., Onhook],
) -> None:
    server = start()
    async with Browser(server.url) as browser:
        for path in ("/console", "/console/", "/console/sign-in", "/console/static/console.css"):
            page = await browser.get(path)
            assert (page.status, page.text) == (404, "Not Found"), path
        name = await add_operator(server, Role.LOOK)
        page = await browser.get("/console/sign-in")
        while page.status == 404:  # it is believed for a second that there is none
            page = await browser.get("/console/sign-in")
        assert page.status == 200
        assert (await browser.sign_in(name)).headers["location"] == "/console/live"
        assert (await browser.get("/console/live")).status == 200


async def test_an_operator_signs_in_and_out(server: Onhook, browser: Browser) -> None:
    name = await add_operator(server, Role.LOOK)
    before = await browser.get("/console/live?only=7")
    assert before.status == 303
    assert before.headers["location"] == "/console/sign-in?next=%2Fconsole%2Flive%3Fonly%3D7"
    page = await browser.sign_in(name.upper(), next="/console/live?only=7")
    assert (page.status, page.headers["location"]) == (303, "/console/live?only=7")
    page = await browser.get("/console/live")
    assert page.status == 200
    assert name in page.text
    assert (await browser.post("/console/sign-out")).status == 303
    assert (await browser.get("/console/live")).status == 303


async def test_pages_that_a_role_does_not_include_are_refused_and_not_offered(
    signed_in: SignedIn,
) -> None:
    look, administer = await signed_in(Role.LOOK), await signed_in(Role.ADMINISTER)
    assert (await look.get("/console/audit")).status == 403
    assert "/console/audit" not in (await look.get("/console/live")).text
    assert (await administer.get("/console/audit")).status == 200
    assert "/console/audit" in (await administer.get("/console/live")).text


async def test_another_password_ends_the_other_sessions(server: Onhook) -> None:
    name = await add_operator(server, Role.LOOK)
    async with Browser(server.url) as one, Browser(server.url) as other:
        await one.sign_in(name)
        await other.sign_in(name)
        form = {"old": PASSWORD, "password": "nine blue lanterns", "again": "nine blue lanterns"}
        wrong = await one.post("/console/account/password", **{**form, "old": "seven"})
        assert wrong.status == 422
        changed = await one.post("/console/account/password", **form)
        assert changed.status == 303
        assert "is another one now" in (await one.get(changed.headers["location"])).text
        assert (await one.get("/console/live")).status == 200
        assert (await other.get("/console/live")).status == 303
        assert (await other.sign_in(name)).status == 403
        assert (await other.sign_in(name, "nine blue lanterns")).status == 303
