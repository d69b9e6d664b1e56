"""Why a call ends: Reason headers (RFC 3326, RFC 6432), theirs read and ours sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone import IncomingCall, SipCause
from onhook.phone.cause import cause_of_request
from onhook.phone.message import Request, parse
from onhook.phone.reason import BUSY, NO_ANSWER, NORMAL, Reason, reason_of_status
from phone.peer import Callee, Caller, answer_at_once, leave_ringing, line


def _said(*reasons: str) -> SipCause:
    lines = "".join(f"Reason: {reason}\r\n" for reason in reasons)
    text = (
        "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 BYE\r\n{lines}\r\n"
    )
    read = parse(text.encode("utf-8", "surrogateescape"), ("127.0.0.1", 5060))
    assert isinstance(read, Request)
    return cause_of_request(read)


@pytest.mark.parametrize(
    ("header", "status", "q850", "reason"),
    [
        ('Q.850;cause=17;text="User busy"', None, 17, 'Q.850;cause=17;text="User busy"'),
        ("q.850 ; cause=16", None, 16, "Q.850;cause=16"),
        ("Q.850;cause=0", None, 0, "Q.850;cause=0"),
        ("SIP;cause=200;text=x", 200, None, 'SIP;cause=200;text="x"'),
        ("SIP;cause=99", None, None, ""),
        ("SIP;cause=700", None, None, ""),
        ("Q.850;cause=128", None, None, ""),
        ("Q.850;cause=-1", None, None, ""),
        ("Q.850", None, None, ""),
        ("PREEMPTION;cause=1", None, None, ""),
        ('Q.850;cause=16;text="a\\"b\\\\"', None, 16, 'Q.850;cause=16;text="a\\"b\\\\"'),
    ],
)
def test_a_reason_is_read_if_its_number_is_one(
    header: str, status: int | None, q850: int | None, reason: str
) -> None:
    said = _said(header)
    assert (said.status, said.q850, said.reason) == (status, q850, reason)


def test_both_protocols_are_kept_whether_on_one_line_or_on_two() -> None:
    both = 'SIP;cause=480;text="gone", Q.850;cause=18'
    assert _said(both).reason == _said('SIP;cause=480;text="gone"', "Q.850;cause=18").reason == both
    assert _said(both).text == "gone"


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_what_is_kept_of_a_reason_is_safe_whatever_it_says(text: str) -> None:
    line = text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogatepass")
    try:
        said = _said('Q.850;cause=16;text="' + line.decode("utf-8", "surrogateescape") + '"')
    except Exception as error:  # noqa: BLE001  # a control character: the message itself is refused
        assert "Control" in str(error)
        return
    assert said.reason.isprintable() or not said.reason
    assert len(said.reason) <= 200


@pytest.mark.parametrize(
    ("status", "cause"),
    [(404, 1), (486, 17), (480, 18), (603, 21), (487, 16), (503, 41), (499, 31)],
)
def test_a_status_has_its_cause(status: int, cause: int) -> None:
    assert reason_of_status(status).cause == cause


def test_every_refusal_has_a_cause_that_is_one() -> None:
    assert {reason_of_status(status).protocol for status in range(300, 700)} == {"Q.850"}


@pytest.mark.parametrize(("protocol", "number"), [("Q.850", 128), ("Q.850", -1), ("SIP", 99)])
def test_no_reason_is_made_of_a_number_that_is_none(protocol: str, number: int) -> None:
    with pytest.raises(ValueError, match="no cause"):
        Reason(number, "", protocol)  # type: ignore[arg-type]


async def test_a_cancel_says_why_and_the_487_too() -> None:
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        caller.cancel(headers=("Reason: SIP;cause=200;text=Elsewhere",))
        await on.peer.status(200)
        refused = await on.peer.status(487)
        assert refused["Reason"].startswith("Q.850;cause=16;")
        heard = await on.owner.until("cancelled")
        assert heard == SipCause(200, None, "Elsewhere", 'SIP;cause=200;text="Elsewhere"')
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(60)


async def test_a_rejection_says_what_its_status_means() -> None:
    def reject(call: IncomingCall) -> None:
        call.reject(486)

    async with line(reject) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        refused = await on.peer.status(486)
        assert refused["Reason"] == str(BUSY)
        caller.to_tag = refused.to_tag
        caller.ack(branch=caller.branch)
        await on.peer.quiet()
        on.clock.advance(60)


async def test_a_bye_of_ours_says_that_all_is_well() -> None:
    async with line(answer_at_once) as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye["Reason"] == str(NORMAL)
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        on.clock.advance(60)


async def test_a_cancel_of_ours_says_what_its_owner_said() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(180)
        await dialler.until("progressed")
        dialler.call.hangup(NO_ANSWER)
        assert (await on.peer.request("CANCEL"))["Reason"] == str(NO_ANSWER)
        callee.respond(487, headers=("Reason: Q.850;cause=31",))
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert (cause.status, cause.q850, cause.reason) == (487, 31, "Q.850;cause=31")
        await on.peer.until_quiet()
        on.clock.advance(60)


async def test_the_second_of_two_phones_that_answer_hears_that_the_call_is_elsewhere() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        await callee.answer()
        await dialler.until("answered")
        other = Callee(on.peer, callee.invite, tag="other")
        await other.answer()
        bye = await on.peer.request("BYE")
        assert bye["Reason"] == 'SIP;cause=200;text="Call completed elsewhere"'
        on.peer.answer(bye)
        callee.within("BYE")
        await on.peer.status(200)
        on.clock.advance(60)
