"""Calls in which one side hears nothing: the log says so while they go on, once, and why."""

import asyncio
import json
import socket
from typing import Any

import pytest

from acceptance.files import LONG, FileServer
from acceptance.harness import Customer
from onhook.testing.network import Network
from onhook.testing.phone_call import PhoneCall

PATIENCE_S = 60.0
STRANGER = "127.0.0.66"


async def listening(customer: Customer, files: FileServer, **options: Any) -> tuple[PhoneCall, str]:
    """A call to which a long message plays."""
    call, told = await customer.call(**options)
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.block("middle/play", told["session"], msg=msg)
    await call.answered()
    return call, told["session"]


def found(customer: Customer, session: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in customer.server.log.splitlines() if "one_way" in line]
    return [line for line in lines if line["session"] == session]


async def noticed(customer: Customer, session: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while not (lines := found(customer, session)):
            await asyncio.sleep(0.1)
    return lines[0]


async def test_a_phone_that_is_silent_behind_a_firewall(
    customer: Customer, files: FileServer
) -> None:
    call, session = await listening(customer, files, talk=False)
    line = await noticed(customer, session)
    assert (line["event"], line["cause"], line["leg"]) == ("one_way_audio", "firewall", "phone")
    assert (line["received"], line["foreign"]) == (0, 0)
    assert "--rtp-ports" in line["hint"]
    assert customer.number not in json.dumps(line)
    await call.hang_up()
    await customer.receiver.next(ivr_block="play", call_state="ended")
    assert len(found(customer, session)) == 1


async def test_audio_from_an_address_that_nobody_named(
    customer: Customer, files: FileServer
) -> None:
    call, session = await listening(customer, files, talk=False)
    route = call.audio.route
    assert route is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((STRANGER, 0))
        for number in range(5):
            packet = b"\x80\x00" + number.to_bytes(2, "big") + bytes(8) + b"\xff" * 160
            server.sendto(packet, route.address)
        line = await noticed(customer, session)
    assert (line["cause"], line["unexpected"]) == ("unexpected_address", STRANGER)
    assert "--rtp-latching" in line["hint"]


@pytest.mark.parametrize(
    ("payload_type", "cause"), [(18, "payload_type"), (13, "comfort_noise_only")]
)
async def test_something_that_is_no_sound(
    customer: Customer, files: FileServer, payload_type: int, cause: str
) -> None:
    call, session = await listening(customer, files, talk=False)
    for _ in range(5):
        call.audio.send_odd(payload_type, bytes(20))
    assert (await noticed(customer, session))["cause"] == cause


async def test_a_phone_that_says_it_receives_nothing(customer: Customer, files: FileServer) -> None:
    _, session = await listening(customer, files, network=Network(loses_received=1))
    line = await noticed(customer, session)
    assert line["cause"] == "phone_hears_nothing"
    assert line["received"] > 0


async def test_a_call_that_is_over_soon(customer: Customer, files: FileServer) -> None:
    call, session = await listening(customer, files, talk=False)
    async with asyncio.timeout(PATIENCE_S):
        while len(call.recording.packets) < 130:
            await asyncio.sleep(0.02)
    await call.hang_up()
    assert (await noticed(customer, session))["cause"] == "firewall"


async def test_a_call_in_which_both_are_heard(customer: Customer, files: FileServer) -> None:
    call, session = await listening(customer, files, network=Network())
    async with asyncio.timeout(PATIENCE_S):
        while len(call.recording.packets) < 300:
            await asyncio.sleep(0.02)
    await call.hang_up()
    await customer.receiver.next(ivr_block="play", call_state="ended")
    assert not found(customer, session)
