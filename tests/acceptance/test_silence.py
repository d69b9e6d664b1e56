"""From the answer to the end the phone is sent something all the time: silence, where nothing plays.

An exchange ends a call from which nothing comes, and learns from what comes where to send.
"""

import time
from itertools import pairwise

from acceptance.asking import OK, undisturbed
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer
from acceptance.talking import falls_quiet, until
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.network import Network
from onhook.testing.phone_call import PhoneCall

FRAME = 160


def assert_one_line(call: CallLeg) -> None:
    """One packet each 20 ms, on one line of timestamps, and no claim that anything begins."""
    packets = call.recording.packets
    assert packets[0].marker
    for before, after in pairwise(packets):
        assert (after.seq - before.seq) % 2**16 == 1
        assert (after.timestamp - before.timestamp) % 2**32 == FRAME
        assert not after.marker
    assert call.recording.lost == call.recording.leaps == 0


async def test_from_the_answer_to_the_end(customer: Customer, files: FileServer) -> None:
    """A gather that plays nothing, a message, and a hangup with a message."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"

    async def whole_call() -> tuple[PhoneCall, float]:
        call, told = await customer.call()
        await customer.block("middle/gather", told["session"], timeout="2")
        gathered = await customer.receiver.next(ivr_block="gather")
        await customer.block("middle/play", told["session"], msg=msg)
        await customer.receiver.next(ivr_block="play")
        assert await customer.hangup(told["session"], msg=msg) == OK
        assert (await call.ended()).how is How.BYE_RECEIVED
        return call, gathered.at_s

    call, gathered_s = await undisturbed(customer.server, whole_call)
    assert_one_line(call)
    heard = call.recording.before(call.time_of("bye_received"))
    last_s = heard.last_packet_s
    assert last_s is not None
    # The server's own times are measured in packets: two seconds of a Gather, and what follows a message.
    assert len(heard.before(gathered_s).silence) >= 95
    assert len(heard.since(last_s).silence) >= 4
    assert len(call.recording.audio) == 2 * len(BEEP) // 2 // FRAME
    assert call.last_packet_to_bye_s >= 0.1 - 0.005, "the silence behind it is no message"


async def test_a_phone_that_holds_the_call_is_sent_reports_alone(customer: Customer) -> None:
    """RTCP, on the port above that of its audio: it learns from it that the call goes on."""
    call, told = await customer.call(network=Network(reports_every_s=0))
    assert call.audio.reports is not None
    reports = call.audio.reports.told
    await customer.block("middle/gather", told["session"], timeout="600")
    await call.answered()
    await call.hold()
    await falls_quiet(call)
    held_s = time.monotonic()
    await until(
        lambda: reports and not reports[-1].of_sender, "that there is nothing sent to report"
    )
    assert call.recording.since(held_s).packets == []
    await call.hang_up()
    await until(lambda: reports[-1].goodbye, "the last report")


async def test_a_phone_that_knows_comfort_noise_is_sent_that(
    customer: Customer, files: FileServer
) -> None:
    """RFC 3389; what is said begins with a marker then (RFC 3551 4.1)."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    call, told = await customer.call(codecs=("PCMU", "CN"), payload_types={"CN": 13})
    await customer.block("middle/gather", told["session"], timeout="1")
    await customer.receiver.next(ivr_block="gather")
    assert await customer.hangup(told["session"], msg=msg) == OK
    await call.ended()
    packets = call.recording.packets
    assert {packet.payload_type for packet in packets} == {0, 13}
    assert call.recording.silence == []
    noise = [packet for packet in packets if packet.payload_type == 13]
    for one, following in pairwise(packets):
        step = (following.timestamp - one.timestamp) % 2**32
        assert {one.payload_type, following.payload_type} != {13} or step >= 800, "now and then"
    assert {packet.payload for packet in noise} == {b"\x7f"}
    assert [packet.marker for packet in call.recording.audio] == [True, False, False, False, False]
    assert call.recording.lost == 0
