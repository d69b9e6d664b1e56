"""Which hosts are a trunk's, while names change and name servers are away."""

from collections.abc import Sequence

import pytest
import structlog

from onhook.calls import clock
from onhook.calls.inbound.names import AGAIN_S, LocatedNames
from onhook.calls.inbound.watch import InboundWatch
from onhook.calls.trunks import WayOut
from onhook.phone.addresses import Address
from onhook.phone.inbound.sources import InboundSources
from onhook.phone.locating.target import Target
from onhook.phone.trunk import Trunk
from onhook.store import StoreError

TRUNK = Trunk("sip.carrier.example", name="carrier", inbound=("media.example", "198.51.100.0/24"))


class Zone:
    """A locator whose names a test changes; nothing of it is known without being asked."""

    def __init__(self) -> None:
        self.hosts = {"sip.carrier.example": ["192.0.2.1"], "media.example": ["192.0.2.7"]}
        self.asked: list[str] = []

    def known(self, target: Target) -> tuple[Address, ...] | None:
        return None

    async def located(self, target: Target) -> tuple[Address, ...]:
        self.asked.append(target.host)
        return tuple((host, 5060) for host in self.hosts.get(target.host, [target.host]))


class Ways:
    """The trunks that there are; None is a store that cannot be read."""

    def __init__(self) -> None:
        self.trunks: Sequence[Trunk] | None = [TRUNK]

    async def __call__(self) -> list[WayOut]:
        if self.trunks is None:
            raise StoreError("as a test wants it")
        return [WayOut(trunk.name, trunk) for trunk in self.trunks]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [1000.0]
    monkeypatch.setattr(clock, "now_s", lambda: at[0])
    return at


async def test_names_are_followed_and_a_name_server_that_is_away_changes_nothing(
    now: list[float],
) -> None:
    zone, ways, told = Zone(), Ways(), list[InboundSources]()
    watch = InboundWatch(ways, LocatedNames(zone), told.append)

    def trunk_at(host: str) -> str:
        found = told[-1].at(host)
        return found.name if found else ""

    await watch.look()
    assert [trunk_at(host) for host in ("192.0.2.1", "192.0.2.7", "198.51.100.9", "192.0.2.2")] == [
        *["carrier"] * 3,
        "",
    ]
    asked = len(zone.asked)
    await watch.look()
    assert (len(told), len(zone.asked)) == (1, asked), "the same again is no news"
    zone.hosts["sip.carrier.example"] = ["192.0.2.2"]
    now[0] += AGAIN_S
    await watch.look()
    assert (trunk_at("192.0.2.2"), trunk_at("192.0.2.1")) == ("carrier", "")
    zone.hosts["sip.carrier.example"] = zone.hosts["media.example"] = []
    now[0] += AGAIN_S
    await watch.look()
    assert (trunk_at("192.0.2.2"), trunk_at("192.0.2.7")) == ("carrier", "carrier")


async def test_a_store_that_cannot_be_read_takes_no_trunk_away(now: list[float]) -> None:
    ways, told = Ways(), list[InboundSources]()
    watch = InboundWatch(ways, LocatedNames(Zone()), told.append)
    await watch.look()
    ways.trunks = None
    await watch.look()
    assert len(told) == 1
    ways.trunks = []
    await watch.look()
    assert told[-1].at("192.0.2.1") is None


async def test_what_changes_is_said_once_it_is_so(now: list[float]) -> None:
    ways = Ways()
    watch = InboundWatch(ways, LocatedNames(Zone()), lambda sources: None)
    changed = Trunk("192.0.2.9", name="carrier")
    with structlog.testing.capture_logs() as said:
        for trunks in ([TRUNK], [TRUNK], [TRUNK, Trunk("192.0.2.8", name="branch")], [changed]):
            ways.trunks = trunks
            await watch.look()
    assert [(line["trunks"], line["gone"]) for line in said] == [
        (["carrier"], []),
        (["branch"], []),
        (["carrier"], ["branch"]),
    ]
