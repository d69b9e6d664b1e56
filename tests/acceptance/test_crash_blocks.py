"""A process that is killed leaves nobody on the line, whatever block was in progress, and tells of it."""

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile

from acceptance.asking import OK, heard, rows
from acceptance.crashing import Phoenix, acknowledged, kill, terminal_ids, the_end
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.talking import PATIENCE_S, records, says_in_time, spools, typed, until
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.tones import find_tones, silence, tone

SAID_HZ, SAID_MS = 700, 500
"""What a caller says."""


@dataclass
class Stage:
    """A server that is going to be killed, its customer, and a phone behind its trunk."""

    customer: Customer
    callee: Callee
    phoenix: Phoenix

    async def crash(self) -> None:
        """The process dies; the next one has started when this returns."""
        await kill(self.customer.server)
        await self.restart()

    async def restart(self) -> None:
        """The next process, after a :func:`kill`."""
        self.customer.server = await asyncio.to_thread(self.phoenix.again)

    async def told(self, session: str) -> Notification:
        """The terminal notification, of which there is one, and which says that it was a crash."""
        last = await the_end(self.customer.receiver, session)
        assert (last["ended_by"], last["cause"]) == ("system", "crash")
        assert terminal_ids(self.customer.receiver) == {last.headers["webhook-id"]}
        return last

    async def dialled(self, **params: str) -> tuple[IncomingPhoneCall, str]:
        """A call that the application placed, which rings; and its session."""
        number = self.callee.another()
        url = self.customer.receiver.url("/dial")
        asked = {"dest": number, "notify_url": url, **params}
        reply = await self.customer.post("ivr/start/dial", **asked)
        call = await self.callee.phone.incoming(called=number)
        call.ring()
        return call, reply["session"]

    async def transferred(self) -> tuple[PhoneCall, IncomingPhoneCall, str]:
        """A caller who is passed on to a phone that rings; and the session."""
        number = self.callee.another()
        call, told = await self.customer.call()
        await self.customer.block("end/transfer", told["session"], dest=number)
        await call.answered()
        await acknowledged(self.customer.server, told["session"])
        peer = await self.callee.phone.incoming(called=number)
        peer.ring()
        return call, peer, told["session"]


@pytest.fixture(scope="module")
def phoenix() -> Iterator[Phoenix]:
    one = Phoenix()
    yield one
    one.server.close()


@pytest.fixture(scope="module")
def line(phoenix: Phoenix) -> TrunkLine:
    """The trunk of the server that these tests kill."""
    return lay_trunk(phoenix.risen())


@pytest.fixture
async def stage(
    phoenix: Phoenix, line: TrunkLine, receiver: Receiver, phone: Phone
) -> AsyncIterator[Stage]:
    customer = await Customer.make(phoenix.risen(), receiver, phone)
    async with Phone(port=line.port) as one:
        yield Stage(customer, Callee(one, line), phoenix)


async def written(server: Onhook, session: str, condition: str) -> None:
    """Returns once the record of a call is as the SQL condition says."""
    query = f"SELECT count(*) FROM calls WHERE session = ? AND {condition}"
    async with asyncio.timeout(PATIENCE_S):
        while rows(server, query, session) != [(1,)]:
            await asyncio.sleep(0.01)


async def fetched(url: str) -> Pcm:
    """The samples of a recording."""
    async with aiohttp.ClientSession() as client, client.get(url) as reply:
        assert reply.status == 200
        body = await reply.read()
    samples, _ = soundfile.read(io.BytesIO(body), dtype="int16")
    return np.asarray(samples)


async def test_a_phone_that_rings_is_told_to_stop(stage: Stage) -> None:
    call, session = await stage.dialled(tag="t")
    await stage.crash()
    assert (await call.cancelled()).how is How.CANCEL_RECEIVED
    last = await stage.told(session)
    assert (last["ivr_block"], last["tag"], last["dest"]) == ("dial", "t", call.called)
    assert (last["dial_status"], last["duration"], last["debit"]) == ("failed", "0", "0.000")
    assert call.complaints == []


@pytest.mark.slow
async def test_who_answered_meanwhile_is_hung_up(stage: Stage) -> None:
    """The 200 finds no server; the next one acknowledges it, and hangs up. Nobody is charged."""
    call, session = await stage.dialled()
    await kill(stage.customer.server)
    answer = asyncio.ensure_future(call.answer(timeout_s=30))
    await until(lambda: call.log.sent(200), "the 200")
    await stage.restart()
    await answer
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(session)
    assert (last["dial_status"], last["debit"]) == ("failed", "0.000")
    assert call.complaints == []


@pytest.mark.slow
async def test_who_was_called_and_answered_is_hung_up(stage: Stage) -> None:
    call, session = await stage.dialled()
    await call.answer()
    await stage.customer.receiver.next(dial_status="answered", call_state="ongoing")
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(session)
    assert (last["ivr_block"], last["dial_status"]) == ("dial", "answered")
    assert (last["duration"], last["debit"]) == ("1", "0.020")


@pytest.mark.slow
async def test_a_caller_who_was_typing_is_hung_up(stage: Stage) -> None:
    """Digits are not written one by one: an empty result is told."""
    call, told = await stage.customer.call()
    await stage.customer.block("middle/gather", told["session"], max_digits="8", tag="pin")
    await call.answered()
    await call.send_digits("12")
    await acknowledged(stage.customer.server, told["session"])
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(told["session"])
    assert (last["ivr_block"], last["tag"], last["digits"]) == ("gather", "pin", "")
    assert last["debit"] == "0.020"


@pytest.mark.slow
async def test_a_caller_who_was_typed_to_is_hung_up(stage: Stage) -> None:
    """Not all keys were sent, and nobody is told that they were."""
    customer = stage.customer
    call, told = await customer.call()
    block = {"digits": "12,,,,,,,,,,3", "tag": "menu"}
    await customer.block("middle/send_digits", told["session"], **block)
    await call.answered()
    await typed(call, "12")
    await acknowledged(customer.server, told["session"])
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(told["session"])
    assert (last["ivr_block"], last["tag"], last["debit"]) == ("send_digits", "menu", "0.020")
    assert customer.receiver.waiting() == []


async def says(server: Onhook, call: PhoneCall, before: set[Path]) -> None:
    """Half a second is said without a break, and on disk in a recording that is going on, which is none of
    those of before."""
    while not await says_in_time(call, np.concatenate([silence(300), tone(SAID_HZ, SAID_MS)])):
        continue
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for spool in spools(server) - before:
                if longest_ms(np.fromfile(spool, np.int16)) > SAID_MS - 20:
                    return
            await asyncio.sleep(0.1)


def longest_ms(pcm: Pcm) -> float:
    """How long the longest stretch is of what was said."""
    return max((end - start for start, end in find_tones(pcm, SAID_HZ)), default=0.0)


async def test_what_was_recorded_can_be_heard(stage: Stage) -> None:
    kept = stage.customer.server.data / "recordings"
    before, running = set(kept.iterdir()), spools(stage.customer.server)
    call, told = await stage.customer.call()
    await stage.customer.block("middle/record", told["session"], tag="mail")
    await call.answered()
    await heard(call, 10)
    await records(stage.customer.server, running)
    await says(stage.customer.server, call, running)
    await acknowledged(stage.customer.server, told["session"])
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(told["session"])
    assert (last["ivr_block"], last["tag"], last["debit"]) == ("record", "mail", "0.020")
    assert longest_ms(await fetched(last["record_url"])) == pytest.approx(SAID_MS, abs=100)
    assert [path.suffix for path in set(kept.iterdir()) - before] == [".mp3"]


async def test_a_monitored_call_is_told_of_twice(stage: Stage) -> None:
    """Whoever is told of the call gets the bill; whoever is told of recordings, bill and link."""
    customer, receiver = stage.customer, stage.customer.receiver
    running = spools(customer.server)
    call, told = await customer.call()
    monitor = receiver.url("/recordings")
    await customer.block("middle/monitor", told["session"], monitor_notify_url=monitor, tag="m")
    await receiver.next(ivr_block="monitor")
    await customer.block("middle/gather", told["session"], tag="g")
    await call.answered()
    await says(customer.server, call, running)
    await acknowledged(customer.server, told["session"])
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await receiver.next(ivr_block="gather", call_state="ended")
    linked = await receiver.next(ivr_block="monitor", call_state="ended")
    assert (linked.path, linked["tag"], last["tag"]) == ("/recordings", "m", "g")
    assert last["digits"] == ""
    assert "monitor_url" not in last.form
    for one in (last, linked):
        assert (one["cause"], one["debit"]) == ("crash", "0.020")
    assert longest_ms(await fetched(linked["monitor_url"])) == pytest.approx(SAID_MS, abs=100)
    assert len(terminal_ids(receiver)) == 2


@pytest.mark.slow
async def test_a_call_on_hold_is_hung_up(stage: Stage) -> None:
    """The block before is told, as a Hold has no notify_url."""
    customer = stage.customer
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="1", tag="before")
    await call.answered()
    await call.send_digits("7")
    await customer.receiver.next(ivr_block="gather")
    assert await customer.post("ivr/middle/hold", session=told["session"]) == OK
    await written(customer.server, told["session"], "state = 'held'")
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.told(told["session"])
    assert (last["ivr_block"], last["tag"], last["digits"]) == ("gather", "before", "7")


@pytest.mark.slow
async def test_a_caller_and_the_phone_that_rings_for_it_are_released(stage: Stage) -> None:
    call, peer, session = await stage.transferred()
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await peer.cancelled()).how is How.CANCEL_RECEIVED
    last = await stage.told(session)
    assert (last["ivr_block"], last["transfer_status"]) == ("transfer", "unanswered")
    assert (last["rate"], last["debit"]) == ("0.020", "0.020")
    assert call.complaints == peer.complaints == []


async def test_two_calls_that_are_joined_are_both_hung_up(stage: Stage) -> None:
    call, peer, session = await stage.transferred()
    await peer.answer()
    await written(stage.customer.server, session, "rate = '0.040'")
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await peer.ended()).how is How.BYE_RECEIVED
    last = await stage.told(session)
    assert last["transfer_status"] == "answered"
    assert (last["rate"], last["debit"]) == ("0.040", "0.040")
    assert call.complaints == peer.complaints == []


@pytest.mark.slow
async def test_two_numbers_that_were_called_are_both_hung_up(stage: Stage) -> None:
    customer, callee = stage.customer, stage.callee
    first, second = callee.another(), callee.another()
    url = customer.receiver.url("/call")
    reply = await customer.post("voice/call", dest1=first, dest2=second, notify_url=url)
    one = await callee.phone.incoming(called=first)
    await one.answer()
    two = await callee.phone.incoming(called=second)
    two.ring()
    await stage.crash()
    assert (await one.ended()).how is How.BYE_RECEIVED
    assert (await two.cancelled()).how is How.CANCEL_RECEIVED
    last = await customer.receiver.next(txn_ref=reply["txn_ref"])
    assert (last["call_state"], last["cause"]) == ("ended", "crash")
    assert (last["call_status_dest1"], last["call_status_dest2"]) == ("answered", "unanswered")
    assert (last["dest1"], last["dest2"], last["debit"]) == (first, second, "0.020")


@pytest.mark.slow
async def test_the_members_of_a_room_are_hung_up(stage: Stage) -> None:
    """Those who called, those who were called, and those who had not answered yet."""
    customer, callee = stage.customer, stage.callee
    call, told = await customer.call()
    await customer.block("end/transfer", told["session"], dest="room:R1")
    await call.answered()
    numbers = [callee.another(), callee.another()]
    url = customer.receiver.url("/conference")
    asked = {"dest": ",".join(numbers), "room": "R1", "notify_url": url}
    reply = await customer.post("conference/call", **asked)
    member = await callee.phone.incoming(called=numbers[0])
    await member.answer()
    late = await callee.phone.incoming(called=numbers[1])
    late.ring()
    references = reply["txn_refs"]
    query = "SELECT session FROM calls WHERE txn_ref = ?"
    [(session,)] = rows(customer.server, query, references[0])
    await written(customer.server, session, "facts LIKE '%answered%'")
    await stage.crash()
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await member.ended()).how is How.BYE_RECEIVED
    assert (await late.cancelled()).how is How.CANCEL_RECEIVED
    ends = {
        one["txn_ref"]: one
        for one in [await customer.receiver.next(call_state="ended") for _ in range(3)]
    }
    assert ends[told["txn_ref"]]["transfer_status"] == "answered"
    for reference, status, debit in zip(
        references, ("answered", "failed"), ("0.020", "0.000"), strict=True
    ):
        assert (ends[reference]["dial_status"], ends[reference]["room"]) == (status, "R1")
        assert (ends[reference]["cause"], ends[reference]["debit"]) == ("crash", debit)


async def test_a_peer_whose_bye_was_lost_gets_it_again(stage: Stage) -> None:
    """The caller hung up, and the call was over; the other phone had not heard of it yet."""
    call, peer, session = await stage.transferred()
    await peer.answer(answer_bye=False)
    await call.hang_up()
    sent = await peer.received("BYE")
    last = await the_end(stage.customer.receiver, session)
    assert last["cause"] == "hangup"
    await kill(stage.customer.server)
    before = len(peer.log.received("BYE"))
    await stage.restart()
    later = (await peer.received("BYE", before + 1))[-1]
    assert later.message.cseq[0] > sent[-1].message.cseq[0]
    assert terminal_ids(stage.customer.receiver) == {last.headers["webhook-id"]}


async def test_an_orderly_end_releases_every_phone(stage: Stage) -> None:
    """Those that are joined get a BYE, one that rings a CANCEL, all before the process ends."""
    call, peer, joined = await stage.transferred()
    await peer.answer()
    ringing, placed = await stage.dialled()
    server = stage.customer.server
    await written(server, joined, "rate = '0.040'")
    before = server.log.count('"draining"')
    server.process.send_signal(signal.SIGTERM)
    await until(
        lambda: server.log.count('"draining"') > before, "a server that waits for its calls"
    )
    server.process.send_signal(signal.SIGTERM)  # does not want to wait for the calls
    assert await server.stopped() == 0
    for leg in (call, peer):
        assert (await leg.ended()).how is How.BYE_RECEIVED
    assert (await ringing.cancelled()).how is How.CANCEL_RECEIVED
    for session, status in ((joined, "transfer_status"), (placed, "dial_status")):
        last = await the_end(stage.customer.receiver, session)
        assert last["cause"] == "shutdown"
        assert last[status] == ("answered" if session == joined else "failed")
    query = "SELECT dialog FROM calls WHERE session IN (?, ?)"
    assert rows(server, query, joined, placed) == [("",), ("",)]
