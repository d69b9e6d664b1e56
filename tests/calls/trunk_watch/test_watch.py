"""Trunks as the operator adds, changes and removes them, and the end of the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from onhook.calls.trunk_watch import watch as watching
from onhook.calls.trunk_watch.watch import TrunkWatch
from onhook.calls.trunks import WayOut
from onhook.phone import Trunk
from onhook.phone.message import Request, parse
from onhook.store import Store
from onhook.store.trunk_states import claim_trunk, trunk_states
from phone.peer import Line, Message, line


@dataclass
class Watched:
    """A watch, the trunks that there are, and who they are registered with, by hand."""

    on: Line
    store: Store
    watch: TrunkWatch
    ways: list[WayOut] = field(default_factory=list)

    def trunk(self, name: str = "carrier", password: str = "one", **more: object) -> WayOut:
        host, port = self.on.peer.address
        given = {"register": True, "username": "shop", "password": password, **more}
        return WayOut(name, Trunk(host, port, name=name, **given))  # type: ignore[arg-type]

    async def asked(self, expires_s: int) -> Message:
        request = await self.on.peer.request("REGISTER")
        assert request["Expires"] == str(expires_s)
        return request

    async def grant(self, request: Message, *headers: str) -> None:
        names = ("via", "from", "to", "call-id", "cseq")
        lines = [one for one in request.lines if one.split(":")[0].lower() in names]
        self.on.peer.send("\r\n".join(("SIP/2.0 200 OK", *lines, *headers)) + "\r\n\r\n")
        for message in await self.on.peer.until_quiet():
            self.on.peer._inbox.put_nowait(message)


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[Watched]:
    store = await Store.open(directory)
    async with line() as on:

        async def ways_out() -> list[WayOut]:
            return it.ways

        watch = TrunkWatch(
            store, "me", ways_out, on.endpoint,
            contact_user=lambda name: f"o-{name}", lease_s=1.0, timers=on.clock,
        )  # fmt: skip
        it = Watched(on, store, watch)
        try:
            yield it
        finally:
            watch.close()
            on.clock.advance(watching.TAKEN_BACK_S)
    await store.close()


async def test_a_changed_trunk_is_registered_anew_after_its_old_one_is_taken_back(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        it.ways = [it.trunk()]
        await it.watch.look()
        first = await it.asked(600)
        assert first["Contact"].startswith("<sip:o-carrier@127.0.0.1:")
        await it.grant(first)
        it.ways = [it.trunk(password="two")]
        await it.watch.look()
        removal = await it.asked(0)
        assert removal["Call-ID"] == first["Call-ID"]
        await it.watch.look()
        await it.on.peer.quiet()
        await it.grant(removal)
        await it.watch.look()
        again = await it.asked(600)
        assert again["Call-ID"] != first["Call-ID"]
        await it.grant(again)


async def test_what_no_registrar_sees_may_change(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.ways = [it.trunk()]
        await it.watch.look()
        await it.grant(await it.asked(600))
        it.ways = [it.trunk(codecs=("PCMA",), inbound=("192.0.2.0/24",))]
        await it.watch.look()
        await it.on.peer.quiet()


async def test_a_registrar_that_is_gone_holds_up_a_changed_trunk_for_four_seconds(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        it.ways = [it.trunk()]
        await it.watch.look()
        await it.grant(await it.asked(600))
        it.ways = [it.trunk(from_domain="carrier.example")]
        await it.watch.look()
        await it.asked(0)
        it.on.clock.advance(watching.TAKEN_BACK_S)
        await it.watch.look()
        while (request := await it.on.peer.request("REGISTER"))["Expires"] == "0":
            pass
        assert request["To"] == "<sip:shop@carrier.example>"


async def test_the_end_waits_for_no_registrar_for_long(tmp_path: Path) -> None:
    with capture_logs() as logs, patch.object(watching, "TAKEN_BACK_S", 0.05):
        async with watched(tmp_path) as it:
            it.ways = [it.trunk()]
            await it.watch.look()
            await it.grant(await it.asked(600))
            await it.watch.look()
            assert [one.worker for one in await trunk_states(it.store)] == ["me"]
            await it.watch.end()
            await it.asked(0)
            assert await trunk_states(it.store) == []
            await it.watch.look()
            assert await trunk_states(it.store) == []
    assert "trunk_registration_left" in [one["event"] for one in logs]


async def test_a_trunk_that_another_worker_took_is_abandoned_without_a_word(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        it.ways = [it.trunk()]
        await it.watch.look()
        first = await it.asked(600)
        assert await claim_trunk(it.store, "carrier", "other", "me")
        await it.grant(first)
        with patch.object(it.watch._claims, "take", return_value=frozenset({"carrier"})):
            await it.watch.look()
        await it.on.peer.quiet()
        assert it.watch.figures() == {}


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", "carrier"), ("127.0.0.2", "")])
async def test_whose_registrar_sent_a_request(tmp_path: Path, host: str, name: str) -> None:
    async with watched(tmp_path) as it:
        it.ways = [it.trunk(), it.trunk("second")]
        await it.watch.look()
        await it.grant(await it.asked(600))
        assert [figures.get("up") for figures in it.watch.figures().values()] == [1.0, None]
        peer = await it.on.another_peer(host)
        uri = f"sip:o-carrier@127.0.0.1:{it.on.endpoint.address[1]}"
        request = parse(peer.text("OPTIONS", uri=uri).encode(), peer.address)
        assert isinstance(request, Request)
        assert it.watch.trunk_of(request) == name
        assert it.watch.registered("o-carrier") == ("", "shop")
        assert it.watch.registered("o-nobody") is None
        peer.transport.close()
