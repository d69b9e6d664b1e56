"""What a call says of its audio: against a phone that counts for itself what a bad network does to it."""

import asyncio
import json
from typing import Any

import pytest

from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import assert_joined
from acceptance.test_operator_commands import command
from onhook.testing.network import Network
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification
from onhook.testing.reports import Reports

PATIENCE_S = 60.0
LOSSY = Network(loses_sent=10, loses_received=20, jitter_s=(0.0, 0.010))
LATE = Network(delay_s=0.120)


async def shown(server: Onhook, txn_ref: str) -> dict[str, Any]:
    return dict(json.loads(await command(server, "calls", "show", txn_ref, "--json")))


async def until(reports: Reports, round_trips: int) -> None:
    """The phone has told so often what arrived, in answer to a report of the server, and it was read."""
    async with asyncio.timeout(PATIENCE_S):
        while len(reports.told) < round_trips:
            await asyncio.sleep(0.05)
        told = reports.last_sent
        while reports.last_sent is told:
            await asyncio.sleep(0.05)
        read = len(reports.told) + 1  # the server reads once a second, and tells less often
        while len(reports.told) < read:
            await asyncio.sleep(0.05)


async def heard_out(
    customer: Customer, files: FileServer, network: Network, **params: str
) -> tuple[PhoneCall, Reports, Notification]:
    """A call with a long message through this network, hung up by force once reports were exchanged. The
    phone is quiet by then, so that nothing of it is on its way."""
    call, told = await customer.call(network=network)
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.block("middle/play", told["session"], msg=msg)
    await call.answered()
    reports = call.audio.reports
    assert reports is not None
    await until(reports, 1)
    call.audio.talk = False
    await until(reports, len(reports.told) + 1)
    await customer.block("end/hangup", told["session"], force="enabled", **params)
    ended = await customer.receiver.next(ivr_block="hangup")
    await call.ended()
    return call, reports, ended


async def test_figures_of_a_lossy_call(
    server: Onhook, customer: Customer, files: FileServer
) -> None:
    _, reports, ended = await heard_out(customer, files, LOSSY, media="enabled")
    said = {name: float(ended[f"media_{name}"]) for name in (
        "received_packets", "received_lost", "received_loss", "received_jitter_ms", "received_mos",
        "sent_packets", "sent_lost", "sent_loss", "sent_jitter_ms", "sent_mos",
    )}  # fmt: skip
    arrived = reports.sent - reports.sent_lost
    assert arrived - 3 <= said["received_packets"] <= arrived
    # What was lost with nothing behind it is not seen.
    assert reports.sent_lost - 1 <= said["received_lost"] <= reports.sent_lost
    assert said["received_loss"] == pytest.approx(10, abs=1)
    # Each packet is 10 ms earlier or later than the one before: that is what the estimate tends to, but for
    # what a busy machine adds, which the phone has measured as well.
    assert reports.left.jitter / 8 > 7.5
    assert said["received_jitter_ms"] == pytest.approx(reports.left.jitter / 8, abs=2.5)
    assert reports.last_sent is not None
    assert said["sent_lost"] <= reports.last_sent.lost
    assert said["sent_loss"] == pytest.approx(5, abs=1)
    assert said["sent_packets"] > reports.heard.received
    assert 1 < said["received_mos"] < said["sent_mos"] < 4.2

    record = (await shown(server, ended["txn_ref"]))["media"]
    assert record["received"]["packets"] == said["received_packets"]
    assert record["received"]["lost"] == said["received_lost"]
    assert record["sent"]["loss_percent"] == said["sent_loss"]
    assert record["sent"]["mos"] == said["sent_mos"]


@pytest.mark.slow
async def test_the_round_trip_of_a_late_phone(
    server: Onhook, customer: Customer, files: FileServer
) -> None:
    _, reports, ended = await heard_out(customer, files, LATE, media="enabled")
    said_ms = float(ended["media_round_trip_ms"])
    made_ms = [1000 * made_s for made_s in reports.round_trips_s]  # longer on a busy machine
    assert min(made_ms) >= 239
    assert any(-1 <= said_ms - made < 60 for made in made_ms), (said_ms, made_ms)
    assert float(ended["media_received_lost"]) == 0
    assert float(ended["media_received_mos"]) > 4.2


@pytest.mark.slow
async def test_nothing_is_told_that_was_not_asked_for(
    server: Onhook, customer: Customer, files: FileServer
) -> None:
    _, _, ended = await heard_out(customer, files, Network())
    assert not [name for name in ended.fields if name.startswith("media_")]
    record = (await shown(server, ended["txn_ref"]))["media"]
    assert record["received"]["packets"] > 0
    assert record["sent"]["lost"] == 0
    assert 4.3 < record["received"]["mos"] <= 4.42


@pytest.mark.parametrize("hangs_up", ["caller", "callee"])
async def test_both_phones_of_a_transfer(
    server: Onhook, customer: Customer, callee: Callee, hangs_up: str
) -> None:
    number = callee.another()
    call, told = await customer.call()
    await customer.block("end/transfer", told["session"], dest=number, media="enabled")
    await call.answered()
    peer = await callee.phone.incoming(called=number)
    await peer.answer()
    await assert_joined(call, peer)
    await (call if hangs_up == "caller" else peer).hang_up()
    ended = await customer.receiver.next(session=told["session"], ivr_block="transfer")
    assert ended["ended_by"] == hangs_up
    record = await shown(server, told["session"])
    assert ended["media_received_packets"] == str(record["media"]["received"]["packets"])
    for leg in ("media", "peer_media"):
        assert record[leg]["received"]["packets"] > 0
        assert record[leg]["received"]["lost"] == 0
        assert record[leg]["sent"]["packets"] > 0
        assert record[leg]["sent"]["lost"] is None
        assert record[leg]["round_trip_ms"] is None
