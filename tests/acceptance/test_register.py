"""A real server that registers with a carrier, is called there, and takes its registration back."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from acceptance.asking import OK
from acceptance.crashing import kill
from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.registrar import PATIENCE_S, Registrar, registrar
from briefly import slow_but
from onhook.cli import trunks
from onhook.cli.errors import CommandError
from onhook.cli.trunk_health import health_of_all
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from phone.authority import Authority

STRANGERS = {"trusted_peers": "192.0.2.0/24"}


async def add(server: Onhook, at: Registrar, **options: Any) -> None:
    given = {"register": True, "username": at.username, "password": at.password, **options}
    await trunks.add(server.data, trunks.Given("carrier", f"127.0.0.1:{at.port}", **given))


@pytest.fixture
async def server(shared: Callable[..., Onhook]) -> AsyncIterator[Onhook]:
    """One for all tests that neither end nor kill it, without a trunk before and after."""
    one = shared(**STRANGERS)
    _seen[one.log_path] = len(one.log)
    yield one
    with suppress(CommandError):  # the test has removed it
        await trunks.remove(one.data, "carrier")
    async with asyncio.timeout(PATIENCE_S):
        while await health_of_all(one.data):
            await asyncio.sleep(0.02)


_seen: dict[Path, int] = {}
"""How much of a log is of the tests before this one."""


def events(server: Onhook, name: str) -> list[dict[str, Any]]:
    """What the server logged under this name, during this test."""
    log = server.log[_seen.get(server.log_path, 0) :]
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [event for event in lines if event.get("event") == name]


async def logged(server: Onhook, name: str) -> dict[str, Any]:
    """The only event of this name, once it is there."""
    async with asyncio.timeout(PATIENCE_S):
        while not events(server, name):
            await asyncio.sleep(0.02)
    (event,) = events(server, name)
    return event


async def shown_as(server: Onhook, *, up: bool) -> None:
    """Until 'onhook trunk list' of another process says so."""
    async with asyncio.timeout(PATIENCE_S):
        while (await health_of_all(server.data)).get("carrier", {}).get("up") is not up:
            await asyncio.sleep(0.02)


async def page(server: Onhook, path: str) -> str:
    def read() -> str:
        with urllib.request.urlopen(server.url + path) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(read)


@pytest.mark.parametrize(
    ("transport", "algorithm"),
    slow_but([("tcp", "SHA-256")], [("udp", "MD5"), ("tcp", "SHA-256")]),
)
async def test_it_registers_refreshes_and_takes_it_back_at_the_end(
    start: Callable[..., Onhook], transport: str, algorithm: str
) -> None:
    async with registrar(algorithm=algorithm, grants_s=2, stale=1) as at:
        server = start()
        await add(server, at, transport=transport)
        await at.registered()
        await at.until("a refresh", lambda: len(at.registers()) >= 5)
        assert at.transports == {transport.upper()}
        numbers = [int(one["CSeq"].split()[0]) for one in at.registers()]
        assert numbers == sorted(set(numbers))
        assert len({one["Call-ID"] for one in at.registers()}) == 1
        assert {event["trunk"] for event in events(server, "trunk_registered")} == {"carrier"}
        server.process.terminate()
        await at.forgotten()
        assert await server.stopped() == 0


async def test_over_tls_it_registers_with_nobody_else(server: Onhook, tmp_path: Path) -> None:
    """The Contact says TLS; a certificate of another name is refused, and the log says so."""
    authority = Authority(tmp_path)
    context = authority.issue("127.0.0.1").context()
    async with (
        registrar(tls=context) as at,
        registrar(tls=authority.issue("carrier.example").context()) as other,
    ):
        await add(server, at, transport="tls", ca_file=authority.file)
        await at.registered()
        assert at.transports == {"TLS"}
        assert at.registers()[-1]["Contact"].partition(">")[0].endswith(";transport=tls")
        await trunks.change(server.data, trunks.Given("carrier", f"127.0.0.1:{other.port}"))
        await at.forgotten()
        failed = await logged(server, "trunk_registration_failed")
        assert failed["sip_code"] is None
        assert "certificate" in failed["hint"], failed["hint"]
        assert other.asked == []


async def test_a_trunk_that_is_removed_is_no_longer_registered(
    server: Onhook,
) -> None:
    async with registrar(min_expires_s=900, grants_s=900) as at:
        await add(server, at)
        await at.registered()
        assert [one["Expires"] for one in at.registers()][-1] == "900"
        await shown_as(server, up=True)
        known = (await health_of_all(server.data))["carrier"]
        assert known["registered_until"] and known["last_answer"] and known["failures"] == 0
        await trunks.remove(server.data, "carrier")
        await at.forgotten()
        async with asyncio.timeout(PATIENCE_S):
            while await health_of_all(server.data):
                await asyncio.sleep(0.02)


async def test_a_call_to_the_registered_contact_comes_by_the_trunk(
    server: Onhook, receiver: Receiver
) -> None:
    """From the registrar's address, though that is among no trusted peers; and from no other."""
    async with registrar() as at, Phone() as phone, Phone(host="127.0.0.2") as stranger:
        await add(server, at)
        user = await at.registered()
        await asyncio.to_thread(know_trunk, server, "carrier", _seen[server.log_path])
        customer = await Customer.make(server, receiver, phone)
        where = f"sip:{user}@{at.bindings[user]}"
        called = (("P-Called-Party-ID", f"<sip:{customer.number}@carrier.example>"),)
        refused = await stranger.call(where, server=server.sip, headers=called)
        assert (await refused.ended()).code == 403
        call = await phone.call(where, server=server.sip, headers=called)
        told = await receiver.next(to=customer.number, call_state="ringing")
        assert await customer.hangup(told["session"]) == OK
        assert (await call.ended()).code == 603


async def test_calls_leave_by_the_way_that_the_registrar_said(
    server: Onhook, receiver: Receiver
) -> None:
    """RFC 3608: to the first of its route, which stands before the rest in Route."""
    async with Phone() as edge, registrar() as at:
        host, port = edge.address
        at.service_route = f"<sip:{host}:{port};lr>, <sip:core.example;lr>"
        await add(server, at)
        await shown_as(server, up=True)
        customer = await Customer.make(server, receiver, edge)
        number = "+6591234567"
        await customer.post("ivr/start/dial", dest=number, notify_url=receiver.url("/dial"))
        call = await edge.incoming(called=number)
        lines = [value for name, value in call.invite.headers if name.lower() == "route"]
        assert lines == [f"<sip:{host}:{port};lr>", "<sip:core.example;lr>"]
        assert call.invite.uri == f"sip:{number}@127.0.0.1:{at.port}"
        call.reject(486)
        assert (await receiver.next())["dial_status"] == "busy"


async def test_a_wrong_password_is_said_once_and_not_hammered(server: Onhook) -> None:
    async with registrar() as at:
        await add(server, at, password="n0t-this")
        await at.until("two tries", lambda: len(at.registers()) == 2)
        failed = await logged(server, "trunk_registration_failed")
        assert (failed["sip_code"], failed["trunk"]) == (401, "carrier")
        assert "ONHOOK_TRUNK_PASSWORD" in failed["hint"]
        assert failed["retry_s"] >= 400
        assert "n0t-this" not in server.log
        await shown_as(server, up=False)
        known = (await health_of_all(server.data))["carrier"]
        assert (known["sip_code"], known["failures"], known["registered_until"]) == (401, 1, None)


async def test_a_password_that_is_mended_is_used_at_once(server: Onhook) -> None:
    async with registrar() as at:
        await add(server, at, password="n0t-this")
        await at.until("two tries", lambda: len(at.registers()) == 2)
        await trunks.change(server.data, trunks.Given("carrier", password=at.password))
        await at.registered()


async def test_after_a_crash_no_stale_binding_is_left(
    start: Callable[..., Onhook], again: Callable[[Onhook], Onhook]
) -> None:
    async with registrar() as at:
        server = start()
        await add(server, at)
        user = await at.registered()
        before = at.bindings[user]
        await kill(server)
        after = again(server)
        await at.until("a new binding", lambda: at.bindings.get(user) not in (None, before))
        assert list(at.bindings) == [user]
        assert after.sip[1] != server.sip[1]


@pytest.mark.slow
async def test_a_trunk_whose_options_fail_is_down_until_they_do_not(
    server: Onhook,
) -> None:
    async with registrar() as at:
        await add(server, at, register=False, username=None, password=None, ping=5)
        await at.until("two pings", lambda: len(at.asked) >= 2)
        assert 'onhook_trunk_up{trunk="carrier"} 1.0' in await page(server, "/metrics")
        at.statuses = [503] * 2
        down = await logged(server, "trunk_down")
        assert (down["trunk"], down["sip_code"]) == ("carrier", 503)
        assert (await logged(server, "trunk_up"))["trunk"] == "carrier"
        assert json.loads(await page(server, "/healthz")) == {"status": "ready"}
