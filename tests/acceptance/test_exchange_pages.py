"""The configuration on the pages for Asterisk and Kamailio, run as it stands there: a call each way."""

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from acceptance.exchange import Exchange
from acceptance.harness import Customer, Onhook
from acceptance.heard import fetch, tone_s
from acceptance.kamailio import running
from acceptance.registrar import PATIENCE_S
from onhook.cli import trunks
from onhook.cli.trunk_health import health_of_all
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver
from ports import free_port

PAGES = Path(__file__).parents[2] / "docs" / "carriers"
ASTERISK = Path(os.environ.get("ONHOOK_ASTERISK", "/var/cache/onhook/asterisk"))
NUMBER = "+6591234567"
CALLER = "+6531234567"
HUM_HZ = 1004
"""What Asterisk's Milliwatt hums."""
KAMAILIO, ONHOOK, CARRIER = "127.0.0.2", "127.0.0.1", "127.0.0.3"
_FILE = re.compile(r"^`/etc/\w+/([\w.]+)`.*?^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MODULES = """
[modules]
autoload=no
load = res_timing_timerfd.so
load = res_sorcery_config.so
load = res_sorcery_memory.so
load = res_sorcery_astdb.so
load = res_geolocation.so
load = res_pjproject.so
load = res_pjsip.so
load = res_pjsip_session.so
load = res_pjsip_pubsub.so
load = res_pjsip_sdp_rtp.so
load = res_pjsip_caller_id.so
load = res_pjsip_nat.so
load = res_pjsip_authenticator_digest.so
load = res_pjsip_endpoint_identifier_user.so
load = res_pjsip_registrar.so
load = res_rtp_asterisk.so
load = chan_pjsip.so
load = pbx_config.so
load = app_dial.so
load = app_milliwatt.so
load = bridge_simple.so
load = codec_ulaw.so
load = codec_alaw.so
load = res_clioriginate.so
"""


def on_page(page: str, places: Mapping[str, str]) -> dict[str, str]:
    """The files of a page by name, with addresses of this machine; each place has to be there."""
    text = (PAGES / page).read_text(encoding="utf-8")
    files = dict(_FILE.findall(text))
    for written, here in places.items():
        assert any(written in content for content in files.values()), written
        files = {name: content.replace(written, here) for name, content in files.items()}
    return files


class AsOnPage(Exchange):
    """Asterisk with the files of the page."""

    def _configure(self) -> None:
        super()._configure()
        host, port = self.address
        places = {"0.0.0.0:5060": f"{host}:{port}", "SECRET": "s3cret"}
        files = {**on_page("asterisk.md", places), "modules.conf": _MODULES}
        assert files.keys() == {"pjsip.conf", "extensions.conf", "modules.conf"}
        for name, content in files.items():
            (self._directory / name).write_text(content, encoding="utf-8")


async def healthy(server: Onhook, name: str) -> None:
    """Until the trunk answers."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await health_of_all(server.data)).get(name, {}).get("up"):
            await asyncio.sleep(0.05)


async def hum_s(customer: Customer, session: str) -> float:
    """How much of the exchange's tone a recording has, which is long enough for one that has little time."""
    await customer.block("middle/record", session, max_duration="6")
    told = await customer.receiver.next(PATIENCE_S, ivr_block="record", session=session)
    return tone_s(*await fetch(told["record_url"]), hz=HUM_HZ)


async def dialled(customer: Customer) -> Notification:
    """The application calls the number; what it is told at the answer."""
    url = customer.receiver.url("/dial")
    made = await customer.post("ivr/start/dial", dest=NUMBER, msg="Hello.", notify_url=url)
    assert made["status"] == "success_ok", made
    return await customer.receiver.next(PATIENCE_S, ivr_block="dial", call_state="ongoing")


@pytest.mark.slow
async def test_the_page_for_asterisk(start: Callable[..., Onhook], receiver: Receiver) -> None:
    """Registered, it hums into a call to it and into one from it."""
    server = start(trusted_peers="192.0.2.0/24")
    async with AsOnPage(ASTERISK, "127.0.0.1", free_port()) as exchange, Phone() as phone:
        customer = await Customer.make(server, receiver, phone)
        host, port = exchange.address
        given = trunks.Given(
            "pbx",
            f"{host}:{port}",
            like="asterisk",
            username="onhook",
            password="s3cret",
            caller_id=CALLER,
        )
        await trunks.add(server.data, given)
        await healthy(server, "pbx")
        assert "onhook/sip:" in await exchange.ask("pjsip show contacts")

        out = await dialled(customer)
        assert CALLER in await exchange.ask("core show channels concise")
        assert await hum_s(customer, out["session"]) > 2.0
        await customer.block("end/hangup", out["session"])

        await exchange.ask(
            f"channel originate Local/{customer.number}@to-onhook application Milliwatt"
        )
        told = await receiver.next(PATIENCE_S, to=customer.number, call_state="ringing")
        assert told["trunk"] == "pbx"
        assert await hum_s(customer, told["session"]) > 2.0
        await customer.block("end/hangup", told["session"])
        assert server.stop() == 0
        assert "onhook/sip:" not in await exchange.ask("pjsip show contacts")


@pytest.mark.slow
async def test_the_page_for_kamailio(
    start: Callable[..., Onhook], receiver: Receiver, tmp_path: Path
) -> None:
    """A call to a carrier, which hangs up, and one from it, which the application ends."""
    server = start(trusted_peers="192.0.2.0/24")
    async with Phone(NUMBER, host=CARRIER) as carrier:
        edge = free_port()
        places = {
            "192.0.2.10:5060": f"{KAMAILIO}:{edge}",
            "198.51.100.10:5060": f"{CARRIER}:{carrier.address[1]}",
            "192.0.2.20:5060": f"{ONHOOK}:{server.sip[1]}",
            "198.51.100.10": CARRIER,
            "192.0.2.20": ONHOOK,
        }
        [config] = on_page("kamailio.md", places).values()
        async with running(tmp_path, config):
            customer = await Customer.make(server, receiver, carrier)
            await trunks.add(
                server.data, trunks.Given("edge", f"{KAMAILIO}:{edge}", like="kamailio")
            )
            await healthy(server, "edge")

            carrier.on_call = lambda call: call.answer()
            await dialled(customer)
            call = await carrier.incoming(called=NUMBER)
            assert call.invite.header("Record-Route")
            await call.hang_up()
            ended = await receiver.next(PATIENCE_S, ivr_block="dial", call_state="ended")
            assert ended["ended_by"] == "callee"

            placed = await carrier.call(customer.number, server=(KAMAILIO, edge))
            told = await receiver.next(PATIENCE_S, to=customer.number, call_state="ringing")
            assert told["trunk"] == "edge"
            await customer.block("middle/play", told["session"], msg="Hello.")
            await receiver.next(PATIENCE_S, ivr_block="play", session=told["session"])
            await customer.block("end/hangup", told["session"])
            assert (await placed.ended()).how is How.BYE_RECEIVED
