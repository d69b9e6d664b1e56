"""What a trunk may be: what cannot be dialled, or would break a message, is refused with its field's name."""

from typing import Any

import pytest

from onhook.phone.trunk import Trunk


@pytest.mark.parametrize(
    "given",
    [
        {"host": "2001:db8::1"},
        {"host": "sip.example.com", "port": 1},
        {"host": "carrier", "transport": "tls", "client_cert": "/a.pem", "client_key": "/b.pem"},
        {"host": "h", "outbound_proxy": "[2001:db8::1]:5062"},
        {"host": "h", "username": "u", "register": True, "auth_user": "a"},
        {"host": "h", "number_format": "national:49", "codecs": ("PCMA",)},
        {"host": "h", "privacy": "id,user", "session_timer": 0},
        {"host": "h", "inbound": ("192.0.2.0/24", "2001:db8::/32", "sip.example.com", "192.0.2.1")},
        {"host": "h", "headers": (("X-Account", "7"),), "from_domain": "example.com"},
    ],
)
def test_a_trunk(given: dict[str, Any]) -> None:
    made = Trunk(**given)
    assert {name: getattr(made, name) for name in given} == given


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "1.2.3"},
        {"host": "fe80::1%eth0"},
        {"host": "a b"},
        {"host": "a..b"},
        {"port": 0},
        {"port": 65536},
        {"transport": "ws"},
        {"outbound_proxy": "a:b:c"},
        {"outbound_proxy": "sip:a;transport=sctp"},
        {"outbound_proxy": "a\r\nX: 1"},
        {"username": "a\n"},
        {"auth_user": "a"},
        {"register": True},
        {"password": "secret"},
        {"from_user": 'a"b'},
        {"from_user": "a>b"},
        {"from_domain": "a b"},
        {"srtp": "yes"},
        {"number_format": "national"},
        {"number_format": "national:999"},
        {"called_from": "from"},
        {"caller_from": "to"},
        {"codecs": ("G729",)},
        {"codecs": ("PCMA", "PCMA")},
        {"ptime": 7},
        {"ptime": 50},
        {"session_timer": 89},
        {"privacy": "id,none"},
        {"headers": (("Via", "x"),)},
        {"headers": (("t", "x"),)},
        {"headers": (("X-A", "1\r\nX-B: 2"),)},
        {"headers": (("X A", "1"),)},
        {"ping_s": 1},
        {"keepalive_s": -1},
        {"client_key": "/b.pem"},
        {"inbound": ("192.0.2.1/24",)},
        {"inbound": ("a b",)},
    ],
)
def test_no_trunk(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"the {next(iter(wrong))} of a trunk") as refused:
        Trunk(**{"host": "h", **wrong})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "hop"),
    [
        ({}, ("h", None, "udp")),
        ({"port": 5070, "transport": "tcp"}, ("h", 5070, "tcp")),
        ({"outbound_proxy": "p"}, ("p", None, "udp")),
        ({"outbound_proxy": "192.0.2.1:5062", "transport": "tls"}, ("192.0.2.1", 5062, "tls")),
        ({"outbound_proxy": "2001:db8::1"}, ("2001:db8::1", None, "udp")),
        ({"outbound_proxy": "sip:[2001:db8::1]:5;transport=TCP;lr"}, ("2001:db8::1", 5, "tcp")),
        ({"outbound_proxy": "sips:edge.example.com"}, ("edge.example.com", None, "tls")),
    ],
)
def test_where_requests_go(given: dict[str, Any], hop: tuple[str, int | None, str]) -> None:
    assert Trunk("h", **given).next_hop == hop
