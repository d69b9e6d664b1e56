"""Finding a call, and its story on one page: the same words as the command line, and nothing that harms."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.test_operator_commands import command
from acceptance.test_record import fetched, length_s, recording
from acceptance.test_trace import passed_on, traced
from console.conftest import SignedIn
from console.harness import Browser, sentence_in, why_and_story
from onhook.console.roles import Role
from onhook.testing.receiver import Receiver
from ports import fresh_port

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def ended(customer: Customer, **options: object) -> str:
    """The session of a call that was given up while it rang, and is told of."""
    call, told = await customer.call(**options)
    await call.cancel()
    await customer.receiver.next(session=told["session"], call_state="ended")
    return told["session"]


async def audited(browser: Browser, what: str) -> str:
    """The audit, narrowed."""
    page = await browser.get(f"/console/audit?what={what.replace(' ', '+')}")
    assert page.status == 200
    return page.text


async def test_calls_are_found_by_number_time_and_outcome(
    customer: Customer, signed_in: SignedIn
) -> None:
    session, other = await ended(customer), await ended(customer)
    browser = await signed_in(Role.LOOK)
    number = customer.number.replace("+", "%2B")
    for query, found in (
        (f"number={number}", True),
        (f"number={customer.number[-8:]}&outcome=missed", True),
        (f"number={number}&outcome=cancelled&app={customer.app_id}", True),
        (f"number={number}&until=1h", False),
        (f"number={number}&outcome=answered", False),
        (f"number={number}&trunk=nothing", False),
        (f"number={number}&at=2020-01-01", False),
    ):
        page = await browser.get(f"/console/calls?{query}")
        assert page.status == 200, page.text
        assert (f"/console/calls/{session}" in page.text) == found, query
        assert (f"/console/calls/{other}" in page.text) == found, query
    told = json.loads(
        await command(customer.server, "calls", "list", "--session", session, "--json")
    )
    day = told[0]["began_ms"] // 1000
    at = _clock(day)
    page = await browser.get(f"/console/calls?number={number}&zone=Asia/Singapore&at={at}")
    assert f"/console/calls/{session}" in page.text
    assert "the nearest to" in page.text


def _clock(at_s: int) -> str:
    """In Singapore, which is eight hours ahead."""
    return f"{datetime.fromtimestamp(at_s, UTC) + timedelta(hours=8):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    "query", ["number=12", "number=%2B999", "at=noon", "zone=Nowhere/City", "outcome=x", "until=x"]
)
async def test_what_cannot_be_looked_for_is_said_in_a_sentence(
    server: Onhook, signed_in: SignedIn, query: str
) -> None:
    page = await (await signed_in(Role.LOOK)).get(f"/console/calls?{query}")
    assert page.status == 422
    assert 'role="alert"' in page.text


async def test_a_story_has_all_that_passed(
    customer: Customer, files: FileServer, signed_in: SignedIn
) -> None:
    call, told = await customer.call()
    session = told["session"]
    await customer.post("ivr/middle/play", session=session, msg="<speech")
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await customer.receiver.next(session=session, ivr_block="play")
    browser = await signed_in(Role.LOOK)
    live = await browser.get(f"/console/calls/{session}")
    assert live.status == 200
    assert "The call goes on" in sentence_in(live.text)
    assert 'hx-trigger="every 2s"' in live.text
    assert 'id="hang-up"' not in live.text
    await call.send_digits("7")
    await call.hang_up()
    await customer.receiver.next(session=session, call_state="ended")
    await traced(customer.server, session, "(BYE)")
    why, page = await why_and_story(customer.server, browser, session)
    assert sentence_in(page.text) == why["sentence"]
    text = unescape(page.text)
    for part in (
        why["advice"], "key •", "plays a file", "heard to its end", "play: success_ok",
        "play: error_msg_invalid_xml", "INVITE sip:", "180 Ringing", "answer ringing: 200",
        '<svg class="ladder"', "from the phone", told["txn_ref"], "Bill",
        f'<a href="/console/applications/{customer.app_id}">test</a>',
        '<a href="/console/money/main">main</a>',
    ):  # fmt: skip
        assert part in text, part
    by_reference = await browser.get(f"/console/calls/{told['txn_ref']}")
    assert by_reference.headers["location"] == f"/console/calls/{session}"
    for secret in (customer.access_token, customer.webhook_secret):
        assert secret not in page.text
    assert " style=" not in page.text
    assert (await browser.get("/console/calls/Snobody")).status == 404


async def test_a_page_of_a_live_call_is_swapped_only_when_something_happened(
    customer: Customer, signed_in: SignedIn
) -> None:
    call, told = await customer.call()
    session = told["session"]
    await traced(customer.server, session, "180 Ringing")
    browser = await signed_in(Role.LOOK)

    async def part(seen: str) -> tuple[int, str]:
        page = await browser.get(f"/console/calls/{session}/part?seen={seen}", HX_Request="true")
        found = re.search(r"part\?seen=([0-9a-f]+)", page.text)
        return page.status, found[1] if found else seen

    status, mark = await part("")
    assert (status, len(mark)) == (200, 16)
    while (await part(mark))[0] != 204:  # an attempt was still to be written
        mark = (await part(mark))[1]
    await call.cancel()
    await customer.receiver.next(session=session, call_state="ended")
    assert (await part(mark))[0] == 200


async def test_what_strangers_write_is_shown_and_does_nothing(
    customer: Customer, signed_in: SignedIn
) -> None:
    call, told = await customer.call(
        headers=[("Subject", HOSTILE), ("Reason", f'SIP;text="{HOSTILE[:40]}"')]
    )
    session = told["session"]
    await customer.post("ivr/middle/play", session=session, msg=HOSTILE, tag=HOSTILE)
    await customer.block("middle/gather", session, tag=HOSTILE)
    await call.answered()
    await call.hang_up(headers=[("Reason", f'SIP;text="{HOSTILE[:40]}\u202e"')])
    await customer.receiver.next(session=session, call_state="ended")
    await traced(customer.server, session, "(BYE)")
    browser = await signed_in(Role.OPERATE)
    page = await browser.get(f"/console/calls/{session}")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "\u202e" not in page.text
    assert "<script>alert(1)" in unescape(page.text)
    for query in ("number", "at", "until", "zone", "outcome", "trunk", "app", "page"):
        found = await browser.get(f"/console/calls?{query}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        assert "<script>alert" not in found.text
    nobody = await browser.get("/console/calls/%3Cscript%3Ealert(1)")
    assert (nobody.status, "<script>alert" in nobody.text) == (404, False)


async def test_a_live_call_is_hung_up_by_who_may_and_the_audit_says_so(
    customer: Customer, signed_in: SignedIn
) -> None:
    call, told = await customer.call()
    session = told["session"]
    look, operate, administer = [await signed_in(one) for one in Role]
    assert (await look.post(f"/console/calls/{session}/hangup")).status == 403
    assert 'id="hang-up"' in (await operate.get(f"/console/calls/{session}")).text
    page = await operate.post(f"/console/calls/{session}/hangup")
    assert page.status == 303
    await call.ended()
    await customer.receiver.next(session=session, call_state="ended")
    assert "is hung up" in (await operate.get(page.headers["location"])).text
    assert session in await audited(administer, "call hangup")
    who = re.search(r'class="who"[^>]*>([^<]+)<', (await operate.get("/console/account")).text)
    assert who is not None
    why = json.loads(await command(customer.server, "calls", "why", session, "--json"))
    assert (why["ended_by"], why["cause"]) == ("application", "rejected"), (
        "as the wire format has it"
    )
    assert why["sentence"].startswith(
        f"The operator {who[1]}, in the console, rejected the call while it rang (SIP 603)"
    )
    assert any(f"asked for by the operator {who[1]}" in one["text"] for one in why["evidence"])
    assert f"The operator {who[1]}" in sentence_in(
        (await operate.get(f"/console/calls/{session}")).text
    )
    again = await operate.get(
        (await operate.post(f"/console/calls/{session}/hangup")).headers["location"]
    )
    assert "does not go on here any more" in again.text


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """One that takes a notification that comes again for another."""
    async with Receiver(port=fresh_port()) as one:
        yield one


async def test_a_notification_is_sent_once_more_and_the_audit_says_so(
    customer: Customer, signed_in: SignedIn
) -> None:
    session = await ended(customer)
    look, operate, administer = [await signed_in(one) for one in Role]
    story = f"/console/calls/{session}"
    path = f"{story}/notifications/{{}}/replay"
    page = await operate.get(story)
    found = re.search(rf'{story}/notifications/(msg_[^/"]+)/replay', page.text)
    while found is None:  # it was not written yet that it was delivered
        found = re.search(
            rf'{story}/notifications/(msg_[^/"]+)/replay', (await operate.get(story)).text
        )
    assert (await look.post(path.format(found[1]))).status == 403
    assert (await operate.post(path.format(found[1]))).status == 303
    again = await customer.receiver.next(session=session)
    assert again.headers["webhook-id"] == found[1]
    assert found[1] in await audited(administer, "notification replay")
    other = await ended(customer)
    elsewhere = await operate.post(f"/console/calls/{other}/notifications/{found[1]}/replay")
    assert (
        "no+such" in elsewhere.headers["location"] or "no%20such" in elsewhere.headers["location"]
    )


async def test_a_recording_is_heard_and_drawn(customer: Customer, signed_in: SignedIn) -> None:
    call, session = await recording(customer)
    await call.send_digits("#")
    told = await customer.receiver.next(session=session, ivr_block="record")
    assert length_s(await fetched(told["record_url"])) > 0
    browser = await signed_in(Role.LOOK)
    page = await browser.get(f"/console/calls/{session}")
    found = re.search(r'<audio [^>]*src="(/recordings/[A-Za-z0-9_-]{32})\.mp3"', page.text)
    assert found is not None, page.text
    assert told["record_url"].endswith(f"{found[1]}.mp3")
    drawn = await browser.get(f"/console{found[1]}.svg")
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert drawn.text.startswith("<svg")
    assert (await browser.get("/console/recordings/nothing.svg")).status == 404


async def test_calls_between_phones_have_a_lane_each(
    customer: Customer, callee: Callee, signed_in: SignedIn
) -> None:
    session, _ = await passed_on(customer, callee)
    page = await (await signed_in(Role.LOOK)).get(f"/console/calls/{session}")
    lanes = re.findall(r'<text class="side"[^>]*>([^<]+)</text>', page.text)
    assert lanes == ["caller", "other", "Onhook", "application"]
