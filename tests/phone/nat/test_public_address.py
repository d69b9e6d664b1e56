"""Which address of ours peers are told: our own inside our networks, the public one outside."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from onhook.phone.locating.names import Found, NamesUnavailable, Naptr, Srv
from onhook.phone.nat.local_networks import default_networks
from onhook.phone.nat.public_address import (
    OutsideView,
    PublicAddress,
    public_addresses,
    stun_server_of,
)
from onhook.phone.neighbours import Neighbours
from phone.nat.test_stun import port_of, stun_server
from phone.peer import line


class Outside(OutsideView):
    """Even loopback is outside."""

    def is_inside(self, host: str) -> bool:
        return False


OUTSIDE = "198.51.100.9"


class Told:
    """Names that a test makes up."""

    def __init__(self, *hosts: str) -> None:
        self.addresses = hosts

    async def naptr(self, name: str) -> Found[Naptr]:
        return Found((), 60)

    async def srv(self, name: str) -> Found[Srv]:
        return Found((), 60)

    async def hosts(self, name: str) -> Found[str]:
        if not self.addresses:
            raise NamesUnavailable("nobody is there")
        return Found(self.addresses, 60)


def test_how_they_are_written() -> None:
    assert public_addresses("203.0.113.7, [2001:db8::7]:5080") == (
        PublicAddress("203.0.113.7"), PublicAddress("2001:db8::7", 5080),
    )  # fmt: skip
    assert public_addresses("auto") == (PublicAddress("auto"),)
    assert public_addresses("voice.example.com:5070") == (PublicAddress("voice.example.com", 5070),)
    assert stun_server_of("stun.example.net") == ("stun.example.net", 3478)
    assert stun_server_of("") is None
    for wrong in ("203.0.113.7,203.0.113.8", "a b", "203.0.113.7:0", "auto,auto", "sip:x.example"):
        with pytest.raises(ValueError, match="expected"):
            public_addresses(wrong)


def test_only_who_is_outside_is_told_the_public_address() -> None:
    view = OutsideView(public_addresses("203.0.113.7:15060,2001:db8::7"))
    neighbours = Neighbours((), None, view)
    neighbours.bound = "10.1.2.3"
    assert neighbours.host_towards(OUTSIDE) == "203.0.113.7"
    assert neighbours.host_towards("carrier.example") == "203.0.113.7"
    assert neighbours.host_towards("2001:db8:1::1") == "2001:db8::7"
    for inside in ("10.9.9.9", "192.168.1.1", "100.64.0.1", "169.254.0.1", "127.0.0.1"):
        assert neighbours.host_towards(inside) == "10.1.2.3"
        assert neighbours.port_towards(inside, 5060) == 5060
    assert neighbours.port_towards(OUTSIDE, 5060) == 15060
    assert neighbours.port_towards("2001:db8:1::1", 5060) == 5060


def test_networks_of_ones_own_replace_the_usual_ones() -> None:
    view = OutsideView(public_addresses("203.0.113.7"), inside=(ip_network("198.51.100.0/24"),))
    assert view.host_for(OUTSIDE) == ""
    assert view.host_for("10.0.0.1") == "203.0.113.7"
    assert view.host_for("127.0.0.1") == ""  # whatever is set


def test_without_translation_there_is_nothing_to_set() -> None:
    neighbours = Neighbours((), None)
    neighbours.bound = "203.0.113.80"
    assert neighbours.host_towards(OUTSIDE) == "203.0.113.80"


def test_an_address_of_one_family_says_nothing_of_the_other() -> None:
    view = OutsideView(public_addresses("203.0.113.7"))
    assert view.host_for("2001:db8:1::1") == ""


def test_networks_of_this_machine_are_inside(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n"
        "eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
        "eth0 006433C6 010200C0 0003 0 0 0 00FFFFFF 0 0 0\nnonsense\n"
    )
    ipv6 = tmp_path / "ipv6"
    zero = "0" * 32
    ipv6.write_text(
        f"20010db8000000000000000000000000 40 {zero} 00 {zero} 100 1 0 00000001 eth0\n"
        f"{zero} 00 {zero} 00 {zero} 400 3 0 00000003 eth0\n"
    )
    networks = default_networks(routes, ipv6)
    assert ip_network("192.0.2.0/24") in networks
    assert ip_network("198.51.100.0/24") not in networks  # behind a gateway
    assert ip_network("2001:db8::/64") in networks
    assert all(network.prefixlen for network in networks)
    assert default_networks(tmp_path / "none", tmp_path / "none")


async def test_a_change_is_noticed_and_told() -> None:
    names = Told("203.0.113.7")
    view = OutsideView(public_addresses("voice.example.com"), names=names)
    neighbours = Neighbours((), None, view)
    neighbours.bound = "10.1.2.3"
    told: list[str] = []
    view.on_change.append(lambda: told.append(neighbours.host_towards(OUTSIDE)))
    assert neighbours.host_towards(OUTSIDE) == "10.1.2.3"  # nobody has said it yet
    with capture_logs() as logged:
        await view.refresh()
        await view.refresh()
        names.addresses = ("203.0.113.8", "2001:db8::8")
        await view.refresh()
        names.addresses = ()
        await view.refresh()
        await view.refresh()
    assert told == ["203.0.113.7", "203.0.113.8"]
    assert neighbours.host_towards(OUTSIDE) == "203.0.113.8"  # as far as anybody knows
    assert neighbours.host_towards("2001:db8:1::1") == "2001:db8::8"
    events = [(one["event"], one.get("was")) for one in logged]
    assert events == [
        ("public_address_changed", ""),
        ("public_address_changed", "203.0.113.7"),
        ("public_address_changed", ""),
        ("public_address_not_found", None),
    ]


async def test_a_stun_server_says_what_we_look_like() -> None:
    async with stun_server("203.0.113.7") as server:
        view = OutsideView(
            public_addresses("auto"), stun_server=("127.0.0.1", port_of(server)), names=Told()
        )
        await view.refresh()
        assert view.host_for(OUTSIDE) == "203.0.113.7"
        server.address = "203.0.113.9"
        await view.refresh()
        assert view.host_for(OUTSIDE) == "203.0.113.9"


async def test_a_family_that_is_given_is_not_overruled_by_what_is_found() -> None:
    async with stun_server("203.0.113.7") as server:
        view = OutsideView(
            public_addresses("203.0.113.1,auto"), stun_server=("127.0.0.1", port_of(server))
        )
        await view.refresh()
        assert view.host_for(OUTSIDE) == "203.0.113.1"


async def test_via_contact_and_from_of_a_call_say_the_public_address() -> None:
    view = Outside(public_addresses("203.0.113.7:15060"))
    async with line(outside=view) as on:
        _, callee = await on.dialled()
        assert callee.invite["Via"].startswith("SIP/2.0/UDP 203.0.113.7:15060;")
        assert callee.invite["Contact"] == "<sip:203.0.113.7:15060>"
        assert on.endpoint.local_address_towards("127.0.0.1") == "203.0.113.7"
        callee.respond(486)
        await on.peer.request("ACK")
