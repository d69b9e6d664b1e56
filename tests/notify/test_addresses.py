from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.doubles import allows
from onhook.notify.addresses import AddressPolicy, canonical, embedded_ipv4
from onhook.notify.errors import AddressRefused


def words(text: str) -> list[str]:
    return text.split()


REFUSED = words("""
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255
    127.0.0.1 127.0.0.53 127.255.255.255 168.63.129.16 169.254.0.1 169.254.169.254
    172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1
    192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 233.252.0.1
    239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    ::ffff:0:8.8.8.8 ::ffff:0:10.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.1.2.3 64:ff9b:1::1
    64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1 200::1 400::1 1000::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:db8::1
    2001:1ff:ffff::1 2002::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 3fff::1 4000::1 5f00::1
    8000::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fe00::1 fe80::1 fe80::1%1 fe80::1%eth0
    febf::1 fec0::1 ff02::1 ff0e::1 2606:4700:4700::5efe:10.0.0.1
    2606:4700:4700:0:200:5efe:192.168.0.1 2606:4700:4700::1111%eth0
""")

PUBLIC = words("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.215.14 100.63.255.255 100.128.0.1 126.255.255.255
    128.0.0.1 168.63.129.15 169.253.255.255 172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255
    192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255
    2000::1 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001::200e
    3ffe::1 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2606:4700:4700::5efe:8.8.8.8
""")


@pytest.mark.parametrize("address", REFUSED)
def test_refuses_what_is_not_public(address: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        AddressPolicy().check(address)
    # The sentence names the rule; the customer does not learn where a name of ours leads.
    assert address not in refused.value.detail


@pytest.mark.parametrize("address", PUBLIC)
def test_allows_what_is_public(address: str) -> None:
    AddressPolicy().check(address)


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "RFC 1918"),
        ("169.254.169.254", "link-local"),
        ("100.64.0.1", "carrier"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::10.0.0.1", "embeds an IPv4 address that is private"),
        ("fe80::1%eth0", "interface"),
        ("localhost", "not an address"),
        ("2130706433", "not an address"),
    ],
)
def test_says_which_rule(address: str, rule: str) -> None:
    with pytest.raises(AddressRefused, match=rule):
        AddressPolicy().check(address)


def test_allow_list_names_exceptions() -> None:
    policy = AddressPolicy(["127.0.0.0/8", "fd00:1::/32", "10.1.2.3/32"])
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "fd00:1::5", "10.1.2.3", "64:ff9b::10.1.2.3"):
        policy.check(address)
    for address in ("10.1.2.4", "::1", "fd00:2::1", "192.168.0.1", "64:ff9b::10.1.2.4"):
        assert not allows(policy, address)


def test_allowing_an_ipv6_range_does_not_allow_the_ipv4_addresses_inside() -> None:
    policy = AddressPolicy(["::/0"])
    assert allows(policy, "::1")
    assert allows(policy, "fd00::1")
    for address in (
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo: the client is 10.0.0.1, inverted
        "fd00::5efe:10.0.0.1",
        "10.0.0.1",
    ):
        assert not allows(policy, address), address


def test_an_address_with_a_zone_is_refused_even_if_its_range_is_allowed() -> None:
    assert allows(AddressPolicy(["fe80::/10"]), "fe80::1")
    assert not allows(AddressPolicy(["fe80::/10"]), "fe80::1%lo")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "localhost", "10.0.0.0/33", ""])
def test_a_broken_allow_list_is_an_error(network: str) -> None:
    with pytest.raises(ValueError):
        AddressPolicy([network])


def test_mapped_addresses_become_the_ipv4_address() -> None:
    assert canonical("::ffff:8.8.8.8") == IPv4Address("8.8.8.8")
    assert canonical("2606:4700::1") == IPv6Address("2606:4700::1")


IPV4 = st.ip_addresses(v=4).map(lambda ip: IPv4Address(int(ip)))


@given(IPV4)
def test_public_ipv4_is_public_for_the_standard_library_too(ip: IPv4Address) -> None:
    # Not the other way round: our list is the longer one.
    if allows(AddressPolicy(), ip):
        assert ip.is_global
        assert not ip.is_multicast


@given(st.ip_addresses(v=6) | st.sampled_from(PUBLIC + REFUSED).map(ip_address))
def test_public_ipv6_is_public_for_the_standard_library_too(ip: IPv6Address | IPv4Address) -> None:
    if allows(AddressPolicy(), ip):
        assert not (ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast)


@given(IPV4)
def test_no_disguise_gets_an_ipv4_address_through(ip: IPv4Address) -> None:
    value = int(ip)
    disguises = [
        (0xFFFF << 32) | value,
        (0x0064_FF9B << 96) | value,
        (0x2002 << 112) | (value << 80) | 1,
        (0x2606_4700 << 96) | (0x5EFE << 32) | value,
        (0x2001_0000_0808_0808 << 64) | (value ^ 0xFFFF_FFFF),
    ]
    plain = allows(AddressPolicy(), ip)
    for disguise in map(IPv6Address, disguises):
        assert plain or not allows(AddressPolicy(), disguise)
        assert plain or not allows(AddressPolicy(["2000::/3", "64::/16"]), disguise)
        assert canonical(disguise) == ip or ip in embedded_ipv4(disguise)
