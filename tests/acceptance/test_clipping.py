"""A message is heard from its first sample to its last, whatever its length; then comes the BYE."""

import asyncio

import pytest

from acceptance.asking import OK, undisturbed
from acceptance.files import FileServer, wav
from acceptance.harness import Customer, marked
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone

SETTLE_S = 0.1
"""The default of ``settle_ms``."""

EDGE_MS = 5
"""How exactly the edge of a tone can be found."""

LENGTHS_S = (0.2, 0.3125, 0.5, 0.773, 1.0, 1.507, 2.0, 3.0001)
"""Whole frames of 20 ms, and anything but."""


async def heard(customer: Customer, msg: str, **options: object) -> PhoneCall:
    """A call that was hung up with this message, after its end."""
    call, told = await customer.call(**options)
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    return call


def assert_whole(call: PhoneCall, *, seconds: float) -> None:
    """Both tones are there, at their places, with their full length, and nothing was lost."""
    recording = call.recording.before(call.time_of("bye_received"))
    first, last = (find_tone(recording.pcm(), hz) for hz in (1000, 1400))
    assert first == pytest.approx((0, 100), abs=EDGE_MS)
    assert last == pytest.approx((seconds * 1000 - 100, seconds * 1000), abs=EDGE_MS)
    assert recording.lost == 0
    assert call.recording.since(call.time_of("bye_received")).audio == []
    assert call.last_packet_to_bye_s >= SETTLE_S - EDGE_MS / 1000
    assert call.complaints == []


async def test_nothing_is_clipped_at_any_length(customer: Customer, files: FileServer) -> None:
    """Side by side, each with a number of its own; both codecs in turn."""
    owners = [
        await Customer.make(customer.server, customer.receiver, customer.phone) for _ in LENGTHS_S
    ]
    urls = [files.serve(f"{seconds}.wav", wav(marked(seconds))) for seconds in LENGTHS_S]
    codecs = ["PCMU", "PCMA"] * len(LENGTHS_S)

    async def all_heard() -> list[PhoneCall]:
        return await asyncio.gather(
            *(
                heard(owner, f"<url>{url}</url>", codecs=[codec])
                for owner, url, codec in zip(owners, urls, codecs, strict=False)
            )
        )

    calls = await undisturbed(customer.server, all_heard)
    for call, seconds in zip(calls, LENGTHS_S, strict=True):
        assert_whole(call, seconds=seconds)


async def test_nothing_is_clipped_between_the_parts_of_a_message(
    customer: Customer, files: FileServer
) -> None:
    """Three recordings are heard one after the other; each begins with a frame of its own."""
    url = files.serve("part.wav", wav(marked(0.4)))
    call = await undisturbed(customer.server, lambda: heard(customer, f"<url>{url}</url>" * 3))
    assert len(call.recording.pcm()) / 8000 == pytest.approx(1.2)
    assert_whole_parts(call, parts=3, seconds=0.4)


def assert_whole_parts(call: PhoneCall, *, parts: int, seconds: float) -> None:
    """Every part has its tones, in order, and the BYE keeps its distance."""
    pcm = call.recording.pcm()
    size = round(seconds * 8000)
    for part in range(parts):
        piece = pcm[part * size : (part + 1) * size]
        assert find_tone(piece, 1000) == pytest.approx((0, 100), abs=EDGE_MS)
        assert find_tone(piece, 1400) == pytest.approx((300, 400), abs=EDGE_MS)
    assert call.last_packet_to_bye_s >= SETTLE_S - EDGE_MS / 1000


async def test_a_late_ack_clips_nothing(customer: Customer, files: FileServer) -> None:
    """What the caller cannot hear yet is not played yet."""
    url = files.serve("late.wav", wav(marked(0.5)))
    call = await undisturbed(
        customer.server, lambda: heard(customer, f"<url>{url}</url>", ack_delay_s=0.3)
    )
    assert_whole(call, seconds=0.5)
