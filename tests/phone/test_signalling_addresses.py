"""The addresses that signalling names: a phone's audio may come from them, whatever its SDP says."""

import pytest

from onhook.phone.dialog import SipDialog
from onhook.phone.message import Request, parse

PROXY = ("198.51.100.7", 5060)
OWN = "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"


def invite(*vias: str, contact: str = "<sip:a@phone.example>") -> Request:
    lines = [
        "INVITE sip:+6531234567@192.0.2.1 SIP/2.0",
        *(f"Via: {via}" for via in vias),
        "Max-Forwards: 70",
        "From: <sip:+6591234567@x>;tag=1",
        "To: <sip:+6531234567@x>",
        "Call-ID: a",
        "CSeq: 1 INVITE",
        f"Contact: {contact}",
    ]
    read = parse("\r\n".join([*lines, "", ""]).encode(), PROXY)
    assert isinstance(read, Request)
    return read


@pytest.mark.parametrize(
    ("vias", "contact", "named"),
    [
        ((OWN,), "<sip:a@phone.example>", ()),
        ((OWN,), "<sip:a@10.0.0.5:5062>", ("10.0.0.5",)),
        ((OWN,), "<sip:a@198.51.100.7>", ()),
        ((OWN, "SIP/2.0/UDP 10.0.0.5;received=203.0.113.9;branch=z9hG4bK2"),
         "<sip:a@10.0.0.5>", ("203.0.113.9", "10.0.0.5")),
        ((f"{OWN}, SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK2",),
         "<sip:a@203.0.113.9>", ("203.0.113.9",)),
        ((OWN, "SIP/2.0/UDP inner;received=192.0.2.4;branch=z9hG4bK2",
          "SIP/2.0/UDP 10.0.0.5;received=203.0.113.9;branch=z9hG4bK3"),
         "<sip:a@phone.example>", ("203.0.113.9",)),
        ((OWN, "SIP/2.0/UDP phone.example;branch=z9hG4bK2"), "<sip:a@phone.example>", ()),
        ((OWN, "SIP/2.0/UDP phone.example;received=nowhere;branch=z9hG4bK2"), "<sip:a@x>", ()),
    ],
)  # fmt: skip
def test_the_proxy_the_phone_behind_it_and_its_contact(
    vias: tuple[str, ...], contact: str, named: tuple[str, ...]
) -> None:
    dialog = SipDialog.of_invite(invite(*vias, contact=contact), "t")
    assert dialog.signalling_ips == (PROXY[0], *named)


def test_a_re_invite_from_elsewhere_counts_from_then_on() -> None:
    via = "SIP/2.0/UDP 10.0.0.5;received=203.0.113.{};branch=z9hG4bK2"
    dialog = SipDialog.of_invite(invite(OWN, via.format(9)), "t")
    dialog.refresh(invite(OWN, via.format(10)))
    assert dialog.signalling_ips == (PROXY[0], "203.0.113.10")
