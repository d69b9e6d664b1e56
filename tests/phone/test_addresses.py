"""Addresses of the three transports, and what a record keeps of them."""

import json

import pytest

from onhook.phone.addresses import (
    UdpAddress,
    like,
    listed,
    local_of,
    network_of,
    transport_of,
    unlisted,
)
from onhook.phone.message import Address, TcpAddress, TlsAddress

ADDRESSES: list[tuple[Address, list[object]]] = [
    (("192.0.2.1", 5060), ["192.0.2.1", 5060]),
    (TcpAddress("2001:db8::1", 5060), ["2001:db8::1", 5060, "tcp"]),
    (
        TlsAddress("192.0.2.1", 5061, "sip.example"),
        ["192.0.2.1", 5061, "tls", "sip.example"],
    ),
    (
        UdpAddress("192.0.2.1", 5060).heard_by("[::]:5062"),
        ["192.0.2.1", 5060, "udp", "", "[::]:5062"],
    ),
]


@pytest.mark.parametrize(("address", "kept"), ADDRESSES)
def test_an_address_comes_back_from_its_record(address: Address, kept: list[object]) -> None:
    assert listed(address) == kept
    read = unlisted(json.loads(json.dumps(kept)))
    assert (read, transport_of(read), local_of(read)) == (
        address,
        transport_of(address),
        local_of(address),
    )


def test_transports_are_told_apart() -> None:
    over_tls = TlsAddress("192.0.2.1", 5061, "sip.example")
    host, port = over_tls
    assert (host, port) == ("192.0.2.1", 5061)
    assert over_tls != TcpAddress("192.0.2.1", 5061) != over_tls
    assert over_tls != TlsAddress("192.0.2.1", 5061, "other.example")
    assert len({over_tls, TcpAddress("192.0.2.1", 5061), TlsAddress(*over_tls, "sip.example")}) == 2
    assert isinstance(over_tls, TcpAddress)


def test_the_address_of_a_name_keeps_what_the_certificate_has_to_say() -> None:
    found = like(TlsAddress("sip.example", 5061), "192.0.2.1")
    assert isinstance(found, TlsAddress)
    assert (*found, found.name) == ("192.0.2.1", 5061, "sip.example")


@pytest.mark.parametrize(
    "kept",
    [
        ["h", 1],
        ["::1", 0],
        ["::1", 5061, "sctp"],
        ["::1", 5061, "tls", 7],
        ["::1", 1, "", "", "", ""],
    ],
)
def test_what_is_no_address_is_refused(kept: list[object]) -> None:
    with pytest.raises(ValueError):
        unlisted(kept)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%3", "fe80::/64"),
    ],
)
def test_whose_an_address_is(host: str, network: str) -> None:
    assert network_of(host) == network
