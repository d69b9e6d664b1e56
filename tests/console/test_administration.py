"""Applications, tokens, numbers, trunks and money by the console: as the command does it, and for whom."""

import json
import re

import pytest

from acceptance.harness import Customer, Onhook
from acceptance.test_operator_commands import command
from cli.test_trunk_test import carrier
from console.conftest import SignedIn
from console.harness import Browser, Page
from onhook.console.roles import Role
from onhook.console.table import PAGES
from onhook.testing.api_client import ApiClient


def said(page: Page) -> str:
    """The notice of the page that a form led to."""
    found = re.search(r'<p class="notice[^>]*>(.*?)</p>', page.text, re.DOTALL)
    assert found is not None, page.text
    return found[1]


async def followed(browser: Browser, path: str, **fields: str) -> Page:
    """A form, and the page that it leads to."""
    answered = await browser.post(path, **fields)
    assert answered.status == 303, answered.text
    return await browser.get(answered.headers["Location"])


async def audited(browser: Browser, what: str) -> str:
    return (await browser.get(f"/console/audit?what={what.replace(' ', '+')}")).text


async def test_an_application_and_its_tokens_from_the_first_to_the_last(
    server: Onhook, signed_in: SignedIn
) -> None:
    browser = await signed_in()
    made = await browser.post(
        "/console/applications", name="shop <b>", format="json", account="main"
    )
    assert made.status == 200
    assert "shop &lt;b&gt;" in made.text
    [app_id, token, _] = re.findall("<code>(.*?)</code>", made.text)
    listed = await browser.get("/console/applications")
    assert app_id in listed.text
    assert token not in listed.text
    at = f"/console/applications/{app_id}"
    async with ApiClient(server.url, app_id, token) as api:
        assert (await api.post("user/get_balance"))["status"] == "success_ok"
    further = await browser.post(f"{at}/tokens", name="reports")
    assert token not in further.text
    [*_, second] = re.findall("<code>(.*?)</code>", further.text)
    assert second not in (await browser.get(at)).text
    twice = await followed(browser, f"{at}/tokens", name="reports")
    assert "has a token reports already" in said(twice)
    rotated = await browser.post(f"{at}/tokens/main/rotate", keep="before")
    assert rotated.status == 200
    revoked = await followed(browser, f"{at}/tokens/reports/revoke")
    assert said(revoked) == f"The token reports of {app_id} is revoked."
    names = json.loads(await command(server, "app", "token", "list", app_id, "--json"))
    assert [one["name"] for one in names] == ["main", "before"]
    renamed = await followed(browser, f"{at}/update", name="store", format="form", detail="why")
    assert ">store<" in renamed.text
    assert "with why a call ended" in renamed.text
    shown = json.loads(await command(server, "app", "show", app_id, "--json"))
    assert (shown["format"], shown["detail"]) == ("form", "why")
    removed = await followed(browser, f"{at}/remove")
    assert said(removed) == f"The application {app_id} is removed."
    audit = await audited(browser, "app")
    for what in ("create", "token add", "rotate", "token revoke", "update", "remove"):
        assert f"<td>app {what}</td>" in audit
    assert token not in audit


async def test_a_number_is_added_changed_moved_and_removed(
    server: Onhook, customer: Customer, signed_in: SignedIn
) -> None:
    browser = await signed_in()
    other = json.loads(await command(server, "app", "create", "other", "--json"))["app_id"]
    number, url = "+6561239001", "https://app.example.com/a"
    added = await followed(
        browser, "/console/numbers", number="+65 6123 9001", app_id=customer.app_id, forward_to=url
    )
    assert number in said(added)
    taken = await browser.post(
        "/console/numbers", number=number, app_id=other, forward_to="https://x.example.com/"
    )
    assert (taken.status, "is taken already" in said(taken)) == (422, True)
    at = "/console/numbers/%2B6561239001"
    wrong = await followed(browser, f"{at}/set", forward_to="ftp://x")
    assert "--forward-to cannot be used" in said(wrong)
    await followed(
        browser, f"{at}/set", forward_to=url + "b", format="json", media="yes", detail="none"
    )
    await followed(browser, f"{at}/move", app_id=other)
    shown = json.loads(await command(server, "number", "show", number, "--json"))
    assert (shown["app_id"], shown["forward_to"]) == (other, url + "b")
    assert (shown["format"], shown["media"], shown["detail"]) == ("json", True, "none")
    held = await followed(browser, f"/console/applications/{other}/remove")
    assert "has numbers" in said(held)
    assert "is removed" in said(await followed(browser, f"{at}/remove"))
    audit = await audited(browser, "number")
    for what in ("add", "set", "move", "remove"):
        assert f"<td>number {what}</td>" in audit
    assert "61239001" not in audit, "phone numbers stand in no audit"


async def test_a_trunk_is_added_changed_and_removed(server: Onhook, signed_in: SignedIn) -> None:
    browser = await signed_in()
    refused = await browser.post("/console/trunks", name="carrier", proxy="a b", transport="udp")
    assert (refused.status, "--proxy" in said(refused)) == (422, True)
    await followed(
        browser, "/console/trunks",
        name="carrier", proxy="sip.example.com", transport="tls", username="me", password="pst",
        prefix="+49", codecs="", header="", ptime="0", session_timer="1800",
    )  # fmt: skip
    page = await browser.get("/console/trunks/carrier")
    assert "There is a password" in page.text
    assert "pst" not in page.text
    changed = await followed(
        browser, "/console/trunks/carrier/set", caller_id="+6531234567", password="", ptime="30"
    )
    assert said(changed) == "carrier is changed: ptime, caller_id."
    shown = json.loads(await command(server, "trunk", "show", "carrier", "--json"))
    assert (shown["caller_id"], shown["ptime"], shown["password"]) == ("+6531234567", 30, True)
    assert shown["transport"] == "tls"
    await followed(browser, "/console/trunks/carrier/set", no_password="yes")
    assert "There is no password" in (await browser.get("/console/trunks/carrier")).text
    gone = await followed(browser, "/console/trunks/carrier/remove")
    assert said(gone) == "The trunk carrier is removed."


async def test_a_trunk_is_asked_whether_it_is_there(server: Onhook, signed_in: SignedIn) -> None:
    browser = await signed_in(Role.OPERATE)
    with carrier("SIP/2.0 200 OK", "SIP/2.0 503 No") as (port, heard):
        await command(server, "trunk", "add", "asked", "--proxy", f"127.0.0.1:{port}")
        there = await followed(browser, "/console/trunks/asked/test")
        assert said(there).startswith(f"asked: 127.0.0.1:{port} (UDP) answers 200 OK after ")
        gone = await followed(browser, "/console/trunks/asked/test")
        assert "nobody behind it" in said(gone)
        assert 'role="alert"' in gone.text
    assert heard[0].startswith(f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n")
    assert "There is no trunk" in said(await followed(browser, "/console/trunks/nowhere/test"))
    assert (await audited(await signed_in(), "trunk test")).count("<td>trunk test</td>") == 2
    await command(server, "trunk", "remove", "asked", "--yes")


async def test_trunks_are_loaded_all_of_them_or_none(server: Onhook, signed_in: SignedIn) -> None:
    browser = await signed_in()
    wrong = await browser.post(
        "/console/trunk-load", toml='[east]\nproxy = "192.0.2.1"\n[west]\nproxyy = "x"\n'
    )
    assert (wrong.status, "did you mean proxy?" in said(wrong)) == (422, True)
    assert "proxyy" in wrong.text, "what was written is still there"
    tables = "\r\n".join(
        (
            '[east]\nproxy = "192.0.2.1"',
            '[west]\nlike = "asterisk"\nproxy = "192.0.2.2"\nusername = "u"\npassword = "p"',
        )
    )
    loaded = await followed(browser, "/console/trunk-load", toml=tables)
    assert said(loaded).startswith("What was written is: east, west.")
    names = [one["trunk"] for one in json.loads(await command(server, "trunk", "list", "--json"))]
    assert {"east", "west"} <= set(names)
    assert "<td>trunk load</td>" in await audited(browser, "trunk load")
    for name in ("east", "west"):
        await command(server, "trunk", "remove", name, "--yes")


async def test_how_many_calls_go_by_a_trunk_is_counted(
    customer: Customer, signed_in: SignedIn
) -> None:
    browser = await signed_in(Role.LOOK)
    await command(customer.server, "trunk", "add", "counted", "--proxy", "192.0.2.9")
    page = await browser.get("/console/trunks/counted")
    assert "<dt>Calls now</dt><dd>0</dd>" in page.text
    await command(customer.server, "trunk", "remove", "counted", "--yes")


async def test_accounts_credit_and_rates(server: Onhook, signed_in: SignedIn) -> None:
    browser = await signed_in()
    made = await followed(browser, "/console/money", account="books", currency="EUR", name="Books")
    assert said(made) == "The account books is made."
    wrong = await followed(browser, "/console/money/books/credit", amount="much")
    assert "amount cannot be used" in said(wrong)
    credited = await followed(browser, "/console/money/books/credit", amount="12.5", note="first")
    assert said(credited) == "books has EUR 12.500."
    assert "first" in credited.text
    await followed(
        browser, "/console/rates",
        direction="out", prefix="49", currency="EUR", per_minute="0.015",
        initial_s="60", increment_s="6",
    )  # fmt: skip
    table = json.loads(await command(server, "rate", "list", "--json"))
    assert {"direction": "out", "prefix": "49", "currency": "EUR", "per_minute": "0.015",
            "initial_s": 60, "increment_s": 6} in table  # fmt: skip
    gone = await followed(
        browser, "/console/rates/remove", direction="out", prefix="49", currency="EUR"
    )
    assert "is removed" in said(gone)
    stays = await followed(browser, "/console/money/books/remove")
    assert "stays" in said(stays)


@pytest.mark.parametrize("role", [Role.LOOK, Role.OPERATE])
async def test_who_may_not_change_is_shown_no_form_and_answered_403(
    role: Role, customer: Customer, signed_in: SignedIn
) -> None:
    browser = await signed_in(role)
    for page in PAGES:
        if page.role is not Role.ADMINISTER:
            continue
        path = page.path.format(
            app_id=customer.app_id,
            name="main",
            number="%2B6531234567",
            account="main",
            operator="nobody",
        )
        answered = await (browser.get(path) if page.method == "GET" else browser.post(path))
        assert answered.status == 403, path
    for path in (f"applications/{customer.app_id}", "applications", "numbers", "trunks", "money",
                 "money/main", "charts"):  # fmt: skip
        page_shown = await browser.get(f"/console/{path}")
        assert page_shown.status == 200, path
        assert page_shown.text.count('method="post"') == 1, "only that for signing out"


async def test_what_is_not_there_is_said(signed_in: SignedIn) -> None:
    browser = await signed_in(Role.LOOK)
    for path, sentence in {
        "applications/nobody": "There is no application",
        "numbers/%2B6599999999": "There is no number",
        "trunks/nowhere": "There is no trunk",
        "money/nobody": "There is no account",
    }.items():
        answered = await browser.get(f"/console/{path}")
        assert answered.status == 303, path
        assert sentence in said(await browser.get(answered.headers["Location"]))


async def test_charts_count_what_was_called(customer: Customer, signed_in: SignedIn) -> None:
    browser = await signed_in(Role.LOOK)
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    await call.ended()
    await customer.receiver.next(session=told["session"], call_state="ended")
    for stretch in ("day", "week", "month", "year", "nonsense"):
        page = await browser.get(f"/console/charts?of={stretch}")
        assert page.status == 200
        [calls] = re.findall("<dt>Calls</dt><dd>(.*?)</dd>", page.text)
        assert int(calls) >= 1
        rows = page.text.count("<tr data-at=")
        assert rows == 6 * {"day": 24, "week": 168, "month": 31, "year": 366}.get(stretch, 24)
