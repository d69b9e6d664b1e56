"""Where messages go and what is refused: NAT, routes, strangers, limits, requests outside a call."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from structlog.testing import capture_logs

from onhook.phone import IncomingCall, grammar
from onhook.phone.addresses import TlsFiles, flow_of, listed, unlisted
from onhook.phone.identity import display_name
from onhook.phone.message import Address, TcpAddress, TlsAddress
from onhook.phone.routing import next_hop, request_uri_and_routes, return_address
from phone.peer import SDP, Caller, TcpPeer, leave_ringing, line, place

SOURCE = ("198.51.100.7", 40000)


@pytest.mark.parametrize(
    ("target", "routes", "expected"),
    [
        ("sip:a@9.9.9.9:5070", (), ("9.9.9.9", 5070)),
        ("sip:a@9.9.9.9", (), ("9.9.9.9", 5060)),
        ("sip:a@198.51.100.7:5070", (), ("198.51.100.7", 5070)),
        ("sip:a@192.168.1.5:5070", (), SOURCE),
        ("sip:a@100.64.0.1", (), SOURCE),
        ("sip:a@127.0.0.1", (), SOURCE),
        ("sip:a@0.0.0.0", (), SOURCE),
        ("sip:a@224.0.0.1", (), SOURCE),
        ("sip:a@pbx.example:5070", (), SOURCE),
        ("sip:a@my_pbx", (), SOURCE),
        ("sip:a@[2001:4860:4860::8888]", (), SOURCE),
        ("sip:a@9.9.9.9:99999", (), SOURCE),
        ("sip:a@9.9.9.9:0", (), ("9.9.9.9", 5060)),
        ("sip:a@999.9.9.9", (), SOURCE),
        ("sip:a@9.9.9.9;transport=tcp", (), SOURCE),
        ("sip:a@9.9.9.9;transport=UDP", (), ("9.9.9.9", 5060)),
        ("sips:a@9.9.9.9", (), SOURCE),
        ("sip:a@9.9.9.9;self=1", (), ("9.9.9.9", 5060)),
        ("sip:a@pbx1", (), SOURCE),
        ("sip:a@9.9.9.9", ("<sip:8.8.4.4;lr>", "<sip:1.1.1.1;lr>"), ("8.8.4.4", 5060)),
        ("sip:a@9.9.9.9", ("<sip:10.0.0.1;lr>",), SOURCE),
    ],
)
def test_next_hop(target: str, routes: tuple[str, ...], expected: tuple[str, int]) -> None:
    assert next_hop(target, routes, SOURCE) == expected


HERE = ("10.0.0.1", 5060)


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        ("sip:a@10.7.7.7:5070", HERE, ("10.7.7.7", 5070)),
        ("sip:a@192.168.1.5", HERE, ("192.168.1.5", 5060)),
        ("sip:a@172.20.1.5", ("192.168.1.1", 5060), ("172.20.1.5", 5060)),
        ("sip:a@100.64.0.9", HERE, ("100.64.0.9", 5060)),
        ("sip:a@[fd00::9]:5070", ("fd00::1", 5060), ("fd00::9", 5070)),
        ("sip:a@127.0.0.2:5070", ("127.0.0.1", 5060), ("127.0.0.2", 5070)),
        ("sip:a@9.9.9.9", HERE, ("9.9.9.9", 5060)),
        ("sip:a@127.0.0.1", HERE, HERE),
        ("sip:a@10.7.7.7", ("127.0.0.1", 5060), ("127.0.0.1", 5060)),
        ("sip:a@0.0.0.0", HERE, HERE),
        ("sip:a@255.255.255.255", HERE, HERE),
        ("sip:a@198.51.100.7", HERE, HERE),
        ("sip:a@10.7.7.7;transport=tcp", HERE, HERE),
        ("sip:a@10.7.7.7;transport=tcp", TcpAddress(*HERE), TcpAddress("10.7.7.7", 5060)),
        ("sip:a@pbx.example", HERE, HERE),
    ],
)
def test_next_hop_of_a_peer_in_a_private_network(
    target: str, source: Address, expected: Address
) -> None:
    """It is heard from a private address, so another one that it names is in a network of ours."""
    found = next_hop(target, (), source)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("sent_by", "source", "expected"),
    [
        ("9.9.9.9:5999", ("9.9.9.9", 40000), ("9.9.9.9", 5999)),
        ("9.9.9.9", ("9.9.9.9", 40000), ("9.9.9.9", 5060)),
        ("9.9.9.9;rport", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("9.9.9.9:5999;rport=7", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("pbx.example:5999", ("9.9.9.9", 40000), ("9.9.9.9", 5999)),
        ("8.8.4.4:5999", ("9.9.9.9", 40000), ("9.9.9.9", 5999)),
        ("10.1.1.1:5999;maddr=8.8.4.4", ("10.2.2.2", 40000), ("10.2.2.2", 5999)),
        ("192.168.1.5:5060", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("127.0.0.1:5060", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("9.9.9.9:0", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("9.9.9.9:70000", ("9.9.9.9", 40000), ("9.9.9.9", 40000)),
        ("[2001:db8::1]:5999", ("2001:db8::1", 40000), ("2001:db8::1", 5999)),
        ("9.9.9.9:5999", TcpAddress("9.9.9.9", 40000), TcpAddress("9.9.9.9", 40000)),
    ],
)
def test_return_address(sent_by: str, source: Address, expected: Address) -> None:
    found = return_address(grammar.via(f"SIP/2.0/UDP {sent_by};branch=z9hG4bKx"), source)
    assert (found, type(found)) == (expected, type(expected))


async def test_a_proxy_that_sends_from_another_port_is_answered_where_via_says() -> None:
    async with line(leave_ringing) as on:
        listening = await on.another_peer()
        host, port = listening.address
        caller = Caller(on.peer)
        via = f"Via: SIP/2.0/UDP {host}:{port};branch={caller.branch}"
        caller.invite(via=via)
        await listening.status(100)
        on.owner.call.ring()
        await listening.status(180)
        on.peer.send(on.peer.text("CANCEL", call_id=caller.call_id, via=via))
        await listening.status(200)
        await listening.status(487)
        options = on.peer.text("OPTIONS", via=via.replace("branch=", "branch=z9hG4bKo"))
        on.peer.send(options)
        await listening.status(200)
        on.peer.send(options.replace("CSeq: 1 ", "CSeq: x "))
        await listening.status(400)
        on.peer.send(on.peer.text("ACK", call_id=caller.call_id, via=via))
        await on.peer.quiet()
        listening.transport.close()


async def test_a_server_behind_a_proxy_is_told_of_the_end_itself() -> None:
    """Its Contact is another address than the proxy's, which did not ask to stay on the way."""
    async with line(host="0.0.0.0") as on:
        server = await on.another_peer("127.0.0.2")
        caller = Caller(on.peer, contact=f"<sip:me@127.0.0.2:{server.address[1]}>")
        await caller.established()
        on.owner.call.hangup()
        server.answer(await server.request("BYE"))
        await on.owner.until("hangup_done")
        dialler, callee = await on.dialled()
        callee.respond(200, SDP, contact=f"Contact: <sip:me@127.0.0.2:{server.address[1]}>")
        await server.request("ACK")
        await dialler.until("answered")
        server.transport.close()


def test_loose_and_strict_routes() -> None:
    loose = ("<sip:p1;lr>", "<sip:p2>")
    assert request_uri_and_routes("sip:a@b", loose) == ("sip:a@b", loose)
    strict = ("<sip:p1;x=y>", "<sip:p2;lr>")
    assert request_uri_and_routes("sip:a@b", strict) == (
        "sip:p1;x=y",
        ("<sip:p2;lr>", "<sip:a@b>"),
    )
    assert request_uri_and_routes("sip:a@b", ("<sip:p1;LR=on>",))[0] == "sip:a@b"


async def test_record_route_is_echoed_and_followed() -> None:
    async with line() as on:
        host, port = on.peer.address
        proxy = await on.another_peer()
        first = f"<sip:127.0.0.1:{proxy.address[1]};lr>"
        caller = Caller(on.peer, contact="<sip:me@203.0.113.1:5099>")
        final = await caller.established(
            headers=(f'Record-Route: {first}, "a, b" <sip:p2.example;lr>', "Record-Route: <sip:p3>")
        )
        assert final.all("Record-Route") == [f'{first}, "a, b" <sip:p2.example;lr>', "<sip:p3>"]
        on.owner.call.hangup()
        bye = await proxy.request("BYE")
        assert bye.start == "BYE sip:me@203.0.113.1:5099 SIP/2.0"
        assert bye.all("Route") == [first, '"a, b" <sip:p2.example;lr>', "<sip:p3>"]
        assert (host, port) != proxy.address
        proxy.transport.close()


@pytest.mark.parametrize("contact", ["<sip:me@192.168.77.1:5060>", "sip:me@phone.invalid;x=1"])
async def test_a_peer_behind_nat_gets_the_bye_where_it_called_from(contact: str) -> None:
    async with line() as on:
        caller = Caller(on.peer, contact=contact)
        await caller.established()
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        assert bye.start.split()[1] == contact.strip("<>").partition(";")[0]


async def test_rport_and_received() -> None:
    async with line() as on:
        host, port = on.peer.address
        for sent, expected in (
            ("10.9.9.9:5999;rport;branch=z9hG4bKa", f";rport={port};branch=z9hG4bKa;received={host}"),
            (f"10.9.9.9:{port};branch=z9hG4bKb", f";branch=z9hG4bKb;received={host}"),
            (f"{host}:{port};branch=z9hG4bKc", ";branch=z9hG4bKc"),
            (f"{host}:{port};RPORT;branch=z9hG4bKd",
             f";rport={port};branch=z9hG4bKd;received={host}"),
            (f"h_1:{port};received=1.2.3.4;branch=z9hG4bKe", f";branch=z9hG4bKe;received={host}"),
        ):  # fmt: skip
            sent_by = sent.partition(";")[0]
            via = f"SIP/2.0/UDP {sent}"
            on.peer.send(
                on.peer.text("OPTIONS", via=f"Via: {via}, SIP/2.0/UDP p2;branch=x\r\nv: y")
            )
            reply = await on.peer.status(200)
            assert reply.all("Via") == [
                f"SIP/2.0/UDP {sent_by}{expected}",
                "SIP/2.0/UDP p2;branch=x",
                "y",
            ]


async def test_a_wildcard_socket_names_the_address_that_routes_to_the_peer() -> None:
    async with line(host="0.0.0.0") as on:
        on.peer.server = ("127.0.0.1", on.endpoint.address[1])
        final = await Caller(on.peer).answered()
        assert final["Contact"] == f"<sip:127.0.0.1:{on.endpoint.address[1]}>"
        assert on.endpoint.local_address_towards("127.0.0.1") == "127.0.0.1"


async def test_an_advertised_address() -> None:
    async with line(contact_host="203.0.113.5") as on:
        final = await Caller(on.peer).established()
        assert final["Contact"] == f"<sip:203.0.113.5:{on.endpoint.address[1]}>"
        on.owner.call.hangup()
        assert "203.0.113.5" in (await on.peer.request("BYE"))["Via"]


async def test_strangers_are_refused_without_a_trace() -> None:
    async with line(trusted_peers=(IPv4Network("192.0.2.0/24"),)) as on:
        caller = Caller(on.peer)
        caller.invite()
        refused = await on.peer.status(403)
        assert refused.all("Server") == []
        caller.to_tag = refused.to_tag
        caller.ack()
        caller.invite()
        assert (await on.peer.status(403)).data == refused.data
        for method in ("OPTIONS", "REGISTER", "CANCEL", "BYE"):
            on.peer.send(on.peer.text(method))
            await on.peer.status(403)
        on.peer.send(on.peer.text("INVITE").replace("CSeq: 1", "CSeq: x"))  # silence
        on.peer.send(on.peer.text("OPTIONS"))
        await on.peer.status(403)
        assert on.owners == []
        assert on.endpoint.counters["refused"] == 7
        assert on.endpoint.counters["malformed"] == 1


async def test_the_peer_of_a_live_call_may_hang_up_from_elsewhere() -> None:
    async with line(trusted_peers=(IPv4Network("127.0.0.1/32"),)) as on:
        caller = Caller(on.peer)
        await caller.established()
        other = await on.another_peer("127.0.0.2")
        other.server = on.peer.server
        other.send(other.text("BYE", call_id=caller.call_id, to_tag=caller.to_tag, cseq=2))
        await other.status(200)
        assert on.owner.names[-1] == "hung_up"
        other.transport.close()


async def test_options_and_methods_outside_a_call() -> None:
    async with line() as on:
        on.peer.send(on.peer.text("OPTIONS"))
        reply = await on.peer.status(200)
        assert "INVITE" in reply["Allow"]
        assert reply["Accept"] == "application/sdp, multipart/mixed"
        assert reply.to_tag
        for method, status in (("REGISTER", 405), ("MESSAGE", 405), ("DANCE", 501)):
            on.peer.send(on.peer.text(method))
            assert "INVITE" in (await on.peer.status(status))["Allow"]
        for method in ("INFO", "UPDATE", "BYE"):
            on.peer.send(on.peer.text(method))
            await on.peer.status(481)
        on.peer.send(on.peer.text("ACK"))
        await on.peer.quiet()


async def test_invites_that_are_refused_at_the_door() -> None:
    async with line() as on:
        invites: list[tuple[int, dict[str, Any]]] = [
            (416, {"uri": "im:a@onhook.example"}),
            (416, {"uri": "sips:+6531234567@onhook.example"}),
            (420, {"headers": ("Require: 100rel, timer, precondition, path",)}),
            (415, {"content_type": "multipart/mixed;boundary=x"}),
            (415, {"content_type": "text/html"}),
            (415, {"headers": ("Content-Encoding: gzip",)}),
            (406, {"headers": ("Accept: text/html, application/isup",)}),
            (406, {"headers": ("Accept: */*, application/sdp;q=0",)}),
            (406, {"headers": ("Accept:",), "body": ""}),
            (400, {"uri": "sip:%00@onhook.example"}),
            (400, {"uri": "sip:a b@onhook.example"}),
            (400, {"uri": "sip:a@b;self="}),
        ]
        for status, more in invites:
            Caller(on.peer).invite(**more)
            reply = await on.peer.status(status)
            if status == 420:
                assert reply["Unsupported"] == "precondition, path"
        for old, new, status in (
            ("Max-Forwards: 70", "Max-Forwards: x", 400),
            ("Contact:", "X-Contact:", 400),
            ("<sip:peer@", "<mailto:peer@", 400),
        ):
            caller = Caller(on.peer)
            contact = f"Contact: {caller.contact}"
            text = on.peer.text("INVITE", call_id=caller.call_id, headers=(contact,))
            on.peer.send(text.replace(old, new))
            await on.peer.status(status)
        assert on.owners == []
        assert on.endpoint.live_calls == 0


@pytest.mark.parametrize(
    "accept",
    ["application/sdp", "text/html, Application / SDP;a=1", "*/*;q=0.1", "application/*", "a,b;;="],
)
async def test_accept_that_has_room_for_sdp(accept: str) -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(f"Accept: {accept}",))


async def test_a_merged_invite() -> None:
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        caller.branch = "z9hG4bKotherpath"
        caller.invite()
        await on.peer.status(482)
        assert len(on.owners) == 1


async def test_an_agent_older_than_rfc_3261() -> None:
    async with line(lambda call: call.reject(404)) as on:
        caller = Caller(on.peer)
        caller.branch = "1"
        await caller.ringing()
        refused = await on.peer.status(404)
        caller.invite()
        assert (await on.peer.status(404)).data == refused.data
        caller.to_tag = refused.to_tag
        caller.ack(branch="1")
        await on.peer.quiet()
        on.clock.advance(2)
        await on.peer.quiet()
        assert len(on.owners) == 1


async def test_draining() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.endpoint.draining = True
        Caller(on.peer).invite()
        assert (await on.peer.status(503))["Retry-After"]
        on.peer.send(on.peer.text("OPTIONS"))
        await on.peer.status(503)
        caller.within("BYE")
        await on.peer.status(200)


async def test_the_number_of_calls_is_bounded() -> None:
    async with line(leave_ringing, capacity=2) as on:
        callers = [Caller(on.peer) for _ in range(2)]
        for caller in callers:
            await caller.ringing()
        Caller(on.peer).invite()
        assert (await on.peer.status(503))["Retry-After"]
        assert len(on.owners) == 2
        assert on.endpoint.counters["overloaded"] == 1
        callers[0].cancel()
        await on.peer.status(200)
        await on.peer.status(487)
        await Caller(on.peer).ringing()


async def test_what_is_not_admitted_is_not_kept() -> None:
    """503 at once; OPTIONS are answered, and the calls that were taken go on."""
    asked: list[str] = []

    def admits(host: str) -> bool:
        asked.append(host)
        return len(asked) == 1

    async with line(admits=admits) as on:
        taken = Caller(on.peer)
        await taken.established()
        for _ in range(2):
            Caller(on.peer).invite()
            refused = await on.peer.status(503)
            assert refused["Retry-After"] == "5"
        on.peer.send(on.peer.text("OPTIONS"))
        await on.peer.status(200)
        taken.within("INVITE", body=SDP)
        await on.peer.status(200)
        taken.ack(cseq=2)
        taken.within("BYE")
        await on.peer.status(200)
        assert len(on.owners) == 1
        assert on.endpoint.live_calls == 0
        assert on.endpoint.counters["shed"] == 2
        assert asked == ["127.0.0.1"] * 3


async def test_what_lingers_is_bounded() -> None:
    async with line(lambda call: call.reject(404), capacity=2) as on:
        for _ in range(30):
            await Caller(on.peer).ringing()
            await on.peer.status(404)
        assert on.clock.pending <= 2 * 8


async def test_who_wants_to_register_is_told_of_once_a_minute() -> None:
    async with line(leave_ringing) as on:
        with capture_logs() as logs:
            for _ in range(3):
                on.peer.send(on.peer.text("REGISTER"))
                await on.peer.status(405)
        [told] = [log for log in logs if log["event"] == "sip_registration_refused"]
        assert (told["peer"], told["status"]) == ("127.0.0.1", 405)
        assert "Switch that off" in told["hint"]


@pytest.mark.parametrize(
    ("caller", "headers", "user", "name"),
    [
        ("<sip:+6591234567@p>", (), "+6591234567", ""),
        ("Mei Tan <sip:91234567@p>", (), "91234567", "Mei Tan"),
        ('"A, <B>" <sip:+65-9123.4567;cpc=ordinary@p_1>', (), "+65-9123.4567", "A, <B>"),
        ('"\\"M\\" \\\\ T" <sip:1@p>', (), "1", '"M" \\ T'),
        ("<sip:anonymous@anonymous.invalid>", (), "", ""),
        ('"Mei" <sip:9@Anonymous.invalid>', (), "", ""),
        ('"Mei" <sip:1@p>', ("P-Asserted-Identity: <sip:+6598765432@p>",), "+6598765432", "Mei"),
        ('"Anonymous" <sip:anonymous@p>', ("P-Asserted-Identity: <tel:+659>",), "+659", ""),
        ('"Mei" <sip:1@p>', ('P-Asserted-Identity: "x" <tel:+6598765432>',), "+6598765432", "x"),
        ('"Mei" <sip:+1@p>', ("P-Asserted-Identity: <sip:+659@p>", "Privacy: id"), "", ""),
        ('"Mei" <sip:+1@p>', ("P-Asserted-Identity: <",), "", ""),
        ("<sip:%2B6591234567@p>", (), "+6591234567", ""),
        ("<sip:p>", (), "", ""),
        ("<sip:%00%FF@p>", (), "", ""),
        ("<tel:+6591234567>", (), "+6591234567", ""),
        ("tel:+6591234567", (), "+6591234567", ""),
    ],
)
async def test_who_calls(caller: str, headers: tuple[str, ...], user: str, name: str) -> None:
    async with line(leave_ringing) as on:
        await Caller(on.peer).ringing(caller=caller, headers=headers)
        found = on.owner.call.caller
        assert ([one.text for one in found.users], found.name) == ([user] if user else [], name)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Caf\udce9 Luna <sip:1@p>", "Café Luna"),
        ("Mei\t Tan\x07 <sip:1@p>", "Mei Tan"),
        ("陳大文 <sip:1@p>", "陳大文"),
        ("x" * 200 + " <sip:1@p>", "x" * 128),
        ("sip:1@p", ""),
        ('"broken <sip:1@p>', '"broken'),
    ],
)
def test_a_display_name_is_one_printable_line(value: str, name: str) -> None:
    assert display_name(value) == name


@pytest.mark.parametrize(
    ("uri", "called"),
    [
        ("sip:+6531234567@h", "+6531234567"),
        ("sip:6531234567;phone-context=x@h:5060;user=phone", "6531234567"),
        ("sip:%2B65%201@h", "+65 1"),
        ("sip:sales:secret@my_host_1", "sales"),
        ("SIP:h", ""),
        ("tel:+65-3123-4567", "+65-3123-4567"),
    ],
)
async def test_who_is_called(uri: str, called: str) -> None:
    async with line(leave_ringing) as on:
        await Caller(on.peer).ringing(uri=uri)
        assert on.owner.call.called.text == called


async def test_the_trace_hook_sees_both_directions() -> None:
    seen: list[tuple[str, bytes]] = []

    def trace(direction: str, data: bytes, peer: tuple[str, int]) -> None:
        seen.append((direction, data[:7]))

    async with line(on_message=trace) as on:
        on.peer.send(on.peer.text("OPTIONS"))
        await on.peer.status(200)
    assert seen == [("in", b"OPTIONS"), ("out", b"SIP/2.0")]


async def test_counters() -> None:
    def ring(call: IncomingCall) -> None:
        call.ring()

    async with line(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing()
        await on.peer.status(180)
        caller.invite()
        await on.peer.status(180)
        counters = on.endpoint.counters
        assert counters["requests.INVITE"] == 2
        assert counters["responses.1xx"] == 3
        assert counters["retransmissions"] == 1


async def test_a_port_in_use_is_the_callers_affair() -> None:
    async with line() as on:
        with pytest.raises(OSError, match=r"(?i)in use"):
            await type(on.endpoint)(on_call=lambda call: None, trusted_peers=()).start(
                "127.0.0.1", on.endpoint.address[1]
            )


TLS_TRUNK = TlsAddress("9.9.9.9", 5061, "sip.example", TlsFiles("ca.pem"))
HEARD = TlsAddress("9.9.9.9", 40000).heard_by("10.0.0.5:5061")
CONNECTED = TcpAddress("9.9.9.9", 40000).heard_by("10.0.0.5:5060")


@pytest.mark.parametrize(
    ("target", "routes", "source", "kept"),
    [
        # A proxy has another transport for us than it has for its next hop (RFC 5658).
        (
            "sip:a@8.8.8.8;transport=tls",
            ("<sip:9.9.9.9;r2=on;lr>", "<sip:9.9.9.9:5061;transport=tls;r2=on;lr>"),
            ("9.9.9.9", 5060),
            ["9.9.9.9", 5060],
        ),
        (
            "sip:a@8.8.8.8",
            ("<sip:9.9.9.9;transport=tcp;lr>",),
            ("9.9.9.9", 5060),
            ["9.9.9.9", 5060, "tcp"],
        ),
        (
            "sip:a@8.8.8.8",
            ("<sip:9.9.9.9:5070;transport=udp;lr>",),
            TcpAddress("9.9.9.9", 5060),
            ["9.9.9.9", 5070],
        ),
        # One that names none has the one that it uses.
        (
            "sip:a@8.8.8.8:5070",
            (),
            TLS_TRUNK,
            ["8.8.8.8", 5070, "tls", "sip.example", "", "ca.pem"],
        ),
        ("sips:a@8.8.8.8", (), TLS_TRUNK, ["8.8.8.8", 5061, "tls", "sip.example", "", "ca.pem"]),
        # What began over TLS does not leave it, and no TLS begins in the middle of a call.
        (
            "sip:a@8.8.8.8;transport=udp",
            ("<sip:9.9.9.9;transport=udp;lr>",),
            TLS_TRUNK,
            ["9.9.9.9", 5061, "tls", "sip.example", "", "ca.pem"],
        ),
        ("sips:a@9.9.9.9", (), ("9.9.9.9", 5060), ["9.9.9.9", 5060]),
        # The connection that a peer made, and where it is called back.
        (
            "sip:a@9.9.9.9:5081;transport=tls",
            (),
            HEARD,
            ["9.9.9.9", 40000, "tls", "9.9.9.9", "10.0.0.5:5061", "", "", "", "5081"],
        ),
        (
            "sip:a@8.8.8.8",
            ("<sip:proxy.example;transport=tls;lr>",),
            HEARD,
            ["9.9.9.9", 40000, "tls", "proxy.example", "10.0.0.5:5061", "", "", "", "5061"],
        ),
        (
            "sip:a@9.9.9.9;transport=tcp",
            (),
            CONNECTED,
            ["9.9.9.9", 40000, "tcp", "", "10.0.0.5:5060", "", "", "", "5060"],
        ),
    ],
)
def test_next_hop_over_several_transports(
    target: str, routes: tuple[str, ...], source: Address, kept: list[object]
) -> None:
    found = next_hop(target, routes, source)
    assert listed(found) == kept
    assert listed(unlisted(kept)) == kept
    if isinstance(source, TcpAddress) and source.local:
        assert flow_of(found) == flow_of(source)


async def test_a_call_comes_over_tcp_and_its_connection_dies_before_the_bye() -> None:
    """It goes over a new one, to the port that the caller named."""
    async with line() as on:
        phone = TcpPeer(on.peer.server)
        await phone.listen()
        listening = phone.address
        await phone.connect()
        contact = f"<sip:me@{place(listening)};transport=tcp>"
        phone.send(phone.text("INVITE", body=SDP, headers=(f"Contact: {contact}",)))
        await phone.status(100)
        final = await phone.status(200)
        phone.send(phone.text("ACK", to_tag=final.to_tag))
        await on.owner.until("acknowledged")
        phone.connections[0].transport.abort()
        await phone.gone()
        on.owner.call.hangup()
        bye = await phone.request("BYE")
        phone.answer(bye)
        await on.owner.until("hangup_done")
        await phone.close()
