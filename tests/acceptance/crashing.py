"""Kills a server, or one process of it, at random moments, and keeps the books of what became of the calls.

The server is a real one on one data directory and the same ports; phones and the customer's web server are
real and outlive it. What a call does is drawn by lot, so that at the moment of a kill there are calls in
every state. Afterwards the phones, the receiver's log and the database have to agree.
"""

import asyncio
import json
import random
import signal
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from acceptance.asking import rows
from acceptance.crash_cast import LONG, SHORT, WARMING, Cast
from acceptance.files import PATIENCE_S
from acceptance.harness import Callee, Customer, Onhook, free_port, lay_trunk
from acceptance.remains import Remains
from calls import stored_dialogs as dialogs
from onhook.testing.call_leg import CallLeg
from onhook.testing.phone import Phone
from onhook.testing.phone_call import CallNotAnswered
from onhook.testing.receiver import Notification, Receiver
from ports import fresh_port

MINUTE_MS = 60_000
MICROS_A_MINUTE = 20_000
"""Of each leg."""
SETTLE_S = 180
"""A patience: an INVITE that finds no server comes again for 32 s, and a call may last for ``session_s``."""
OWN_FIELDS = {
    "dial": "dial_status",
    "conference": "dial_status",
    "call": "call_status_dest2",
    "transfer": "transfer_status",
    "gather": "digits",
}
"""What the terminal notification of a block says of the block itself."""
LINKS = ("record_url", "monitor_url")
ENDS_CALLS = {
    "all": True,
    "supervisor": True,
    "switch": False,
    "plane": True,
    "deliveries": False,
    "speech": False,
}
"""What can be killed, and whether calls end by that."""


@dataclass
class Verdict:
    """What was counted over all kills; everything but the first lines should be zero."""

    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed."""
    processes: int = 0
    """So many ended by that."""
    calls: int = 0
    states: Counter[str] = field(default_factory=Counter)
    """Calls by the state that was on disk when the process was killed."""
    recovered: int = 0
    """Calls that ended by a crash."""
    recordings: int = 0
    """Links that were told of, and followed."""
    repeated: int = 0
    """Deliveries made again after a kill, under the same webhook-id: the documented case."""
    unbilled_ms: int = 0
    """The most that any recovered call was billed short of the kill: at most a heartbeat and a bit."""
    told_s: float = 0.0
    """The longest from the start of a process to a terminal notification of what the last left."""
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    left_open: int = 0
    cents_off: int = 0
    billed_beyond: int = 0
    ended_for_nothing: int = 0
    """Calls that ended by the crash of a process without which they can go on."""
    trouble: list[str] = field(default_factory=list)

    @property
    def caught(self) -> int:
        """Calls that were under way when the process was killed: they are ended by that."""
        over = ("closing", "ended")
        return sum(number for state, number in self.states.items() if state not in over)

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        bad = self.lost, self.doubled, self.out_of_order, self.left_open, self.cents_off
        return not any((*bad, self.billed_beyond, self.ended_for_nothing, self.trouble))

    def __str__(self) -> str:
        states = ", ".join(f"{number} {state}" for state, number in self.states.most_common())
        kills = ", ".join(f"{number} kills of {role}" for role, number in self.kills.items())
        return (
            f"{kills} ({self.processes} processes), {self.calls} calls ({states} when killed), "
            f"{self.recovered} ended by a crash, "
            f"{self.recordings} recordings heard, {self.repeated} deliveries repeated with their id, "
            f"{self.unbilled_ms} ms the most left unbilled, told within {self.told_s:.1f} s of the start\n"
            f"lost {self.lost}, doubled {self.doubled}, out of order {self.out_of_order}, "
            f"left open {self.left_open}, cents off {self.cents_off}, "
            f"billed beyond the crash {self.billed_beyond}, ended for nothing {self.ended_for_nothing}"
            + "".join(f"\n  {line}" for line in self.trouble[:20])
        )


@dataclass(slots=True)
class _Kill:
    """A crash: the wall clock before and after it, in milliseconds."""

    before_ms: float
    after_ms: float
    ends_calls: bool


async def kill(server: Onhook) -> None:
    """SIGKILL; the process is gone when this returns."""
    server.process.kill()
    await server.stopped()


class Phoenix:
    """A server that one test after the other kills, and that rises again where it was.

    Its settings, data directory and ports stay, so that a test costs one start and not two.
    """

    def __init__(self, **settings: str) -> None:
        self.server = Onhook(
            {
                "http": f"127.0.0.1:{free_port()}",
                "sip": f"127.0.0.1:{free_port()}",
                "retry_schedule": "0.2",
                **settings,
            }
        )

    def risen(self) -> Onhook:
        """The server, which is started if the test before this one left none."""
        return self.server if self.server.process.poll() is None else self.again()

    def again(self, _: Onhook | None = None) -> Onhook:
        """The next server, after a :func:`kill`."""
        self.server.close()
        self.server = Onhook(self.server.settings, self.server.data)
        return self.server


async def the_end(receiver: Receiver, session: str) -> Notification:
    """The terminal notification; one before it may come again, if the kill came before its record."""
    return await receiver.next(session=session, call_state="ended", timeout_s=PATIENCE_S)


async def acknowledged(server: Onhook, session: str) -> None:
    """Returns once it is on disk that the caller has acknowledged the answer: from then on it is billed."""
    query = "SELECT dialog FROM calls WHERE session = ?"
    async with asyncio.timeout(PATIENCE_S):
        while any(one.record.pending for one in dialogs.read(rows(server, query, session)[0][0])):
            await asyncio.sleep(0.01)


def terminal_ids(receiver: Receiver) -> set[str]:
    """The ids of all terminal notifications that arrived."""
    told = [one for one in receiver.notifications if one["call_state"] == "ended"]
    return {one.headers["webhook-id"] for one in told}


class CrashRig:
    """A server to be killed, and everybody who has to do with it. Use it with ``async with``."""

    def __init__(self, seed: int, role: str = "all") -> None:
        self.verdict = Verdict()
        self._role = role
        self._random = random.Random(seed)
        self._receiver = Receiver(port=fresh_port())
        self._phone = Phone()
        self._kills: list[_Kill] = []
        self._checked: set[str] = set()
        self._fetched: set[str] = set()
        self._answerers_checked = 0
        self._starts_s: list[float] = []
        self._settings = {
            "http": f"127.0.0.1:{free_port()}",
            "sip": f"127.0.0.1:{free_port()}",
            "retry_schedule": "0.2,0.5",
            "ringing_s": "3",
            "idle_s": "3",
            "session_s": "20",
            "max_calls": "0",
        }
        self._data = Path(tempfile.mkdtemp(prefix="onhook-crash-"))
        self.server: Onhook
        self._cast: Cast

    async def __aenter__(self) -> Self:
        await self._receiver.__aenter__()
        await self._phone.__aenter__()
        await self._start()
        line = await asyncio.to_thread(lay_trunk, self.server)
        customer = await Customer.make(self.server, self._receiver, self._phone)
        answerer = await Phone(port=line.port).__aenter__()
        self._cast = Cast(self._random, customer, Callee(answerer, line))
        self._cast.says_something_new = self._role == "speech"  # else there is nothing to be spoken
        await self._warm()
        self._receiver.handler = self._cast.application
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._cast.close()
        self.server.close()
        await self._phone.close()
        await self._cast.callee.phone.close()
        await self._receiver.close()

    async def _start(self) -> None:
        self._starts_s.append(time.monotonic())
        self.server = await asyncio.to_thread(Onhook, self._settings, self._data)

    async def _warm(self) -> None:
        """Speaks every message once, so that later ones do not have to be rendered.

        On a busy machine that may take longer than a call rings here. The next one finds it spoken.
        """
        for text in (LONG, SHORT):
            async with asyncio.timeout(SETTLE_S):
                while not await self._spoken(text):
                    continue

    async def _spoken(self, text: str) -> bool:
        """Whether a call was answered with this message."""
        customer = self._cast.customer
        call, told = await customer.call(caller=WARMING)
        await customer.hangup(told["session"], msg=text)
        try:
            await call.answered()
        except CallNotAnswered:
            return False
        await call.hang_up()
        return True

    # One crash ----------------------------------------------------------------------------------

    async def crash(self, calls: int, span_s: float, *, then_settle: bool) -> None:
        """Places calls within ``span_s``, kills at some moment of that, and waits for the next process.

        With ``then_settle`` waits until nothing is left to be done, and checks; without, the next kill
        may come in the middle of the recovery from this one.
        """
        moment_s = self._random.uniform(0.0, span_s)
        for _ in range(calls):
            self._cast.place(self._random.uniform(0.0, span_s * 0.8))
        self.verdict.calls += calls
        await asyncio.sleep(moment_s)
        again = await self._kill()
        self.verdict.states.update(
            state
            for (state,) in self._rows(
                "SELECT state || CASE state WHEN 'running' THEN ' ' || contact_block ELSE '' END"
                " FROM calls WHERE state <> 'ended' OR dialog <> ''"
            )
        )
        await again()
        if then_settle:
            await self.settle()

    async def _kill(self) -> Callable[[], Awaitable[None]]:
        """Kills, and returns when that is done; what is returned waits for whatever follows."""
        self.verdict.kills[self._role] += 1
        crash = _Kill(time.time() * 1000, 0.0, ENDS_CALLS[self._role])
        if self._role in ("all", "supervisor"):
            await self._kill_all_of_it()
            follow = self._start
        else:
            struck = await self.server.strike(self._role)
            self.verdict.processes += len(struck)
            follow = partial(self._follow, struck, crash)
        crash.after_ms = time.time() * 1000
        self._kills.append(crash)
        return follow

    async def _kill_all_of_it(self) -> None:
        """Each process at once, or the one that all others end with; returns when they are gone."""
        remains = Remains.of(self.server)
        self.verdict.processes += len(remains.pidfds)
        if self._role == "all":
            for pidfd in remains.pidfds.values():
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        await kill(self.server)
        await remains.are_gone()
        self.server.close()

    async def _follow(self, struck: list[int], crash: _Kill) -> None:
        """The supervisor starts the next process of this role; one that speaks only when it is needed."""
        self._starts_s.append(time.monotonic())
        if self._role == "speech":
            return
        [before] = struck
        await self.server.serves(self._role, before)
        if self._role == "plane":  # its calls are ended by the switch, once it has heard of it
            crash.after_ms = time.time() * 1000

    async def settle(self) -> None:
        """Waits until every call is over and everything is told, then checks."""
        await self._cast.settle()
        deadline_s = time.monotonic() + SETTLE_S
        while self._unfinished() and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # what is delivered twice, or too late, arrives meanwhile
        self._check()
        await self._check_links()

    def _legs(self) -> list[CallLeg]:
        """The calls of both phones that were not looked at yet."""
        taken = self._cast.callee.phone.incoming_calls
        return [*self._cast.calls, *taken[self._answerers_checked :]]

    def _unfinished(self) -> bool:
        if not all(call.is_over() for call in self._legs()):
            return True
        [(left,)] = self._rows(
            "SELECT (SELECT count(*) FROM calls WHERE state <> 'ended' OR dialog <> '')"
            " + (SELECT count(*) FROM notifications WHERE state = 'pending')"
        )
        return bool(left)

    # The books ------------------------------------------------------------------------------------

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(self._data / "onhook.db", timeout=10)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def _check(self) -> None:
        told = self._told()
        records = self._rows(
            "SELECT session, state, sequence, contact_url, cause, answered_ms, ended_ms, duration_ms,"
            " minutes, debit, began_ms, dialog, facts, contact_block, contact_tag, from_number"
            " FROM calls"
        )
        ledger = dict(self._rows("SELECT session, sum(amount_micros) FROM ledger GROUP BY session"))
        for record in records:
            if record[0] not in self._checked:
                self._checked.add(record[0])
                self._check_notifications(record, told.pop(record[0], []))
                self._check_bill(record, -ledger.get(record[0], 0))
        for session in told.keys() - self._checked:
            self._count("lost", f"{session}: told, and not on disk")
        for lost in self._cast.accepted - {
            txn for (txn,) in self._rows("SELECT txn_ref FROM calls")
        }:
            self._count("lost", f"{lost}: accepted, and not on disk")
        self._check_phones()
        [(balance, entries)] = self._rows(
            "SELECT (SELECT sum(points_micros + bonus_micros) FROM accounts),"
            " (SELECT coalesce(sum(amount_micros), 0) FROM ledger)"
        )
        if balance != entries:
            self._count("cents_off", f"the balance is {balance}, the entries sum to {entries}")

    def _told(self) -> dict[str, list[Notification]]:
        told: defaultdict[str, list[Notification]] = defaultdict(list)
        for notification in self._receiver.notifications:
            told[notification["session"]].append(notification)
        return told

    def _check_notifications(self, record: Sequence[Any], arrived: list[Notification]) -> None:
        session, state, sequence = record[:3]
        first: dict[int, str] = {}
        order: list[int] = []
        for notification in arrived:
            number = int(notification.headers["x-onhook-event"])
            identity = notification.headers["webhook-id"]
            if number not in first:
                first[number] = identity
                order.append(number)
            elif first[number] == identity:
                self.verdict.repeated += 1
            else:
                self._count("doubled", f"{session}: event {number} under two ids")
        if order != sorted(order):
            self._count("out_of_order", f"{session}: {order}")
        if missing := set(range(1, sequence + 1)) - first.keys():
            self._count("lost", f"{session}: {state}, events {sorted(missing)} of {sequence}")
        terminal = {
            (one.headers["x-onhook-event"], one.headers["webhook-id"])
            for one in arrived
            if one["call_state"] == "ended"
        }
        for one in arrived:
            if one.get("cause") == "crash":
                since_s = one.at_s - max(start for start in self._starts_s if start <= one.at_s)
                self.verdict.told_s = max(self.verdict.told_s, since_s)
        wanted = self._wanted_terminal(record)
        if len(terminal) != wanted:
            what = "doubled" if len(terminal) > wanted else "lost"
            self._count(what, f"{session}: {len(terminal)} of {wanted} terminal notifications")
        elif {int(number) for number, _ in terminal} != {sequence - at for at in range(wanted)}:
            self._count("out_of_order", f"{session}: the terminal notification is not the last")
        for one in arrived:
            if one["call_state"] == "ended":
                self._check_fields(record, one)

    def _wanted_terminal(self, record: Sequence[Any]) -> int:
        """One, and a second for whoever wants to hear of a monitored call elsewhere."""
        url, block, tag = record[3], record[13], record[14]
        monitor = json.loads(record[12] or "{}").get("monitor")
        return bool(url) + (monitor is not None and monitor[:3] != [block, url, tag])

    def _check_fields(self, record: Sequence[Any], one: Notification) -> None:
        """A block's own fields are told, whatever ended it."""
        own = OWN_FIELDS.get(one["ivr_block"])
        if own and own not in one.form:
            self._count("lost", f"{record[0]}: no {own} in the end of {one['ivr_block']}")
        if one.get("dial_status") and (one["dial_status"] == "answered") != (record[5] is not None):
            self._count("lost", f"{record[0]}: dial_status {one['dial_status']}")

    def _check_bill(self, record: Sequence[Any], debited: int) -> None:
        session, cause, answered_ms, ended_ms = record[0], *record[4:7]
        duration_ms, minutes, debit, began_ms = record[7:11]
        expected = 0 if answered_ms is None else max(1, -(-duration_ms // MINUTE_MS))
        micros = round(float(debit) * 1_000_000)
        owed = expected * MICROS_A_MINUTE * self._legs_charged(record)
        if minutes != expected or {micros, debited} != {owed}:
            self._count("cents_off", f"{session}: {minutes} of {expected} min, {debit}, {debited}")
        if cause != "crash":
            return
        self.verdict.recovered += 1
        # It began after one kill, and the next one is that which ended it.
        kill = next((kill for kill in self._kills if kill.after_ms > began_ms), None)
        if kill is None or not kill.ends_calls:
            self._count("ended_for_nothing", f"{session}: by a crash of {self._role}")
            return
        if ended_ms > kill.after_ms or duration_ms > kill.after_ms - (answered_ms or ended_ms):
            self._count("billed_beyond", f"{session}: {ended_ms - kill.after_ms:.0f} ms")
        self.verdict.unbilled_ms = max(
            self.verdict.unbilled_ms, round(kill.before_ms - ended_ms) if answered_ms else 0
        )

    def _legs_charged(self, record: Sequence[Any]) -> int:
        """Two, if somebody who was called answered."""
        told = json.loads(record[12] or "{}").get("fields", {})
        joined = self._cast.plans.get(record[15]) != "room" and "answered" in (
            told.get("transfer_status"),
            told.get("call_status_dest2"),
        )
        return 2 if joined else 1

    async def _check_links(self) -> None:
        """What was recorded can be had, whatever became of the process that recorded it."""
        links = {one.form[name] for one in self._receiver.notifications
                 for name in LINKS if name in one.form} - self._fetched  # fmt: skip
        async with aiohttp.ClientSession() as client:
            for link in links:
                async with client.get(link) as reply:
                    if reply.status != 200 or not await reply.read():
                        self._count("lost", f"a recording: {reply.status}")
        self._fetched |= links
        self.verdict.recordings = len(self._fetched)

    def _check_phones(self) -> None:
        taken = self._cast.callee.phone.incoming_calls
        for number, times in Counter(call.called for call in taken).items():
            if times > 1:
                self._count("doubled", f"{number} was called {times} times")
        for call in self._legs():
            if not call.is_over():
                self._count("left_open", call.log.ladder())
                call.vanish()
            elif call.complaints:
                self.verdict.trouble.append(f"{call.complaints[0]}\n{call.log.ladder()}")
        self._cast.calls.clear()
        self._answerers_checked = len(taken)

    def _count(self, what: str, line: str) -> None:
        setattr(self.verdict, what, getattr(self.verdict, what) + 1)
        self.verdict.trouble.append(f"{what}: {line}")
