"""From names to servers, by RFC 3263: questions to a real name server, and what is made of its answers."""

from collections import Counter
from random import Random

import pytest

from name_server import NameServer, name_server
from onhook.phone.addresses import Address, TcpAddress, TlsAddress, transport_of
from onhook.phone.locating import plan
from onhook.phone.locating.dns import DnsNames
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.target import Target, of_trunk
from onhook.phone.trunk import Trunk

CARRIER = """
    carrier.test              300 NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.carrier.test.
    carrier.test              300 NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.carrier.test.
    carrier.test              300 NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.carrier.test.
    _sips._tcp.carrier.test   300 SRV 0 0 5061 edge.carrier.test.
    _sip._udp.carrier.test    300 SRV 20 0 5060 second.carrier.test.
    _sip._udp.carrier.test    300 SRV 10 0 5062 first.carrier.test.
    first.carrier.test        60  A 192.0.2.1
    first.carrier.test        60  AAAA 2001:db8::1
    second.carrier.test       90  A 192.0.2.2
    edge.carrier.test         300 A 192.0.2.3
    carrier.test              300 A 192.0.2.80
"""


def by_ipv4(host: str) -> int | None:
    return None if ":" in host else 0


async def found(server: NameServer, target: Target, **how: object) -> tuple[Address, ...]:
    locator = Locator(DnsNames([server.address]), chance=Random(7), **how)  # type: ignore[arg-type]
    try:
        return await locator.located(target)
    finally:
        locator.close()


def texts(addresses: tuple[Address, ...]) -> list[str]:
    return [f"{transport_of(one).lower()}:{one[0]}:{one[1]}" for one in addresses]


async def test_a_domain_says_by_which_transport_it_is_reached() -> None:
    async with name_server(CARRIER) as server:
        (address,) = await found(server, Target("carrier.test"))
        assert address == TlsAddress("192.0.2.3", 5061, "carrier.test")


async def test_a_transport_that_was_said_is_kept_to() -> None:
    async with name_server(CARRIER) as server:
        over_udp = await found(server, Target("carrier.test", transport="udp"))
        assert texts(over_udp) == [
            "udp:192.0.2.1:5062", "udp:2001:db8::1:5062", "udp:192.0.2.2:5060",
        ] or texts(over_udp) == [
            "udp:2001:db8::1:5062", "udp:192.0.2.1:5062", "udp:192.0.2.2:5060",
        ]  # fmt: skip
        over_tls = await found(server, of_trunk(Trunk("carrier.test", transport="tls")))
        assert over_tls == (TlsAddress("192.0.2.3", 5061, "carrier.test"),)


async def test_only_addresses_that_can_be_sent_to() -> None:
    async with name_server(CARRIER) as server:
        addresses = await found(server, Target("carrier.test", transport="udp"), rank=by_ipv4)
        assert texts(addresses) == ["udp:192.0.2.1:5062", "udp:192.0.2.2:5060"]


async def test_a_port_that_was_said_leaves_nothing_to_records() -> None:
    async with name_server(CARRIER) as server:
        addresses = await found(server, Target("carrier.test", 5080, "tcp"))
        assert addresses == (TcpAddress("192.0.2.80", 5080),)
        assert isinstance(addresses[0], TcpAddress)
        assert {kind for kind, _ in server.asked} == {"A", "AAAA"}


async def test_a_numeric_host_is_asked_of_nobody() -> None:
    async with name_server(CARRIER) as server:
        locator = Locator(DnsNames([server.address]))
        assert locator.known(Target("192.0.2.9")) == (("192.0.2.9", 5060),)
        assert locator.known(Target("192.0.2.9", transport="tls")) == (
            TlsAddress("192.0.2.9", 5061, "192.0.2.9"),
        )
        assert locator.known(Target("2001:db8::9", 5070, "udp")) == (("2001:db8::9", 5070),)
        assert server.asked == []


async def test_a_name_without_records_of_services_is_its_addresses() -> None:
    async with name_server("plain.test 60 A 192.0.2.5\nplain.test 60 A 192.0.2.6") as server:
        assert set(texts(await found(server, Target("plain.test", transport="tls")))) == {
            "tls:192.0.2.5:5061", "tls:192.0.2.6:5061",
        }  # fmt: skip
        assert set(texts(await found(server, Target("plain.test")))) == {
            "udp:192.0.2.5:5060", "udp:192.0.2.6:5060",
        }  # fmt: skip


async def test_without_naptr_the_srv_records_that_there_are_say_the_transport() -> None:
    records = "_sip._tcp.pbx.test 60 SRV 1 1 5070 host.test.\nhost.test 60 A 192.0.2.7"
    async with name_server(records) as server:
        assert texts(await found(server, Target("pbx.test"))) == ["tcp:192.0.2.7:5070"]


async def test_a_naptr_record_leads_to_srv_records_elsewhere() -> None:
    records = """
        pbx.test         60 NAPTR 10 1 "s" "SIP+D2U" "" _sip._udp.other.test.
        pbx.test         60 NAPTR 5 1 "s" "SIP+D2S" "" _sip._sctp.pbx.test.
        pbx.test         60 NAPTR 5 1 "u" "E2U+sip" "!^.*$!sip:a@b!" .
        _sip._udp.other.test 60 SRV 1 1 5090 host.test.
        host.test        60 A 192.0.2.7
    """
    async with name_server(records) as server:
        assert texts(await found(server, Target("pbx.test", transport="udp"))) == [
            "udp:192.0.2.7:5090"
        ]
        assert texts(await found(server, Target("pbx.test"))) == ["udp:192.0.2.7:5090"]


async def test_a_service_that_there_is_not_is_not_looked_for_elsewhere() -> None:
    records = "_sip._udp.web.test 60 SRV 0 0 0 .\nweb.test 60 A 192.0.2.8"
    async with name_server(records) as server:
        assert await found(server, Target("web.test", transport="udp")) == ()


@pytest.mark.parametrize("name", ["localhost", "pbx.localhost"])
async def test_names_of_this_machine_are_asked_of_nobody(name: str) -> None:
    async with name_server() as server:
        addresses = await found(server, Target(name, transport="udp"), rank=by_ipv4)
        assert texts(addresses) == ["udp:127.0.0.1:5060"]
        assert server.asked == []


async def test_a_name_server_that_leaves_one_kind_of_question_unanswered() -> None:
    async with name_server("plain.test 60 A 192.0.2.5") as server:
        server.silent = {"NAPTR", "SRV"}
        addresses = await found(server, Target("plain.test", transport="udp"))
        assert texts(addresses) == ["udp:192.0.2.5:5060"]


async def test_one_server_of_several_cannot_be_found() -> None:
    records = """
        _sip._udp.pbx.test 60 SRV 1 1 5060 gone.test.
        _sip._udp.pbx.test 60 SRV 2 1 5060 there.test.
        there.test 60 A 192.0.2.7
    """
    async with name_server(records) as server:
        assert texts(await found(server, Target("pbx.test", transport="udp"))) == [
            "udp:192.0.2.7:5060"
        ]


def drawn(weights: dict[str, int], times: int) -> Counter[str]:
    """How often each server came first."""
    groups = tuple(plan.Group(1, weight, ((host, 1),)) for host, weight in weights.items())
    chance = Random(4)
    return Counter(plan.Plan(groups, 1).in_order(chance)[0][0] for _ in range(times))


def test_weights_say_how_often_a_server_comes_first() -> None:
    first = drawn({"a": 70, "b": 30, "c": 0}, 5000)
    assert 0.65 < first["a"] / 5000 < 0.75
    assert 0.25 < first["b"] / 5000 < 0.35
    assert 0 < first["c"] < 150


def test_servers_without_weights_share_alike() -> None:
    first = drawn({"a": 0, "b": 0}, 10)
    assert set(first) <= {"a", "b"}
    assert sum(first.values()) == 10


def test_every_server_of_a_lower_priority_comes_after() -> None:
    groups = tuple(
        plan.Group(priority, 5, ((f"{priority}.{number}", 1),))
        for priority in (20, 10)
        for number in range(3)
    )
    for seed in range(20):
        order = [host for host, _ in plan.Plan(groups, 1).in_order(Random(seed))]
        assert sorted(order[:3]) == ["10.0", "10.1", "10.2"]
        assert sorted(order[3:]) == ["20.0", "20.1", "20.2"]
