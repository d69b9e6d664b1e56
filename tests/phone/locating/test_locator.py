"""What was found is kept for as long as it holds; servers that were not there are tried last."""

import asyncio
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from name_server import name_server
from onhook.phone.addresses import Address, TcpAddress
from onhook.phone.locating.dns import ABSENT_S, DnsNames
from onhook.phone.locating.hosts import HostsFile
from onhook.phone.locating.locator import MAX_KEPT, STALE_S, Locator
from onhook.phone.locating.names import Found, NamesUnavailable, Naptr, Srv
from onhook.phone.locating.resting import LONGEST_REST_S, MAX_RESTING, REST_S, Resting
from onhook.phone.locating.target import Target

PBX = Target("pbx.test", 5060, "udp")


@dataclass
class Now:
    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


class Told:
    """Names that a test makes up."""

    def __init__(self, ttl_s: float = 60) -> None:
        self.ttl_s = ttl_s
        self.asked: list[str] = []
        self.addresses: tuple[str, ...] = ("192.0.2.1", "192.0.2.2")
        self.dead = False
        self.hangs = False

    async def naptr(self, name: str) -> Found[Naptr]:
        return Found((), self.ttl_s)

    async def srv(self, name: str) -> Found[Srv]:
        return Found((), self.ttl_s)

    async def hosts(self, name: str) -> Found[str]:
        self.asked.append(name)
        if self.hangs:
            await asyncio.Event().wait()
        if self.dead:
            raise NamesUnavailable("nobody is there")
        return Found(self.addresses, self.ttl_s)


def made(names: Told, now: Now, deadline_s: float = 6.0) -> Locator:
    return Locator(names, clock=now, deadline_s=deadline_s)


async def test_a_burst_asks_once_and_the_ttl_is_kept() -> None:
    names, now = Told(ttl_s=60), Now()
    locator = made(names, now)
    burst = await asyncio.gather(*(locator.located(PBX) for _ in range(5)))
    assert {tuple(one) for one in burst} == {(("192.0.2.1", 5060), ("192.0.2.2", 5060))}
    now.s += 59
    heard: list[tuple[Address, ...]] = []
    locator.locate(PBX, heard.append)
    assert len(heard) == 1
    assert names.asked == ["pbx.test"]
    now.s += 2
    assert locator.known(PBX) is None
    names.addresses = ("192.0.2.9",)
    assert await locator.located(PBX) == (("192.0.2.9", 5060),)
    locator.close()


async def test_what_is_kept_is_bounded() -> None:
    names, now = Told(), Now()
    locator = made(names, now)
    await locator.located(PBX)
    for number in range(MAX_KEPT):
        await locator.located(Target(f"t{number}.test", 5060))
    assert locator.known(PBX) is None
    locator.close()


async def test_a_server_that_failed_is_tried_last_for_a_while() -> None:
    names, now = Told(ttl_s=3600), Now()
    locator = made(names, now)
    first, second = await locator.located(PBX)
    locator.failed(first)
    assert locator.known(PBX) == (second, first)
    locator.failed(second)
    assert locator.known(PBX) == (first, second)
    now.s += REST_S - 1
    locator.answered(second)
    assert locator.known(PBX) == (second, first)
    now.s += 1
    assert locator.known(PBX) == (first, second)
    locator.close()


def test_a_server_that_goes_on_failing_rests_for_longer() -> None:
    now = Now()
    resting = Resting(now)
    server = ("192.0.2.1", 5060)
    lengths = []
    for _ in range(6):
        resting.failed(server)
        resting.failed(server)  # another call that was on its way
        began = now.s
        while resting.rests(server):
            now.s += 1
        lengths.append(now.s - began)
    assert lengths == [30, 60, 120, 240, 300, 300]
    resting.answered(server)
    resting.failed(server, retry_after_s=100)
    now.s += 99
    assert resting.rests(server)
    now.s += 1
    assert not resting.rests(server)
    resting.failed(server, retry_after_s=1e9)
    now.s += LONGEST_REST_S
    assert not resting.rests(server)


def test_a_server_rests_over_one_transport_and_strangers_fill_no_memory() -> None:
    resting = Resting(Now())
    resting.failed(TcpAddress("192.0.2.1", 5060))
    assert not resting.rests(("192.0.2.1", 5060))
    assert resting.rests(TcpAddress("192.0.2.1", 5060))
    for port in range(1, MAX_RESTING + 1):
        resting.failed(("192.0.2.7", port))
    assert not resting.rests(TcpAddress("192.0.2.1", 5060))


async def test_calls_go_on_while_no_name_server_answers() -> None:
    names, now = Told(ttl_s=60), Now()
    locator = made(names, now)
    before = await locator.located(PBX)
    names.dead = True
    now.s += 61
    with capture_logs() as logged:
        assert await locator.located(PBX) == before
    assert [one["event"] for one in logged] == ["sip_trunk_names_stale"]
    assert locator.known(PBX) == before  # and nobody waits for it a second time
    now.s += STALE_S
    with capture_logs() as logged:
        assert await locator.located(PBX) == ()
    assert [one["event"] for one in logged] == ["sip_trunk_not_found"]
    names.dead = False
    assert await locator.located(PBX) == before
    locator.close()


async def test_a_name_that_is_gone_is_not_kept_for_longer() -> None:
    names, now = Told(ttl_s=60), Now()
    locator = made(names, now)
    await locator.located(PBX)
    names.addresses = ()
    now.s += 61
    assert await locator.located(PBX) == ()
    locator.close()


async def test_names_that_nobody_answers_hold_nobody_up() -> None:
    names = Told()
    names.hangs = True
    locator = made(names, Now(), deadline_s=0.02)
    assert await locator.located(PBX) == ()
    locator.close()


async def test_what_fails_in_one_that_waits_is_no_affair_of_the_others() -> None:
    locator = made(Told(), Now())

    def fail(addresses: tuple[Address, ...]) -> None:
        raise RuntimeError("broken")

    locator.locate(PBX, fail)
    assert len(await locator.located(PBX)) == 2
    locator.close()


async def test_closing_forgets_who_waits() -> None:
    names = Told()
    names.hangs = True
    locator = made(names, Now())
    heard: list[tuple[Address, ...]] = []
    locator.locate(PBX, heard.append)
    await asyncio.sleep(0)
    locator.close()
    await asyncio.sleep(0)
    assert heard == []


async def test_the_ttl_is_the_shortest_of_all_that_led_there() -> None:
    records = """
        _sip._udp.pbx.test 600 SRV 1 1 5060 host.test.
        host.test          20  A 192.0.2.7
    """
    async with name_server(records) as server:
        now = Now()
        locator = Locator(DnsNames([server.address]), clock=now)
        target = Target("pbx.test", transport="udp")
        assert await locator.located(target) == (("192.0.2.7", 5060),)
        asked = len(server.asked)
        now.s += 19
        await locator.located(target)
        assert len(server.asked) == asked
        now.s += 2
        await locator.located(target)
        assert len(server.asked) > asked
        locator.close()


@pytest.mark.parametrize(("said_s", "holds_s"), [(None, ABSENT_S), (7, 7), (86_400, ABSENT_S)])
@pytest.mark.parametrize("records", ["", "carrier.test 60 A 192.0.2.7"])
async def test_what_is_not_there_is_not_for_as_long_as_its_domain_says(
    records: str, said_s: int | None, holds_s: float
) -> None:
    """Neither the name, nor records of this kind; for a minute at most."""
    async with name_server(records) as server:
        server.absent_s = said_s
        found = await DnsNames([server.address]).srv("carrier.test")
        assert found == Found((), holds_s)


async def test_an_answer_that_contradicts_itself_is_none() -> None:
    async with name_server() as server:
        server.contradicts_itself = True
        with pytest.raises(NamesUnavailable):
            await DnsNames([server.address]).hosts("carrier.test")


def test_the_hosts_file_is_read_again_when_it_changes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "hosts"
    path.write_text("192.0.2.3\tpbx.lan PBX # ours\nnonsense x\n\n2001:db8::3 pbx.lan\n")
    hosts = HostsFile(path)
    assert hosts.addresses("pbx.LAN.") == ("192.0.2.3", "2001:db8::3")
    assert hosts.addresses("x") == ()
    path.write_text("192.0.2.44 pbx.lan\n")
    assert hosts.addresses("pbx.lan") == ("192.0.2.44",)
    path.unlink()
    assert hosts.addresses("pbx.lan") == ()
    assert hosts.addresses("localhost") == ("127.0.0.1", "::1")


async def test_whatever_goes_wrong_whoever_waits_hears() -> None:
    class Broken(Told):
        async def hosts(self, name: str) -> Found[str]:
            raise RuntimeError("nobody thought of this")

    locator = made(Broken(), Now())
    with capture_logs() as log:
        async with asyncio.timeout(30):
            assert await locator.located(PBX) == ()
    assert [event["event"] for event in log] == ["sip_locating_failed"]
    locator.close()
