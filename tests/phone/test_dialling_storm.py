"""Whatever comes, in whatever order: a call of ours ends, once, and leaves nothing behind."""

import asyncio
from collections.abc import Callable
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from onhook.phone import CallState, OutgoingCall
from onhook.phone.lifecycle import OUTGOING_MOVES, CallEvent
from phone.peer import SDP, Callee, Dialler, line

CHALLENGE = ('WWW-Authenticate: Digest realm="r", nonce="n"',)

ACTIONS: dict[str, Callable[[Callee, Dialler], object]] = {
    "100": lambda callee, dialler: callee.respond(100),
    "180": lambda callee, dialler: callee.respond(180),
    "183": lambda callee, dialler: callee.respond(183, SDP),
    "183 of another": lambda callee, dialler: callee.respond(183, SDP, tag="other"),
    "200": lambda callee, dialler: callee.respond(200, SDP),
    "183 reliably": lambda callee, dialler: callee.respond(
        183, SDP, headers=("Require: 100rel", "RSeq: 7")
    ),
    "200 to refresh": lambda callee, dialler: callee.respond(
        200, SDP, headers=("Session-Expires: 90;refresher=uac", "Allow: UPDATE")
    ),
    "200 to be refreshed": lambda callee, dialler: callee.respond(
        200, SDP, headers=("Session-Expires: 90;refresher=uas",)
    ),
    "200 of another": lambda callee, dialler: callee.respond(200, SDP, tag="other"),
    "200 without audio": lambda callee, dialler: callee.respond(200),
    "401": lambda callee, dialler: callee.respond(401, headers=CHALLENGE),
    "486": lambda callee, dialler: callee.respond(486),
    "487": lambda callee, dialler: callee.respond(487),
    "hangup": lambda callee, dialler: dialler.call.hangup(),
    "BYE": lambda callee, dialler: callee.within("BYE"),
    "BYE of another": lambda callee, dialler: callee.within("BYE", tag="other"),
    "INVITE": lambda callee, dialler: callee.within("INVITE", body=SDP),
    "UPDATE": lambda callee, dialler: callee.within("UPDATE", body=SDP),
    "INFO": lambda callee, dialler: callee.within(
        "INFO", body="1", content_type="application/dtmf"
    ),
    "OPTIONS": lambda callee, dialler: callee.within("OPTIONS"),
    "ACK": lambda callee, dialler: callee.within("ACK", cseq=callee.cseq),
}
TERMINAL = {"failed", "hung_up", "hangup_done"}
Step = tuple[str, float]


Edge = tuple[CallState, CallEvent]

FLOWS: list[tuple[list[Step], bool]] = [
    ([("180", 0), ("180", 0), ("200", 0), ("hangup", 0)], True),
    ([("401", 0), ("200", 0), ("BYE", 0)], True),
    ([("200 without audio", 0)], True),
    ([("486", 0)], True),
    ([("hangup", 0), ("180", 0), ("487", 0)], True),
    ([("100", 0), ("401", 0), ("180", 0), ("486", 0)], True),
    ([("180", 0), ("200 without audio", 0), ("BYE", 0)], False),
    ([("180", 0), ("hangup", 0), ("200", 0)], True),
    ([("hangup", 0), ("200 without audio", 0)], True),
    ([("200", 0), ("INVITE", 33)], True),
    ([("200 to be refreshed", 61)], True),
]
"""What happens, and whether our BYE is answered: together they take every edge of the table."""


def test_every_edge_of_the_table_is_taken_by_a_call() -> None:
    taken: set[Edge] = set()
    for steps, answers in FLOWS:
        taken |= asyncio.run(lived(steps, answers))
    assert taken == set(OUTGOING_MOVES)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(ACTIONS)), st.sampled_from([0.0, 0.0, 0.6, 33.0])),
        max_size=12,
    ),
    st.booleans(),
)
def test_any_order_of_events_ends_the_call_once(steps: list[Step], answers: bool) -> None:
    asyncio.run(lived(steps, answers))


async def lived(steps: list[Step], answers: bool) -> set[Edge]:
    """One call; the edges of the table that it took."""
    taken: set[Edge] = set()
    happens = OutgoingCall._happens

    def noted(call: OutgoingCall, event: CallEvent) -> bool:
        before = call.state
        moved = happens(call, event)
        if moved:
            taken.add((before, event))
        return moved

    with capture_logs() as events, patch.object(OutgoingCall, "_happens", noted):
        async with line() as on:
            dialler, callee = await on.dialled(username="u", password="p")
            for name, pause_s in steps:
                ACTIONS[name](callee, dialler)
                for message in await on.peer.until_quiet():
                    if message.start.startswith("INVITE"):  # challenged, or repeated
                        callee.invite = message
                    elif answers and message.start.startswith(("BYE", "CANCEL")):
                        on.peer.answer(message)
                await on.peer.until_quiet()
                on.clock.advance(pause_s)
            dialler.call.hangup()
            for _ in range(3):
                on.clock.advance(33)
                await on.peer.until_quiet()
            names = dialler.names
            assert dialler.call.state is CallState.ENDED
            assert on.endpoint.live_calls == 0
            assert [name for name in names if name in TERMINAL] == names[-1:]
            assert names.count("answered") == (names[-1] != "failed")
    assert [event for event in events if event["event"].endswith("_failed")] == []
    return taken


VALID = "".join(
    f"{text}\r\n"
    for text in (
        "SIP/2.0 200 OK", "Via: @via", "Record-Route: <sip:p1;lr>, <sip:p2;lr>", "From: @from",
        "To: @to;tag=t", "Call-ID: @id", "CSeq: @cseq", "Contact: <sip:callee@127.0.0.1:9>",
        'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"', "Reason: SIP;cause=200",
        "Content-Type: application/sdp", "Content-Length: 214", "",
    )
) + SDP  # fmt: skip
_WORDS = ["\r\n", ";", ",", '"', "<", ">", "sip:", "tag=", "\x00", "\xff", "200", "401", "183",
          "487", " ", "9" * 30, "Contact: *", "m=audio 0", "c=IN IP4 0.0.0.0"]  # fmt: skip
mutations = st.lists(
    st.tuples(
        st.integers(0, len(VALID)),
        st.integers(0, 12),
        st.one_of(st.sampled_from(_WORDS), st.text(max_size=5)),
    ),
    max_size=4,
)


def mutated(changes: list[tuple[int, int, str]], status: str) -> str:
    text = VALID.replace("200 OK", status, 1)
    for position, removed, added in changes:
        text = text[:position] + added + text[position + removed :]
    return text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(mutated, mutations, st.sampled_from(["200 OK", "183 Hm", "401 No", "302 Go"])),
        min_size=1,
        max_size=8,
    )
)
def test_mutated_responses_do_no_harm(responses: list[str]) -> None:
    asyncio.run(answered_strangely(responses))


async def answered_strangely(responses: list[str]) -> None:
    with capture_logs() as events:
        async with line() as on:
            dialler, callee = await on.dialled(username="u", password="p")
            for text in responses:
                for mark, name in (("@via", "Via"), ("@from", "From"), ("@to", "To"),
                                   ("@id", "Call-ID"), ("@cseq", "CSeq")):  # fmt: skip
                    text = text.replace(mark, callee.invite[name])
                on.peer.send(text.encode("utf-8", "replace"))
            await on.peer.until_quiet()
            dialler.call.hangup()
            for _ in range(3):
                on.clock.advance(33)
                await on.peer.until_quiet()
            assert on.endpoint.live_calls == 0
            assert len([name for name in dialler.names if name in TERMINAL]) == 1
            await on.talking()
    assert [event for event in events if event["event"].endswith("_failed")] == []
