"""RFC 4475: every message gets the response that the RFC names, and the endpoint goes on working."""

import pytest

from onhook.phone.message import Address
from phone.peer import Caller, Message, line
from phone.torture import messages

MESSAGES = messages()

SILENCE = 0
"""Responses to nothing that was asked, good or bad."""

EXPECTED = {
    # 3.1.1: valid. We serve no REGISTER and no MESSAGE.
    "wsinv": 481,  # it has a To tag, so it belongs to a call, of which we know nothing
    "intmeth": 501,
    "esc01": 200,
    "escnull": 405,
    "esc02": 501,
    "lwsdisp": 200,
    "longreq": 200,
    "dblreq": 405,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "unreason": SILENCE,
    "noreason": SILENCE,
    # 3.1.2: invalid.
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": SILENCE,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "baddate": 200,  # we make no use of Date, and may ignore it
    "regbadct": 405,  # nor do we read the Contact of a REGISTER
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "bigcode": SILENCE,
    # 3.2 to 3.4: transactions, what applications decide, and agents older than RFC 3261.
    "badbranch": 200,
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 405,
    "bext01": 420,
    "invut": 415,
    "regaut01": 405,
    "multi01": 400,
    "mcl01": 400,
    "bcast": SILENCE,
    "zeromf": 200,
    "cparam01": 405,
    "cparam02": 405,
    "regescrt": 405,
    "sdp01": 406,
    "inv2543": 200,
}


def test_the_table_is_complete() -> None:
    assert list(EXPECTED) == list(MESSAGES)
    assert len(EXPECTED) == 49


async def answers(data: bytes) -> list[Message]:
    """The final responses that a message gets; afterwards a call works as ever."""
    sent: list[Message] = []

    def watch(direction: str, data: bytes, address: Address) -> None:
        if direction == "out":
            sent.append(Message(data))

    async with line(on_message=watch) as on:
        on.peer.send(data)
        await on.peer.until_quiet()
        seen = [message for message in sent[:-1] if message.status >= 200]
        await Caller(on.peer).established()
    return seen


@pytest.mark.parametrize("name", EXPECTED)
async def test_torture(name: str) -> None:
    seen = await answers(MESSAGES[name])
    expected = EXPECTED[name]
    assert [message.status for message in seen] == ([] if expected == SILENCE else [expected])
    for message in seen:
        assert "\r\n\r\n" not in message.data.decode().removesuffix("\r\n\r\n") or message.body
        assert message["Via"].split()[0].startswith("SIP")


async def test_the_short_tortuous_invite_outside_a_call_is_a_call() -> None:
    data = MESSAGES["wsinv"].replace(b" ;   tag    = 1918181833n", b"")
    (answer,) = await answers(data)
    assert answer.status == 200
    assert answer["From"] == '"J Rosenberg \\\\\\""       <sip:jdrosen@example.com> ; tag = 98asjd8'
    assert len(answer.all("Via")) == 2  # the second line names two


async def test_what_was_not_said_is_not_echoed() -> None:
    (answer,) = await answers(MESSAGES["insuf"])
    assert answer.start == "SIP/2.0 400 Missing Call-ID Header Field"
    assert [answer.all(name) for name in ("From", "To", "Call-ID")] == [[], [], []]
    assert answer["CSeq"] == "193942 INVITE"


async def test_what_was_said_twice_is_echoed_once() -> None:
    (answer,) = await answers(MESSAGES["multi01"])
    names = ("From", "To", "Call-ID", "CSeq")
    assert [len(answer.all(name)) for name in names] == [1, 1, 1, 1]


async def test_what_is_refused_says_what_would_do() -> None:
    (unsupported,) = await answers(MESSAGES["bext01"])
    assert unsupported["Unsupported"] == "nothingSupportsThis, nothingSupportsThisEither"
    (body,) = await answers(MESSAGES["invut"])
    assert "application/sdp" in body["Accept"]
    (method,) = await answers(MESSAGES["regaut01"])
    assert "INVITE" in method["Allow"]
