"""What a registrar may answer, from anybody: nothing that it says breaks anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.message import Response, parse
from onhook.phone.registration import machine as m
from onhook.phone.registration.answers import (
    MAX_STALE,
    answer_of,
    bindings,
    left_behind,
    seen_as,
    service_route,
    why,
)

OURS = "sip:o1@192.0.2.1:5060"


def response(status: int, *headers: str) -> Response:
    lines = (
        f"SIP/2.0 {status} Whatever",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "From: <sip:shop@carrier.example>;tag=a",
        "To: <sip:shop@carrier.example>;tag=b",
        "Call-ID: 1",
        "CSeq: 1 REGISTER",
        *headers,
        "Content-Length: 0",
    )
    read = parse(("\r\n".join(lines) + "\r\n\r\n").encode(), ("192.0.2.9", 5060))
    assert isinstance(read, Response)
    return read


@pytest.mark.parametrize(
    ("headers", "granted_s"),
    [
        ((f"Contact: <{OURS}>;expires=90", "Expires: 30"), 90),
        ((f"Contact: <sip:desk@192.0.2.7>;expires=20, <{OURS}>;expires=90",), 90),
        ((f"Contact: <{OURS}>", "Expires: 30"), 30),
        ((f"m: <{OURS};transport=udp>;q=0.5;EXPIRES=45",), 45),
        ((f"Contact: <{OURS}>;expires=soon",), 600),
        ((f'Contact: <{OURS}>;expires="77"',), 77),
        (("Contact: *",), 600),
        ((), 600),
        (("Expires: 99999999999",), 2**31 - 1),
        (("Expires: -1",), 600),
    ],
)
def test_for_how_long_it_is_granted(headers: tuple[str, ...], granted_s: int) -> None:
    assert answer_of(response(200, *headers), "o1", 600) == m.Granted(granted_s)


def test_what_else_it_may_say() -> None:
    assert answer_of(None, "o1", 600) == m.Unanswered()
    assert answer_of(response(423, "Min-Expires: 1800"), "o1", 600) == m.TooBrief(1800)
    assert answer_of(response(423), "o1", 600) == m.TooBrief(0)
    said = response(503, "Retry-After: 18 (in a meeting);duration=60")
    assert answer_of(said, "o1", 600) == m.Refused(503, 18.0)
    assert answer_of(response(302), "o1", 600) == m.Refused(302)


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        ("", ""), (";rport=5060;received=192.0.2.1", ""), (";rport=40001", "192.0.2.1:40001"),
        (";received=198.51.100.7;rport=40001", "198.51.100.7:40001"), (";rport=x;received=\x01", ""),
    ],
)  # fmt: skip
def test_where_the_registrar_saw_us(parameters: str, seen: str) -> None:
    via = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1{parameters}"
    assert seen_as(Response(200, "z9hG4bK1", "REGISTER", {"via": [via]}, b"")) == seen


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        (";rport=40001;received=192.0.2.1", ""),
        (";rport=40001", ""),
        (";rport=40001;received=198.51.100.7", "198.51.100.7:40001"),
    ],
)
@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_the_port_of_a_connection_is_no_nats(transport: str, parameters: str, seen: str) -> None:
    via = f"SIP/2.0/{transport} 192.0.2.1:5060;branch=z9hG4bK1{parameters}"
    assert seen_as(Response(200, "z9hG4bK1", "REGISTER", {"via": [via]}, b"")) == seen


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        (";rport=5060;received=2001:db8::1", ""),
        (";rport=5060;received=[2001:db8::1]", ""),
        (";rport=5060;received=2001:0DB8:0::1", ""),
        (";rport=5060;received=2001:db8::7", "[2001:db8::7]:5060"),
        (";rport=40001;received=[2001:db8::7]", "[2001:db8::7]:40001"),
    ],
)
def test_where_the_registrar_saw_us_by_ipv6(parameters: str, seen: str) -> None:
    """RFC 5118 4.5: with brackets and without, which changes nothing."""
    via = f"SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1{parameters}"
    assert seen_as(Response(200, "z9hG4bK1", "REGISTER", {"via": [via]}, b"")) == seen


def test_what_an_earlier_process_left() -> None:
    many = ", ".join(f"<sip:o1@192.0.2.{n}:5060>;expires=9" for n in range(1, 60))
    assert len(left_behind(response(200, f"Contact: {many}"), "o1", OURS)) == MAX_STALE
    over_tcp = f"Contact: <{OURS}>, <{OURS};transport=tcp>, <sip:desk@192.0.2.8>"
    assert left_behind(response(200, over_tcp), "o1", OURS) == (f"{OURS};transport=tcp",)
    rewritten = "Contact: <sip:o1@198.51.100.7:40000>"
    assert left_behind(response(200, rewritten), "o1", OURS) == ()


@pytest.mark.parametrize(
    ("value", "routes"),
    [
        ("<sip:a;lr>, <sip:b;lr>", 2), ("sip:a;lr", 0), ("<tel:1>", 0), ("<sip:a", 0), ("", 0),
        (", ".join(["<sip:a;lr>"] * 11), 0), ("<sip:a;lr>\x7f", 0), (f"<sip:{'a' * 500};lr>", 1),
    ],
)  # fmt: skip
def test_the_way_that_calls_take(value: str, routes: int) -> None:
    said = Response(200, "z9hG4bK1", "REGISTER", {"service-route": [value]}, b"")
    assert len(service_route(said)) == routes


text = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60
) | st.sampled_from(
    [
        "<sip:o1@h>;expires=1",
        '"a" <sip:o1@[::1]:1>',
        "*",
        "<sip:o1@h:99999>",
        "<sip:a;lr>",
        "1",
        ",",
    ]
)


@given(
    st.integers(200, 699),
    st.dictionaries(
        st.sampled_from(["contact", "expires", "min-expires", "retry-after", "service-route"]),
        st.lists(text, min_size=1, max_size=4),
    ),
)
def test_nothing_that_a_registrar_says_breaks_anything(
    status: int, headers: dict[str, list[str]]
) -> None:
    said = Response(status, "z9hG4bK1", "REGISTER", headers, b"")
    for binding in bindings(said):
        assert binding.uri
    left_behind(said, "o1", OURS)
    service_route(said)
    answer = answer_of(said, "o1", 600)
    assert m.step(m.Registration(m.RegistrationState.ASKING), answer, 0.0, 0.5)[1]
    assert why(status)
