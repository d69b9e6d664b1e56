"""RFC 5118, section 4: messages with IPv6 addresses wherever an address can be, by IPv6 and by IPv4."""

from ipaddress import IPv6Network

import pytest

from onhook.phone.incoming import IncomingCall
from onhook.phone.message import Address
from phone.peer import LOOPBACK, Caller, Message, line

VIA = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"
"""Without a port: the default one."""
LOOPBACKS = (*LOOPBACK, IPv6Network("::1"))
PCMU = "m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
BY_IPV6 = f"v=0\r\no=a 1 1 IN IP6 2001:db8::20\r\ns=-\r\nt=0 0\r\nc=IN IP6 2001:db8::20\r\n{PCMU}"
OF_BOTH = (
    "v=0\r\no=bob 280744730 28977631 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n"
    "m=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n"
)
MAPPED = BY_IPV6.replace("2001:db8::20", "::ffff:192.0.2.10")


def request(
    method: str, uri: str, *, via: str = VIA, tag: str = "", contact: str = "", body: str = ""
) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"To: sip:user@example.com{tag}",
        "From: sip:user@example.com;tag=81x2",
        via,
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Max-Forwards: 70",
        contact or 'Contact: "Caller" <sip:caller@[2001:db8::1]>',
        f"CSeq: 98176 {method}",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def answer_by_its_family(call: IncomingCall) -> None:
    by_ipv6 = call.offer is not None and ":" in call.offer.ip
    call.answer(ip="2001:db8::5" if by_ipv6 else "192.0.2.5", port=20000)


async def answer_to(data: bytes, host: str) -> Message:
    """The final response that a message gets; a call works as ever afterwards."""
    sent: list[Message] = []

    def watch(direction: str, data: bytes, address: Address) -> None:
        if direction == "out":
            sent.append(Message(data))

    on_line = line(
        answer_by_its_family,
        host=host,
        on_message=watch,
        sends_audio_to=lambda ip: True,
        trusted_peers=LOOPBACKS,
    )
    async with on_line as on:
        on.peer.send(data)
        await on.peer.until_quiet()
        [seen] = [message for message in sent[:-1] if message.status >= 200]
        await Caller(on.peer).established()
    return seen


BY_EITHER = pytest.mark.parametrize("host", ["::1", "127.0.0.1"])


@BY_EITHER
@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:[2001:db8::10]", 200),  # 4.1
        ("sip:2001:db8::10", 400),  # 4.2: no brackets
        ("sip:[2001:db8::10:5070]", 200),  # 4.3: which has no port
        ("sip:[2001:db8::10]:5070", 200),  # 4.4
        ("sip:user@[2001:db8:::192.0.2.1]", 200),  # 4.10: which may be taken
    ],
)
async def test_request_uris(uri: str, status: int, host: str) -> None:
    assert (await answer_to(request("INVITE", uri, body=BY_IPV6), host)).status == status


@BY_EITHER
@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
async def test_a_received_with_brackets_and_without(received: str, host: str) -> None:
    """4.5. What the sender wrote there is not for it to say: where it came from stands in its place."""
    via = VIA.replace(";", f";received={received};", 1)
    answer = await answer_to(request("BYE", "sip:[2001:db8::10]", via=via, tag=";tag=b"), host)
    assert answer.status == 481
    assert answer["Via"] == f"{VIA.removeprefix('Via: ')};received={host}"


@BY_EITHER
async def test_audio_by_ipv6(host: str) -> None:
    """4.6"""
    answer = await answer_to(request("INVITE", "sip:user@[2001:db8::10]", body=BY_IPV6), host)
    assert answer.status == 200
    assert "c=IN IP6 2001:db8::5\r\n" in answer.body


@BY_EITHER
async def test_addresses_of_both_families_in_headers(host: str) -> None:
    """4.7: every Via comes back, in its order."""
    vias = (
        "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
        "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"
    )
    bye = request("BYE", "sip:user@host.example.net", via=vias, tag=";tag=b")
    answer = await answer_to(bye, host)
    assert answer.status == 481
    top, *others = [f"Via: {value}" for value in answer.all("Via")]
    assert [top.removesuffix(f";received={host}"), *others] == vias.split("\r\n")


@BY_EITHER
async def test_audio_of_one_family_and_video_of_the_other(host: str) -> None:
    """4.8: the audio is taken."""
    answer = await answer_to(request("INVITE", "sip:user@[2001:db8::10]", body=OF_BOTH), host)
    assert answer.status == 200
    streams = [text for text in answer.body.splitlines() if text.startswith("m=")]
    assert streams == ["m=audio 20000 RTP/AVP 0", "m=video 0 RTP/AVP 107"]


@BY_EITHER
async def test_ipv4_addresses_that_are_written_as_ipv6(host: str) -> None:
    """4.9: in Via, in Contact and in SDP."""
    invite = request(
        "INVITE",
        "sip:user@example.com",
        via="Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
        contact='Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>',
        body=MAPPED,
    )
    answer = await answer_to(invite, host)
    assert answer.status == 200
    assert answer["Via"].startswith("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;")
