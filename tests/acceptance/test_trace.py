"""The trace of a call: what passed between phone, Onhook and application, drawn and as data."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acceptance.files import BEEP, FileServer, wav
from acceptance.harness import Callee, Customer, Onhook
from acceptance.test_operator_commands import command, run
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import tone

PATIENCE_S = 60.0
SECONDS = "0.1 s"


async def traced(server: Onhook, session: str, *awaited: str) -> list[dict[str, Any]]:
    """The steps of a call, once these are among them: they are written a second later, and what an attempt
    came to is known later than what its receiver does then."""
    steps: list[dict[str, Any]] = []
    until_s = time.monotonic() + PATIENCE_S
    while missing := [one for one in awaited if not any(one in step["text"] for step in steps)]:
        assert time.monotonic() < until_s, f"{missing} are no steps of {steps}"
        ended = await asyncio.to_thread(run, server, "calls", "trace", session, "--json")
        steps = json.loads(ended.stdout)["steps"] if ended.exit_code == 0 else []
    return steps


async def passed_on(customer: Customer, callee: Callee) -> tuple[str, list[dict[str, Any]]]:
    """A call that went on to a second phone, which hung up: its session and its whole trace."""
    first, told = await customer.call()
    number = callee.another()
    await customer.block("end/transfer", told["session"], dest=number)
    peer = await callee.phone.incoming(called=number)
    await peer.answer()
    await first.answered()
    await peer.hang_up()
    await first.ended()
    session = told["session"]
    return session, await traced(customer.server, session, "(BYE)")


async def test_a_call_is_drawn_from_its_invite_to_its_bye(
    customer: Customer, files: FileServer, tmp_path: Path
) -> None:
    server = customer.server
    call, told = await customer.call()
    session = told["session"]
    await customer.post("ivr/middle/play", session=session, msg="<speech")
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await customer.receiver.next(session=session, ivr_block="play")
    await call.send_digits("7")
    await call.hang_up()
    await customer.receiver.next(session=session, call_state="ended")
    steps = await traced(server, session, "(BYE)", "play ongoing: 200")
    said = [(step["of"], step["to"], step["text"]) for step in steps]
    for one in (
        ("caller", "Onhook", "INVITE"),
        ("Onhook", "caller", "180 Ringing"),
        ("Onhook", "application", "answer ringing: 200"),
        ("application", "Onhook", "play: error_msg_invalid_xml"),
        ("application", "Onhook", "play"),
        ("Onhook", "caller", "200 OK"),
        ("caller", "Onhook", "ACK"),
        ("Onhook", "application", "play ongoing: 200"),
        ("caller", "Onhook", "BYE"),
        ("Onhook", "caller", "200 OK (BYE)"),
        ("Onhook", "", f"plays a file, {SECONDS}"),
        ("Onhook", "", f"heard to its end ({SECONDS})"),
        ("Onhook", "application", 'play: {"status":"success_ok"}'),
        ("Onhook", "", "key •"),
    ):
        assert one in said, said
    assert [step["at_us"] for step in steps] == sorted(step["at_us"] for step in steps)
    assert "INVITE sip:" in next(step["message"] for step in steps if step["text"] == "INVITE")
    why = json.loads(await command(server, "calls", "why", session, "--json"))
    messages = [one["text"] for one in why["evidence"] if one["source"] == "sip"]
    assert messages[-2:] == ["caller > Onhook: BYE", "Onhook > caller: 200 OK (BYE)"]
    drawn = await command(server, "calls", "trace", session)
    assert drawn.split()[:3] == ["caller", "Onhook", "application"]
    assert "- INVITE -" in drawn
    assert max(map(len, drawn.splitlines())) <= 120
    whole = await command(server, "calls", "trace", told["txn_ref"], "--messages")
    assert "CSeq: " in whole
    capture = tmp_path / "call.pcap"
    assert "messages" in await command(server, "calls", "trace", session, "--pcap", str(capture))
    assert capture.read_bytes()[:4] == bytes.fromhex("d4c3b2a1")
    assert b"INVITE sip:" in capture.read_bytes()
    again = await asyncio.to_thread(run, server, "calls", "trace", session, "--pcap", str(capture))
    assert "cannot be written" in again.stderr


@pytest.mark.slow
async def test_what_the_audio_was_like_is_kept_every_five_seconds_also_by_the_next_process(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """Of a call of twice seven seconds, with a process that is killed in between."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    msg = f"<url>{files.serve('long.wav', wav(tone(600, 7_000)))}</url>"
    killed = 0.0
    for turn in range(2):
        await customer.block("middle/play", session, msg=msg)
        await receiver.next(session=session, ivr_block="play")
        if not turn:
            await server.kill_role("switch")
            killed = time.time()
    await call.hang_up()
    await receiver.next(session=session, call_state="ended")
    await traced(server, session, "(BYE)")
    found = json.loads(await command(server, "calls", "trace", session, "--json"))["media"]
    later = [one for one in found if one["at_us"] > killed * 1_000_000]
    assert later
    assert {one["leg"] for one in found} == {"phone"}
    assert all(one["received_packets"] and one["sent_packets"] for one in found)
    assert all(one["received_mos"] > 1 for one in found)
    shown = await command(server, "calls", "trace", session, "--media")
    assert "jitter ms" in shown


async def test_both_phones_of_a_transfer_have_a_lane(customer: Customer, callee: Callee) -> None:
    _, steps = await passed_on(customer, callee)
    assert {step["of"] for step in steps} == {"caller", "other", "Onhook", "application"}


async def test_a_trace_can_be_switched_off(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(trace_days="0")
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await call.cancel()
    await receiver.next(session=told["session"], call_state="ended")
    ended = await asyncio.to_thread(run, server, "calls", "trace", told["session"])
    assert ended.exit_code == 1
    assert "There is no trace of this call" in ended.stderr
    assert not (server.data / "traces.db").exists()
    missing = await asyncio.to_thread(run, server, "calls", "trace", "Snobody")
    assert "There is no call" in missing.stderr


async def test_a_call_that_goes_on_in_another_process_is_one_trace(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """What the switch before wrote, and what the next one sees of it."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await receiver.next(session=session, ivr_block="play")
    await traced(server, session, "ACK")
    await server.kill_role("switch")
    await call.hang_up()
    await receiver.next(session=session, call_state="ended")
    said = [(step["of"], step["text"]) for step in await traced(server, session, "(BYE)")]
    for one in (
        ("caller", "INVITE"),
        ("caller", "ACK"),
        ("caller", "BYE"),
        ("Onhook", "200 OK (BYE)"),
    ):
        assert one in said
