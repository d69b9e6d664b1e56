"""The stage on which the switch is killed in the middle of calls that are to go on, and what is looked at.

Between the kill and the next switch there is a gap, which lasts for as long as a scene wants: the
supervisor, which would start the next one, is stopped meanwhile. So what a scene does in the gap, and what
it hears there, happens while there is no switch at all.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from acceptance.asking import rows, skipped_rounds
from acceptance.files import BEEP, FileServer, wav
from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import arrived, says_in_time, until
from acceptance.test_calls_by_trunk import STRANGER, answer
from acceptance.unbroken import Books, first_difference, known, payloads, stood_still_ms
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.sip_text import Address, Headers

TRUSTED = ("127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.5")
"""Addresses from which calls need no password."""
MICROS_A_MINUTE = 20_000
"""Of each leg."""
MINUTE_MS = 60_000
THROUGH = 25
"""Packets that are heard while there is no switch: half a second."""
FRAME_MS = 20
SAID_S = 3.0
BEGUN = 30
"""Packets of what a phone says that have left before the kill."""
ATTEMPTS = 20
ON_ITS_WAY_S = 2.0
ROUNDING_S = 0.002
_TROUBLE = re.compile(r'^.*"(?:exception|call_broken|media_listener_failed)".*$', re.MULTILINE)


async def nothing() -> None:
    """Where nothing has to happen."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The rounds that the media planes of a server have left out, being late."""

    rounds: int
    planes: frozenset[int]
    """Whose they are."""
    ended: int
    """How many planes have ended by themselves before."""

    @classmethod
    async def by_now(cls, server: Onhook) -> Self:
        """All until now. The planes are looked at afterwards: one that is counted and gone is seen to be."""
        rounds = await skipped_rounds(server)
        planes = await asyncio.to_thread(server.pids, "plane", "old-plane")
        return cls(rounds, frozenset(planes), server.log.count('"old_media_plane_ends"'))

    def since(self, before: Self) -> int:
        """At most so many of them since that moment: a plane that is gone takes its own with it."""
        all_there = self.planes >= before.planes and self.ended == before.ended
        return self.rounds - before.rounds if all_there else self.rounds


@dataclass
class Stage:
    """A server whose switch is killed, its customer, a phone behind its trunk, and messages."""

    customer: Customer
    callee: Callee
    files: FileServer
    kills: int = 1
    """How many switches die in each gap; 0: it only stands still for as long, which loses nothing either."""
    standing_s: dict[CallLeg, tuple[float, "LeftOut"]] = field(default_factory=dict)
    log_before: int = 0

    @property
    def server(self) -> Onhook:
        """The server."""
        return self.customer.server

    @property
    def stranger(self) -> str:
        """An address from which only a password lets calls in."""
        return STRANGER

    @property
    def receiver(self) -> Receiver:
        """The customer's web server."""
        return self.customer.receiver

    # The kill ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def gap(self, last: Callable[[], Awaitable[None]] = nothing) -> AsyncIterator[None]:
        """There is no switch within this block; at its end the next one takes requests. `last` happens just
        before the kill."""
        for _ in range(self.kills - 1):
            await self.server.kill_role("switch")
        await self.server.may_die("switch")
        supervisor = self.server.process.pid
        switch = await asyncio.to_thread(self.server.pid, "switch")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            await last()
            if self.kills:
                await killed(switch)
            else:
                os.kill(switch, signal.SIGSTOP)
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)
            if not self.kills:
                os.kill(switch, signal.SIGCONT)
        if self.kills:
            await self.server.serves("switch", switch)

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """The server cannot write to its database within this block."""
        database = sqlite3.connect(self.server.data / "onhook.db", timeout=10)
        try:
            database.execute("BEGIN IMMEDIATE")
            yield
        finally:
            database.close()

    async def dies(self, *listeners: CallLeg) -> None:
        """A gap in which these phones hear half a second of whatever it is, all of it without a switch."""
        async with self.gap():
            await self.through(*listeners)

    async def says_through(self, *pairs: tuple[CallLeg, CallLeg]) -> None:
        """A gap in which what one says is heard by the other, in each pair, to the sample.

        It is tried again where the machine let a phone be late: then others are sent silence in between.
        """
        for attempt in range(ATTEMPTS):
            words = [words_of(attempt, at) for at in range(len(pairs))]
            since_s = time.monotonic()
            saying = [
                asyncio.ensure_future(says_in_time(one, said))
                for (one, _), said in zip(pairs, words, strict=True)
            ]
            await asyncio.gather(*(_has_begun(one, since_s) for one, _ in pairs))
            await self.dies(*(listener for _, listener in pairs))
            in_time = await asyncio.gather(*saying)
            heard = await asyncio.gather(
                *(
                    _all_of(said, listener, since_s)
                    for (_, listener), said in zip(pairs, words, strict=True)
                )
            )
            if all(heard):
                return
            assert not all(in_time), "not all was heard"
        raise AssertionError("the machine stands still too often for phones to speak")

    async def through(self, *listeners: CallLeg) -> None:
        """Returns once each has heard half a second more."""
        now_s = time.monotonic()
        await asyncio.gather(*(arrived(one, THROUGH, now_s) for one in listeners))

    # Calls ------------------------------------------------------------------------------------------

    def says(self, name: str, pcm: Pcm) -> str:
        """The markup of a message with these samples."""
        return f"<url>{self.files.serve(f'{name}.wav', wav(pcm))}</url>"

    @property
    def beep(self) -> str:
        """The markup of the shortest message."""
        return f"<url>{self.files.serve('beep.wav', BEEP)}</url>"

    async def answered(self, path: str, **params: str) -> tuple[PhoneCall, str]:
        """A call that is answered by a block; and its session."""
        call, told = await self.customer.call()
        await self.customer.block(path, told["session"], **params)
        await call.answered()
        await self.stands(call)
        return call, told["session"]

    async def waiting(self) -> tuple[PhoneCall, str]:
        """A call with no block in progress; and its session."""
        call, session = await self.answered("middle/play", msg=self.beep)
        await self.receiver.next(session=session, ivr_block="play")
        return call, session

    async def dialled(self, **params: str) -> tuple[IncomingPhoneCall, str]:
        """A call that the application placed, which rings; and its session."""
        number, url = self.callee.another(), self.receiver.url("/dial")
        reply = await self.customer.post("ivr/start/dial", dest=number, notify_url=url, **params)
        assert reply["status"] == "success_ok", reply
        call = await self.callee.phone.incoming(called=number)
        call.ring()
        return call, reply["session"]

    async def transferred(self) -> tuple[PhoneCall, IncomingPhoneCall, str]:
        """A caller who is passed on to a phone that rings; and the session."""
        number = self.callee.another()
        call, session = await self.answered("end/transfer", dest=number)
        peer = await self.callee.phone.incoming(called=number)
        peer.ring()
        return call, peer, session

    async def stands(self, call: CallLeg) -> None:
        """From here on it is looked at whether anybody stands still."""
        left_out = await LeftOut.by_now(self.server)
        self.standing_s[call] = time.monotonic(), left_out  # in this order: none of them is missed

    # Phones of another kind -------------------------------------------------------------------------

    def reached_over(self, phone: Phone) -> Address:
        """Where the server listens for what this phone speaks."""
        transport = getattr(phone.address, "transport", "UDP").lower()
        return self.server.sip_over(transport)

    async def proof(self, phone: Phone) -> Headers:
        """What a phone that is trusted for a password alone says to the challenge that it gets."""
        call = await phone.call(self.customer.number, server=self.server.sip)
        ended = await call.ended()
        assert ended.code == 401
        return answer(call.log.received(401)[-1].message, self.customer)

    # Verdicts ---------------------------------------------------------------------------------------

    async def heard_on(self, call: CallLeg, *, relayed: bool = False) -> None:
        """This phone has heard something all the time until now: no number is missing, and none comes twice.

        If it is not another phone that was heard, timestamps follow from the samples, and nothing was later
        than the machine made it: where that stood still, the plane leaves the time out.
        """
        since_s, before = self.standing_s[call]
        packets = call.recording.since(since_s).packets
        books = Books.of(packets)
        assert replace(books, leaps=0).whole, books
        if not relayed:
            left_out = (await LeftOut.by_now(self.server)).since(before)
            assert books.leaps <= left_out, (books, left_out)
            assert stood_still_ms(packets) <= FRAME_MS * (left_out + 1)

    def heard_whole(self, call: CallLeg, pcm: Pcm) -> None:
        """A message was heard to the sample, once."""
        law = {0: "PCMU", 8: "PCMA"}
        [route] = {
            law[one.payload_type] for one in call.recording.packets if one.payload_type in law
        }
        heard_s = first_difference(payloads(call.recording.packets), pcm, route)
        assert heard_s is None, f"something else after {heard_s:.2f} of {len(pcm) / 8000:.2f} s"

    async def good_bye(self, call: CallLeg, session: str, **known: Any) -> Notification:
        """The next request is accepted, heard, and ends the call; what it came to is exact."""
        asked_s = time.monotonic()
        await self.customer.block("end/hangup", session, msg=self.beep)
        assert (await call.ended()).how is How.BYE_RECEIVED
        last = await self.ended(session, "application", "hangup", **known)
        self.billed_between(session, asked_s - _since_s(call)[1], _end_s(call) - _since_s(call)[0])
        assert call.complaints == []
        return last

    async def ended(
        self, session: str, ended_by: str, cause: str, *, legs: int = 1, terminals: int = 1
    ) -> Notification:
        """How the call ended: told in order, its end once, and billed to the cent."""
        last = await self.receiver.next(session=session, call_state="ended")
        assert (last["ended_by"], last["cause"]) == (ended_by, cause), last.fields
        await until(lambda: self._is_over(session), "the end on disk, and all of it told")
        record = self.record(session)
        told = [one for one in self.receiver.notifications if one.fields.get("session") == session]
        ids = {int(one.headers["x-onhook-event"]): one.headers["webhook-id"] for one in told}
        assert list(ids) == list(range(1, record["sequence"] + 1)), "in order, none left out"
        assert len({one.headers["webhook-id"] for one in told}) == len(ids), "each once"
        over = {one.headers["webhook-id"] for one in told if one["call_state"] == "ended"}
        assert len(over) == terminals
        minutes = max(1, -(-record["duration_ms"] // MINUTE_MS)) if record["answered_ms"] else 0
        owed = minutes * legs * MICROS_A_MINUTE
        assert (record["minutes"], round(float(record["debit"]) * 1_000_000)) == (minutes, owed)
        [(entries,)] = rows(
            self.server,
            "SELECT coalesce(sum(amount_micros), 0) FROM ledger WHERE session = ?",
            session,
        )
        assert -entries == owed
        trouble = _TROUBLE.findall(self.server.log[self.log_before :])
        assert not trouble, trouble[0]
        return last

    def billed_between(self, session: str, least_s: float, most_s: float) -> None:
        """The bill is of all the time from the answer to the end."""
        billed_s = self.record(session)["duration_ms"] / 1000
        assert least_s - ROUNDING_S <= billed_s <= most_s + ROUNDING_S

    def record(self, session: str) -> dict[str, Any]:
        """What is on disk of a call."""
        names = (
            "state",
            "dialog",
            "sequence",
            "answered_ms",
            "duration_ms",
            "minutes",
            "debit",
            "facts",
        )
        query = f"SELECT {', '.join(names)} FROM calls WHERE session = ?"
        [found] = rows(self.server, query, session)
        record = dict(zip(names, found, strict=True))
        return {**record, "facts": json.loads(record["facts"] or "{}")}

    def column(self, session: str, name: str) -> Any:
        """One column of the record of a call."""
        [(found,)] = rows(self.server, f"SELECT {name} FROM calls WHERE session = ?", session)
        return found

    def _is_over(self, session: str) -> bool:
        query = "SELECT count(*) FROM notifications WHERE session = ? AND state = 'pending'"
        record = self.record(session)
        over = record["state"] == "ended" and not record["dialog"]
        return over and rows(self.server, query, session) == [(0,)]


def words_of(attempt: int, speaker: int) -> Pcm:
    """What somebody says, and nobody else does, nor at another time."""
    from_hz = 300.0 + 97 * attempt + 1500 * speaker
    return known(SAID_S, from_hz, from_hz + 600 + 41 * attempt)


async def _all_of(said: Pcm, listener: CallLeg, since_s: float) -> bool:
    """Whether a phone has heard all of what somebody said; the last of it may be under way."""
    last_s = time.monotonic() + ON_ITS_WAY_S
    while first_difference(payloads(listener.recording.since(since_s).packets), said) is not None:
        if time.monotonic() > last_s:
            return False
        await asyncio.sleep(0.1)
    return True


async def _has_begun(speaker: CallLeg, since_s: float) -> None:
    """Returns once a phone has said something since a moment."""

    def has() -> bool:
        return sum(one.at_s >= since_s for one in speaker.audio.sent) > BEGUN

    await until(has, "what it says")


def _since_s(call: CallLeg) -> tuple[float, float]:
    """The earliest and the latest moment at which the answer of this call can have been."""
    if isinstance(call, PhoneCall):
        return call.time_of("invite_sent"), call.time_of("answered")
    return call.time_of("answered"), call.time_of("ack_received")


def _end_s(call: CallLeg) -> float:
    """When this phone was told that it is over."""
    return call.time_of("bye_received")


async def killed(pid: int) -> None:
    """SIGKILL; the process is gone when this returns."""
    loop, ended = asyncio.get_running_loop(), os.pidfd_open(pid)
    gone = asyncio.Event()
    loop.add_reader(ended, gone.set)
    try:
        os.kill(pid, signal.SIGKILL)
        await gone.wait()
    finally:
        loop.remove_reader(ended)
        os.close(ended)
