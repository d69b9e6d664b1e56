"""Which trunk an address belongs to."""

import pytest

from onhook.phone.inbound.sources import InboundSources, TrunkSource
from onhook.phone.trunk import Trunk
from onhook.phone.trunks.checks import FieldRefused

WIDE = Trunk("192.0.2.1", name="wide", inbound=("198.51.100.0/24", "2001:db8::/32"))
NARROW = Trunk("192.0.2.2", name="narrow", inbound=("198.51.100.64/28", "sip.example"))
SAME = Trunk("192.0.2.3", name="same", inbound=("198.51.100.64/28",))
SOURCES = InboundSources(
    [
        TrunkSource(WIDE, ("192.0.2.1",)),
        TrunkSource(NARROW, ("192.0.2.2", "198.51.100.7")),
        TrunkSource(SAME),
    ]
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.1", "wide"),
        ("192.0.2.2", "narrow"),
        ("192.0.2.3", None),
        ("198.51.100.1", "wide"),
        ("198.51.100.7", "narrow"),
        ("198.51.100.65", "narrow"),
        ("::ffff:198.51.100.65", "narrow"),
        ("2001:db8::1%eth0", "wide"),
        ("2001:db9::1", None),
        ("203.0.113.1", None),
    ],
)
def test_the_smallest_network_decides_and_then_the_first_trunk(host: str, name: str | None) -> None:
    found = SOURCES.at(host)
    assert (found.name if found else None) == name


def test_digest_needs_a_password() -> None:
    assert not SOURCES.by_digest
    with pytest.raises(FieldRefused):
        Trunk("192.0.2.3", inbound=("digest",), username="u")
    assert not InboundSources().by_digest
    assert InboundSources().at("192.0.2.1") is None
