"""Operators by the console: as the command does it, and never without somebody who may administer."""

import json
from collections.abc import Callable

from acceptance.harness import Onhook
from acceptance.test_operator_commands import command
from console.conftest import SignedIn
from console.harness import PASSWORD, Browser, add_operator
from console.test_administration import audited, followed, said
from onhook.console.roles import Role

ANOTHER = "nine quiet lanterns"
_AT = "/console/operators"


async def may_sign_in(server: Onhook, name: str, password: str) -> bool:
    async with Browser(server.url) as one:
        return (await one.sign_in(name, password)).status == 303


async def test_one_is_let_in_changed_and_removed(server: Onhook, signed_in: SignedIn) -> None:
    browser = await signed_in()
    form = {"name": "ravi", "role": "look", "password": PASSWORD, "again": PASSWORD}
    for wrong, sentence in (
        ({"again": ANOTHER}, "not alike"),
        ({"name": "Ravi K"}, "cannot be the name"),
        ({"role": "king"}, "is no role"),
        ({"password": "short", "again": "short"}, "at least 12"),
    ):
        refused = await browser.post(_AT, **{**form, **wrong})
        assert (refused.status, sentence in said(refused)) == (422, True), wrong
        assert PASSWORD not in refused.text
    assert said(await followed(browser, _AT, **form)) == "ravi may look on the console."
    again = await browser.post(_AT, **form)
    assert "already" in said(again)
    assert await may_sign_in(server, "ravi", PASSWORD)
    async with Browser(server.url) as theirs:
        await theirs.sign_in("ravi")
        assert (await theirs.get("/console/live")).status == 200
        promoted = await followed(browser, f"{_AT}/ravi/set", role="operate")
        assert said(promoted) == "ravi may operate from now on."
        assert (await theirs.get("/console/live")).status == 303, "their sessions are over"
    listed = json.loads(await command(server, "operator", "list", "--json"))
    assert {"ravi": "operate"}.items() <= {one["name"]: one["role"] for one in listed}.items()
    await followed(browser, f"{_AT}/ravi/password", password=ANOTHER, again=ANOTHER)
    assert not await may_sign_in(server, "ravi", PASSWORD)
    assert await may_sign_in(server, "ravi", ANOTHER)
    assert "try to sign in" in said(await followed(browser, f"{_AT}/ravi/unlock"))
    assert "is removed" in said(await followed(browser, f"{_AT}/ravi/remove"))
    assert not await may_sign_in(server, "ravi", ANOTHER)
    assert "There is no operator" in said(
        await browser.get((await browser.get(f"{_AT}/ravi")).headers["Location"])
    )
    audit = await audited(browser, "operator")
    for what in ("add", "change", "remove"):
        assert f"<td>operator {what}</td>" in audit
    assert PASSWORD not in audit


async def test_the_last_who_may_administer_stays(start: Callable[..., Onhook]) -> None:
    server = start()
    for name, role in (("mei", Role.ADMINISTER), ("ravi", Role.OPERATE)):
        await add_operator(server, role, name)
    async with Browser(server.url) as browser:
        await browser.sign_in("mei")
        for path, fields in (("mei/remove", {}), ("mei/set", {"role": "operate"})):
            stays = await followed(browser, f"{_AT}/{path}", **fields)
            assert "is the last operator who may administer" in said(stays)
        assert "mei (you)" in (await browser.get(_AT)).text.replace("</a>", "")
        await followed(browser, f"{_AT}/ravi/set", role="administer")
        gone = await browser.post(f"{_AT}/mei/remove")
        assert gone.status == 303
        assert (await browser.get(_AT)).status == 303, "signed out"
    listed = json.loads(await command(server, "operator", "list", "--json"))
    assert [one["name"] for one in listed] == ["ravi"]
    await command(server, "operator", "remove", "ravi", "--yes")


async def test_only_who_administers_sees_who_there_is(signed_in: SignedIn) -> None:
    browser = await signed_in(Role.OPERATE)
    assert (await browser.get(_AT)).status == 403
    assert _AT not in (await browser.get("/console/live")).text


async def test_ones_own_password_takes_the_one_that_one_has(server: Onhook) -> None:
    """Whoever finds the browser of an administrator open has not the account with it."""
    name = await add_operator(server, Role.ADMINISTER)
    async with Browser(server.url) as mine:
        await mine.sign_in(name)
        form = {"password": ANOTHER, "again": ANOTHER}
        assert "Here you change your own" in said(
            await followed(mine, f"{_AT}/{name}/password", **form)
        )
    assert await may_sign_in(server, name, PASSWORD)
    assert not await may_sign_in(server, name, ANOTHER)
