"""Whatever arrives, the endpoint answers with an error or not at all, and goes on working."""

import asyncio
import contextlib
import time
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from onhook.phone import grammar
from onhook.phone.errors import BadRequest, SipMessageError, Unanswerable
from onhook.phone.message import MAX_DATAGRAM_BYTES, Request, Response, parse
from onhook.phone.reply import bad_request, response
from onhook.phone.uris import sip_uri
from phone.peer import SDP, Caller, line

SOURCE = ("192.0.2.1", 5060)
VALID = (
    "INVITE sip:+6531234567@onhook.example SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\n"
    "Max-Forwards: 70\r\n"
    'From: "A, \\"B\\"" <sip:+6591234567@peer.example>;tag=peer\r\n'
    "To: <sip:+6531234567@onhook.example>\r\n"
    "Call-ID: hostile@peer\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:peer@peer.example>\r\n"
    "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
    "P-Asserted-Identity: <sip:+6591234567@peer.example>\r\n"
    "Content-Type: application/sdp\r\n"
    f"Content-Length: {len(SDP)}\r\n"
    "\r\n" + SDP
)

SILENCE = [
    b"",
    b"\x00",
    b"\xff" * 400,
    b"hello\r\n\r\n",
    b"INVITE sip:a@b SIP/2.0",
    b"INVITE sip:a@b SIP/2.0\r\n\r\n",
    b"INVITE sip:a@b HTTP/1.1\r\n\r\n",
    b"SIP/2.0 999 What\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKnone\r\nCSeq: 1 BYE\r\n\r\n",
    VALID.replace("INVITE", "ACK").encode(),
    VALID.replace("1 INVITE", "x ACK").replace("INVITE sip", "ACK sip").encode(),
    VALID.replace("\r\n", "\n").encode(),
    VALID.replace("Max-Forwards", "X: a\rVia").encode(),
    VALID.replace("Via:", "X-Via:").encode(),
    VALID.replace("@peer\r\n", "@pe\x00er\r\n").encode(),
    VALID.replace("A, ", "A\x00, ").encode(),
    VALID.replace("INVITE", "ACK").replace("To:", "To: <sip:a@b>\r\nTo:").encode(),
    VALID.replace("INVITE", "ACK").replace("SIP/2.0\r\n", "SIP/3.0\r\n").encode(),
    VALID.encode().ljust(MAX_DATAGRAM_BYTES + 1, b"x"),
]

ANSWERED = [
    (VALID.replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), "CSeq Method Does Not Match"),
    (VALID.replace("CSeq: 1", "CSeq: -1"), "Bad CSeq Header Field"),
    (VALID.replace("CSeq: 1", "CSeq: 4294967296"), "Bad CSeq Header Field"),
    (VALID.replace("CSeq: 1", "CSeq: " + "9" * 5000), "Bad CSeq Header Field"),
    (VALID.replace("From: ", "From: <>"), "Bad From Header Field"),
    (VALID.replace("To: <sip", "To: <si p"), "Bad To Header Field"),
    (VALID.replace("@onhook.example>\r\nC", "@onhook.example>;tag=\r\nC"), "Bad To Header Field"),
    (VALID.replace("hostile@peer", "two words"), "Bad Call-ID Header Field"),
    (VALID.replace("hostile", "h" * 300), "Bad Call-ID Header Field"),
    (VALID.replace(f": {len(SDP)}\r\n", ": 9999\r\n"), "Body Shorter Than Content-Length"),
    (VALID.replace(f": {len(SDP)}\r\n", ": -5\r\n"), "Bad Content-Length Header Field"),
    (VALID.replace(f": {len(SDP)}\r\n", ": ٣\r\n"), "Bad Content-Length Header Field"),
    (VALID.replace("Max-Forwards: 70", "no colon here"), "Header Field Without Colon"),
    (VALID.replace("Max-Forwards: 70\r\n", "X: y\r\n" * 200), "Too Many Header Fields"),
    (VALID.replace("INVITE sip:+6531234567@", "INVITE sip:a b@"), "Bad Request-URI"),
    (
        VALID.replace("INVITE sip:+6531234567@onhook.example", "INVITE sip:a@b?x=y"),
        "Bad Request-URI",
    ),
    (VALID.replace("INVITE sip:+6531234567@", 'INVITE sip:"a"@'), "Bad Request-URI"),
    (VALID.replace("INVITE sip", "INVI(TE sip"), "Bad Method"),
    (VALID.replace("70", "7\x000"), "Control Character"),
    (VALID.replace("SIP/2.0/UDP", "nonsense"), "Bad Via Header Field"),
    (VALID.replace("Call-ID:", "X:"), "Missing Call-ID Header Field"),
    (VALID.replace("To:", "X:"), "Missing To Header Field"),
    (VALID.replace("To:", "To: <sip:a@b>\r\nTo:"), "Repeated To Header Field"),
    (VALID.replace("Max-", "Max-Forwards: 3\r\nMax-"), "Repeated Max-Forwards Header Field"),
    (VALID.replace("From: ", "From: A(b) <sip:a@b>;tag=x\r\nX: "), "Bad From Header Field"),
    (VALID.replace("From: ", 'From: "A" b <sip:a@b>;tag=x\r\nX: '), "Bad From Header Field"),
]


@pytest.mark.parametrize("data", SILENCE)
async def test_what_deserves_silence(data: bytes) -> None:
    async with line() as on:
        on.peer.send(data)
        await on.peer.quiet()
        assert on.owners == []


@pytest.mark.parametrize(("text", "reason"), ANSWERED)
def test_what_deserves_an_answer(text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(text.encode(), SOURCE)
    reply = bad_request(raised.value, SOURCE, "t").decode()
    assert reply.startswith(f"SIP/2.0 400 {reason}\r\n")
    assert reply.endswith("\r\nContent-Length: 0\r\n\r\n")


async def test_a_malformed_invite_is_answered_and_forgotten() -> None:
    async with line() as on:
        on.peer.send(VALID.replace("CSeq: 1", "CSeq: x"))
        assert (await on.peer.status(400)).start.endswith("Bad CSeq Header Field")
        assert on.endpoint.counters["malformed"] == 1
        on.peer.send("\r\n\r\n")
        await on.peer.quiet()
        assert on.endpoint.counters["keepalives"] == 1


def test_many_headers_cost_little() -> None:
    """The bound on lines is checked before any line is looked at."""
    text = VALID.replace("Max-Forwards: 70\r\n", "a:\r\n" * 3000)
    with pytest.raises(BadRequest, match="Too Many") as raised:
        parse(text.encode(), SOURCE)
    assert sum(map(len, raised.value.headers.values())) == 100


@pytest.mark.parametrize("name", ["José Ñ", "中文", "\xff\xfe", "J.-P. O'Neil *1%", '"A, (b)"'])
def test_display_names_that_are_let_pass(name: str) -> None:
    text = VALID.replace("From: ", f"From: {name} <sip:a@b>;tag=x\r\nX: ")
    request = parse(text.encode(), SOURCE)
    assert isinstance(request, Request)
    assert f"From: {name} <sip:a@b>;tag=x\r\n" in response(request, 200).decode()


def test_what_is_escaped_in_quotes_comes_back_as_it_went() -> None:
    request = parse(VALID.replace("A, ", "A\\\x00\\\x07\\\x7f").encode(), SOURCE)
    assert isinstance(request, Request)
    assert b'From: "A\\\x00\\\x07\\\x7f\\"B' in response(request, 200)


@pytest.mark.parametrize("part", ['"\\', '\\"', '"', "a ", "é", "<", '"\\"a'])
def test_reading_is_linear_in_time(part: str) -> None:
    """Sixteen times the text takes no more than some sixteen times as long."""
    assert cost(part * 16 * 60) < 80 * cost(part * 60)


def cost(display_name: str) -> float:
    """CPU time that it takes to refuse an INVITE with a control character and such a name."""
    text = VALID.replace("A, ", display_name).replace("70", "7\x000").encode()

    def refuse() -> None:
        with contextlib.suppress(SipMessageError):
            parse(text, SOURCE)

    return min(timeit.repeat(refuse, number=10, repeat=7, timer=time.process_time))


def test_compact_forms_folding_and_leading_line_breaks() -> None:
    text = VALID
    for name, short in (
        ("Via", "v"),
        ("From", "F"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("Contact", "m"),
    ):
        text = text.replace(f"\r\n{name}:", f"\r\n{short} :")
    text = "\r\n" + text.replace(";tag=peer", "\r\n ;tag=peer")
    request = parse(text.encode(), SOURCE)
    assert isinstance(request, Request)
    assert request.from_tag == "peer"
    assert request.values("contact") == ["<sip:peer@peer.example>"]
    assert request.values("record-route") == ["<sip:p1;lr>", "<sip:p2;lr>"]


def test_bytes_that_are_not_utf_8_come_back_as_they_went() -> None:
    data = VALID.encode().replace(b"A, ", b"\xff\xfe, ")
    request = parse(data, SOURCE)
    assert isinstance(request, Request)
    assert b'From: "\xff\xfe, \\"B\\"" <sip:' in response(request, 200)


def test_the_body_ends_where_content_length_says() -> None:
    request = parse(VALID.encode() + b"trailing rubbish", SOURCE)
    assert isinstance(request, Request)
    assert request.body == SDP.encode()


@given(st.text(max_size=60))
def test_the_grammar_raises_nothing_but_value_errors(text: str) -> None:
    for read in (grammar.name_addr, grammar.via, sip_uri, grammar.cseq,
                 grammar.split_list, grammar.parameters):  # fmt: skip
        for probe in (text, f"sip:{text}", f"<sip:{text}>;{text}", f"SIP/2.0/UDP {text}"):
            try:
                read(probe)
            except ValueError:
                continue


_WORDS = ["\r\n", "\r\n ", ";", ",", '"', "<", ">", "sip:", "tag=", "\x00", "\xff", "@", ":", " ",
          "branch=", "rport", "lr", "self=1", "9" * 30, "%00", "SIP/2.0", "Via: ", "Require: a"]  # fmt: skip
mutations = st.lists(
    st.tuples(
        st.integers(0, len(VALID)),
        st.integers(0, 12),
        st.one_of(st.sampled_from(_WORDS), st.text(max_size=5)),
    ),
    min_size=1,
    max_size=6,
)


def mutated(changes: list[tuple[int, int, str]]) -> bytes:
    text = VALID
    for position, removed, added in changes:
        text = text[:position] + added + text[position + removed :]
    return text.encode("utf-8", "surrogatepass")


@given(mutations)
def test_a_mutated_invite_is_read_or_refused(changes: list[tuple[int, int, str]]) -> None:
    try:
        message = parse(mutated(changes), SOURCE)
    except BadRequest as error:
        try:
            well_formed(bad_request(error, SOURCE, "t"))
        except Unanswerable:
            return
    except SipMessageError:
        return
    else:
        if isinstance(message, Request):
            well_formed(response(message, 200, to_tag="t"))
        else:
            assert isinstance(message, Response)


def well_formed(data: bytes) -> None:
    """A response that our own parser takes, with no line that the peer made up."""
    head = data.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\x00" not in head


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(mutations.map(mutated), st.binary(max_size=80)), min_size=1, max_size=20))
def test_the_endpoint_survives_a_storm(datagrams: list[bytes]) -> None:
    asyncio.run(storm(datagrams))


async def storm(datagrams: list[bytes]) -> None:
    with capture_logs() as events:
        async with line() as on:
            for datagram in datagrams:
                on.peer.send(datagram)
            await on.peer.until_quiet()
            on.clock.advance(200)
            await on.peer.until_quiet()
            await Caller(on.peer).established()
    assert [event for event in events if event["event"].endswith("_failed")] == []


@pytest.mark.parametrize("defect", ["", "CSeq: 1 INVITE\r\n"], ids=["readable", "malformed"])
def test_a_response_is_hardly_longer_than_its_request(defect: str) -> None:
    """It goes to where the request says that it comes from: nobody is to be flooded by way of us."""
    many = VALID.replace(";rport\r\n", f";rport{',a' * 6000}\r\n{defect}").encode()
    try:
        request = parse(many, SOURCE)
        assert isinstance(request, Request)
        answer = response(request, 403)
    except BadRequest as error:
        answer = bad_request(error, SOURCE, "t")
    assert 12_000 < len(answer) < len(many) + 200


async def test_a_trusted_peers_message_that_is_too_large_is_told_of_once_a_minute() -> None:
    large = VALID.encode().replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 46_000 + b"\r\n\r\n")
    with capture_logs() as logs:
        async with line() as on:
            for _ in range(3):
                on.peer.send(large)
            await on.peer.quiet()
        async with line(trusted_peers=()) as on:
            on.peer.send(large)
            on.peer.send(on.peer.text("OPTIONS"))
            await on.peer.status(403)
    told = [each for each in logs if each["event"] == "sip_message_too_large"]
    assert [(each["peer"], each["most"]) for each in told] == [("127.0.0.1", MAX_DATAGRAM_BYTES)]
