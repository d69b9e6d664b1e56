"""Strangers who send to the ports of calls: they get no audio, and their keys do not count."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from acceptance.asking import heard
from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook, lay_trunk
from onhook.testing.call_leg import CallLeg
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver

STRANGER = "127.0.0.66"
KEY_OF_STRANGER = 6


class Stranger:
    """Knows the port of a call, and nothing else."""

    def __init__(self, host: str = STRANGER) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)

    def press(self, call: CallLeg) -> None:
        """Three keys, as telephone-events."""
        route = call.audio.route
        assert route is not None
        for number in range(3):
            head = struct.pack("!BBHII", 0x80, route.events_type, number, number * 4000, 7)
            packet = head + struct.pack("!BBH", KEY_OF_STRANGER, 0x8A, 800)
            self._socket.sendto(packet, route.address)

    def hears_something(self) -> bool:
        try:
            return bool(self._socket.recv(2048))
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    one = Stranger()
    yield one
    one.close()


async def gathering(
    customer: Customer, files: FileServer, **options: object
) -> tuple[PhoneCall, str]:
    """A call that waits for three keys, while a long message plays."""
    call, told = await customer.call(**options)
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.block("middle/gather", told["session"], msg=msg, max_digits="3")
    await call.answered()
    return call, told["session"]


async def test_a_stranger_who_is_first_gets_no_audio_and_its_keys_are_not_gathered(
    customer: Customer, files: FileServer, stranger: Stranger
) -> None:
    call, session = await gathering(customer, files, talk=False)
    stranger.press(call)
    await heard(call, 10)
    await call.send_digits("123")
    told = await customer.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "123"
    assert not stranger.hears_something()


async def test_a_callee_is_no_stranger_either(
    customer: Customer, callee: Callee, files: FileServer, stranger: Stranger
) -> None:
    """Of a call that is placed, audio is believed from where its trunk is, and its SDP says."""
    number = callee.another()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    url = customer.receiver.url("/dial")
    reply = await customer.post("ivr/start/dial", dest=number, msg=msg, notify_url=url)
    call = await callee.phone.incoming(called=number)
    await call.answer(talk=False)
    stranger.press(call)
    await heard(call, 10)
    assert not stranger.hears_something()
    await customer.hangup(reply["session"], force="enabled")


async def test_a_phone_behind_a_nat_is_heard_and_followed_when_its_nat_changes_its_mind(
    customer: Customer, files: FileServer
) -> None:
    """It sends from another port than its SDP says, and then from yet another one, without a word."""
    call, session = await gathering(customer, files, rtp_from_other_port=True)
    await heard(call, 10)
    call.audio.move()  # its SSRC and its sequence go on
    here = call.audio.address[1]
    async with asyncio.timeout(60):
        while not any(one.local_port == here for one in call.recording.packets):
            await asyncio.sleep(0.01)
    await call.send_digits("123")
    told = await customer.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "123"


async def test_a_phone_behind_a_nat_and_a_proxy_is_heard(
    customer: Customer, files: FileServer
) -> None:
    """The proxy notes in the phone's Via where it was heard from (RFC 3261, 18.2.1)."""
    via = "SIP/2.0/UDP 10.0.0.7:5060;received=127.0.0.7;branch=z9hG4bKphone"
    call, session = await gathering(customer, files, talk=False, headers=[("Via", via)])
    phone = Stranger("127.0.0.7")
    phone.press(call)
    told = await customer.receiver.next(session=session, ivr_block="gather")
    phone.close()
    assert told["digits"] == "666"


async def test_whoever_is_first_is_believed_where_that_is_wanted(
    start: Callable[..., Onhook],
    receiver: Receiver,
    phone: Phone,
    files: FileServer,
    stranger: Stranger,
) -> None:
    customer = await Customer.make(start(rtp_latching="any"), receiver, phone)
    call, session = await gathering(customer, files, talk=False)
    stranger.press(call)
    told = await customer.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "666"


async def test_a_trunk_whose_audio_comes_from_elsewhere(
    server: Onhook, customer: Customer, files: FileServer, stranger: Stranger
) -> None:
    line = await asyncio.to_thread(lay_trunk, server, prefix="+6595", rtp_latching="any")
    async with Phone(port=line.port) as phone:
        callee = Callee(phone, line)
        number = callee.another()
        msg = f"<url>{files.serve('long.wav', LONG)}</url>"
        url = customer.receiver.url("/dial")
        await customer.post("ivr/start/dial", dest=number, msg=msg, notify_url=url)
        call = await phone.incoming(called=number)
        await call.answer(talk=False)
        stranger.press(call)
        async with asyncio.timeout(60):
            while not stranger.hears_something():
                await asyncio.sleep(0.01)
