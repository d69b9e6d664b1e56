"""Session timers (RFC 4028) as callers and callees see them, against a server and the clock of the wall."""

import asyncio
import time

import pytest

from acceptance.harness import Callee, Customer
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.sip_text import Address, SipMessage

OURS = (("Supported", "timer"), ("Session-Expires", "90"))
THEIRS = (("Supported", "timer"), ("Session-Expires", "90;refresher=uac"))
FIVE_MINUTES_S = 300.0


async def held(customer: Customer, *headers: tuple[str, str]) -> tuple[PhoneCall, str, SipMessage]:
    """A call on hold, its session, and the 200."""
    call, told = await customer.call(headers=headers)
    url = customer.receiver.url("/end")
    accepted = await customer.post("ivr/middle/hold", session=told["session"], notify_url=url)
    assert accepted["status"] == "success_ok"
    return call, told["session"], await call.answered()


def origins(call: CallLeg) -> set[str]:
    """The o= lines of the descriptions that the server sent."""
    bodies = [seen.message.body for seen in call.messages if not seen.sent and seen.message.body]
    return {line for body in bodies for line in body.decode().splitlines() if line.startswith("o=")}


async def test_a_caller_gets_the_timer_that_it_asks_for(customer: Customer) -> None:
    call, _, final = await held(customer, *THEIRS)
    assert final.header("Session-Expires") == "90;refresher=uac"
    assert final.header("Require") == "timer"
    refreshed = await call.request("UPDATE", headers=THEIRS)
    assert refreshed.status == 200
    assert refreshed.header("Session-Expires") == "90;refresher=uac"
    await call.hang_up()


async def test_a_callee_is_asked_for_the_timer_of_its_trunk(
    customer: Customer, callee: Callee
) -> None:
    number = callee.another()
    call, told = await customer.call()
    await customer.block("end/transfer", told["session"], dest=number)
    peer = await callee.phone.incoming(called=number)
    assert peer.invite.header("Session-Expires") == "1800"
    assert "timer" in (peer.invite.header("Supported") or "")
    await call.hang_up()


@pytest.mark.slow
async def test_five_minutes_of_real_time(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: we refresh; the caller does; the caller stops; and our refreshes are lost. The last two calls
    end before their sessions would."""
    # One after the other: what is told of calls that begin together comes in any order.
    first, second, third, fourth = [
        (await held(customer, *headers))[:2] for headers in (OURS, THEIRS, THEIRS, OURS)
    ]
    await asyncio.gather(
        _we_refresh(customer, *first), _the_caller_refreshes(customer, *second),
        _the_caller_stops(customer, *third), _refreshes_are_lost(customer, monkeypatch, *fourth),
    )  # fmt: skip


async def _we_refresh(customer: Customer, call: PhoneCall, session: str) -> None:
    await asyncio.sleep(FIVE_MINUTES_S)
    refreshes = [seen.message for seen in call.log.received("UPDATE")]
    # One that is answered late comes again.
    numbers = list({refresh.branch: refresh.cseq[0] for refresh in refreshes}.values())
    assert len(numbers) == 6, "one each 45 s"
    assert numbers == sorted(set(numbers))
    assert len(origins(call)) == 1, "nothing changes by them"
    await call.hang_up()
    assert (await customer.receiver.next(session=session, call_state="ended"))[
        "ended_by"
    ] == "caller"


async def _the_caller_refreshes(customer: Customer, call: PhoneCall, session: str) -> None:
    for _ in range(6):
        await asyncio.sleep(45)
        assert (await call.request("UPDATE", headers=THEIRS)).status == 200
    await asyncio.sleep(FIVE_MINUTES_S - 6 * 45)
    await call.hang_up()
    assert (await customer.receiver.next(session=session, call_state="ended"))[
        "ended_by"
    ] == "caller"


async def _the_caller_stops(customer: Customer, call: PhoneCall, session: str) -> None:
    """Its refreshes are lost after the second minute; its audio goes on."""
    for _ in range(2):
        await asyncio.sleep(45)
        assert (await call.request("UPDATE", headers=THEIRS)).status == 200
    refreshed_s = time.monotonic()
    ended = await call.ended(timeout_s=100)
    assert ended.how is How.BYE_RECEIVED
    assert 45 < ended.at_s - refreshed_s < 90, "after a refresh was due, before the session is over"
    assert ended.reason.startswith("SIP;cause=408;")
    told = await customer.receiver.next(session=session, call_state="ended")
    assert (told["ended_by"], told["cause"]) == ("network", "media_lost")


async def _refreshes_are_lost(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, call: PhoneCall, session: str
) -> None:
    """Ours do not arrive; everything else does."""
    arrives = call._dialog.on_request

    def on_request(message: SipMessage, at_s: float, source: Address) -> None:
        if message.method != "UPDATE":
            arrives(message, at_s, source)

    monkeypatch.setattr(call._dialog, "on_request", on_request)
    answered_s = time.monotonic()
    ended = await call.ended(timeout_s=100)
    assert ended.how is How.BYE_RECEIVED
    assert 45 < ended.at_s - answered_s < 90, "after a refresh was due, before the session is over"
    told = await customer.receiver.next(session=session, call_state="ended")
    assert told["ended_by"] == "network"
