"""The world around a server whose processes are killed while it runs: phones of every kind, an application
that asks again for what got no answer, and the books of what was lost.
"""

import asyncio
import random
import re
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import aiohttp

from acceptance.files import FileServer, wav
from acceptance.harness import Callee, Customer, Onhook, lay_trunk
from acceptance.survival import TRUSTED
from acceptance.test_calls_by_trunk import STRANGER, answer
from acceptance.unbroken import (
    FRAME,
    Books,
    first_break,
    first_difference,
    payloads,
    stood_still_ms,
    stretches,
)
from onhook.blocks.destination import MEMBERS_MAX
from onhook.testing import g711
from onhook.testing.api_client import ApiReply, ApiReplyError
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall, PhoneError
from onhook.testing.receiver import Notification, Reply
from onhook.testing.rtp import RtpPacket
from onhook.testing.streams import PhoneTls
from phone.authority import Authority

PATIENCE_S = 45.0
"""How long something may take that is going to happen, through kills."""
TRY_AGAIN_S = 0.05
SILENCE_S = 1.0
"""No call hears nothing for longer, when its plane has died."""
_COMES_S = 3.0
"""Within which a switch that was killed before the plane may not be there yet."""
FRAME_MS = 20
LATELY_S = 0.5
"""What was read of the server within this is good enough for the beginning of a call,"""
READ_AGAIN_S = 0.1
"""and nothing is read more often: it is the server's time."""
LATE_S = 0.5
"""By how much who counts may be late, before that is said beside what is lost:"""
LATE_LOOKS = 200
"""in the last 10 s."""
LADDER = 14
"""Lines of what passed in a call that are shown, the last ones."""
STRETCHES = 8
"""Of what was heard of a message, the first ones."""
_SKIPPED = re.compile(r"^onhook_media_skipped_rounds\S* (\S+)$", re.MULTILINE)


class Lost(Exception):
    """Something that was to come never came; the message says what."""


@dataclass
class Who:
    """Whose life a task lives: what it is, and the sessions of its calls."""

    name: str
    sessions: list[str] = field(default_factory=list)
    lost: bool = False
    """Whether anything was lost in it."""


LIVES_NOW: ContextVar[Who | None] = ContextVar("LIVES_NOW", default=None)


@dataclass
class Losses:
    """What was counted over all kills; 0 each, for a server that loses nothing."""

    kills: Counter[str] = field(default_factory=Counter)
    """By the role of what was killed."""
    calls: Counter[str] = field(default_factory=Counter)
    """By what was done with them."""
    requests: int = 0
    repeated: int = 0
    """Requests that got no answer and were made again, and deliveries made again under their id."""
    packets: int = 0
    """Those that arrived at phones, and were counted."""
    recordings: int = 0
    """Those that were fetched and listened to."""
    answered_s: list[float] = field(default_factory=list)
    """From a kill until a request was answered again."""
    took_s: list[float] = field(default_factory=list)
    """From each request, first made, until it was answered: in order, and through kills."""
    late_s: list[float] = field(default_factory=list)
    """By how much this process itself was late, looked at again and again."""
    at_hand: list[int] = field(default_factory=list)
    """How many calls there were at each of these kills."""
    died_s: dict[str, list[float]] = field(default_factory=dict)
    """When processes were killed, by role, in the time of `time.monotonic()`."""
    silence_s: list[float] = field(default_factory=list)
    """Of each call from the death of its plane, the switch being there, until it heard of the next."""
    silence_of_both_s: list[float] = field(default_factory=list)
    """The same, where the switch was killed as well."""
    calls_lost: int = 0
    packets_lost: int = 0
    digits_lost: int = 0
    digits_doubled: int = 0
    recordings_with_a_gap: int = 0
    notifications_lost: int = 0
    notifications_out_of_order: int = 0
    terminal_ones_doubled: int = 0
    doubled: int = 0
    """Anything else that came twice: a number that was called again, an event under two ids."""
    cents_off: int = 0
    silences_too_long: int = 0
    """Of more than a second, where the plane died alone."""
    refused: int = 0
    """Requests that a server that goes on would have taken."""
    left_open: int = 0
    trouble: list[str] = field(default_factory=list)
    """A sentence for each of these, and for whatever else went wrong."""
    sessions: dict[str, None] = field(default_factory=dict)
    """Of the calls in which something was lost, in order."""

    COUNTED = (
        "calls_lost", "packets_lost", "digits_lost", "digits_doubled", "recordings_with_a_gap",
        "notifications_lost", "notifications_out_of_order", "terminal_ones_doubled", "doubled",
        "cents_off", "silences_too_long", "refused", "left_open",
    )  # fmt: skip

    @property
    def clean(self) -> bool:
        """Whether nothing was lost."""
        return not self.trouble and not any(getattr(self, name) for name in self.COUNTED)

    def progress(self) -> None:
        """Says how it goes, now and then."""
        if self.kills.total() % 10 == 0:
            lost = sum(getattr(self, name) for name in self.COUNTED)
            print(
                f"{self.kills.total()} kills, {self.calls.total()} calls, {lost} losses", flush=True
            )

    def silent(self, since_s: float, until_s: float) -> None:
        """A call heard nothing, and then another plane. Where several died, since the last of them."""
        died_s = max(
            (one for one in self.died_s.get("plane", ()) if one < until_s), default=since_s
        )
        lasted_s = until_s - max(since_s, died_s)
        if any(died_s - _COMES_S < one < until_s for one in self.died_s.get("switch", ())):
            self.silence_of_both_s.append(lasted_s)
            return
        self.silence_s.append(lasted_s)
        if lasted_s > SILENCE_S:
            self.note("silences_too_long", f"{lasted_s:.2f} s of silence after the plane's death")

    def note(self, what: str, sentence: str, by: int = 1, *, session: str = "") -> None:
        """Something was lost, of this session where nobody's life says it."""
        setattr(self, what, getattr(self, what) + by)
        self.complain(f"{what.replace('_', ' ')}: {sentence}", session=session)

    def complain(self, sentence: str, *, session: str = "") -> None:
        """Something went wrong; it is said at once: when, beside which kill, and whose it was."""
        who = LIVES_NOW.get()
        sessions = [session] if session else who.sessions if who is not None else []
        self.sessions.update(dict.fromkeys(sessions))
        if who is not None:
            who.lost = True
        named = " ".join([who.name if who is not None else "afterwards", *sessions])
        lines, late_s = sentence.splitlines(), max(self.late_s[-LATE_LOOKS:], default=0.0)
        late = f" (who counts was late by {late_s:.2f} s)" if late_s > LATE_S else ""
        said = [f"{self.moment(time.monotonic())}{late}, {named}: {lines[0]}"]
        said += lines[1:][-LADDER:]
        self.trouble.append("\n    ".join(said))
        print(self.trouble[-1], flush=True)

    def moment(self, at_s: float) -> str:
        """When that was, by the clock of the server's log and by the kills around it."""
        clock = datetime.fromtimestamp(time.time() - time.monotonic() + at_s, UTC)
        kills = sorted((one, role) for role, all_of in self.died_s.items() for one in all_of)
        numbered = list(enumerate(kills, start=1))
        before = [
            f"{at_s - one:.3f} s after kill {number} ({role})"
            for number, (one, role) in numbered
            if one <= at_s
        ]
        after = [f"{one - at_s:.3f} s before the next" for _, (one, _) in numbered if one > at_s]
        return ", ".join([f"{clock:%H:%M:%S.%f}", *before[-1:], *after[:1]])

    def place(self, packet: RtpPacket) -> str:
        """Where in a call, and when, a packet came."""
        return (
            f"packet {packet.seq}, timestamp {packet.timestamp}, source {packet.ssrc}, "
            f"at {self.moment(packet.at_s)}"
        )

    def heard_of(self, packets: Sequence[RtpPacket], message: bytes) -> str:
        """What was heard of a message, a line for each stretch."""
        return "".join(
            f"\n{each}; {self.place(each.first)}"
            for each in stretches(packets, message)[:STRETCHES]
        )

    def __str__(self) -> str:
        kills = ", ".join(f"{number} kills of {role}" for role, number in self.kills.items())
        done = ", ".join(f"{number} {name}" for name, number in sorted(self.calls.items()))
        lost = ", ".join(f"{name.replace('_', ' ')} {getattr(self, name)}" for name in self.COUNTED)
        return (
            f"{kills}; {self.calls.total()} calls ({done}), {self.requests} requests, "
            f"{self.repeated} repeated, {self.packets} packets, {self.recordings} recordings\n"
            f"{lost}\nanswered again, with {min(self.at_hand, default=0)} to "
            f"{max(self.at_hand, default=0)} calls at hand, after {_spread(self.answered_s)}"
            f"\nrequests were answered after {_spread(self.took_s)}; who counted was late by "
            f"{_spread(self.late_s)}"
            f"\nsilence after the plane's death: {_spread(self.silence_s)}; where the switch died, too: "
            f"{_spread(self.silence_of_both_s)}"
            + "".join(f"\n  {line}" for line in self.trouble[:30])
        )


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    return (
        f"{_percentile(values, 50)} s (p50), {_percentile(values, 99)} s (p99), "
        f"{max(values):.2f} s (max) of {len(values)}"
    )


def _percentile(values: list[float], percent: int) -> str:
    ordered = sorted(values)
    return f"{ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]:.2f}"


@dataclass
class World:
    """Everybody but the server: phones, the application, whoever is called."""

    customer: Customer
    callee: Callee
    files: FileServer
    phones: Mapping[str, Phone]
    """By how they reach the server."""
    random: random.Random
    kept: Path
    """The directory for what is known of calls in which something was lost; made for the first of them."""
    losses: Losses = field(default_factory=Losses)
    keeps_sound: bool = True
    """Whether the plane outlives the kills, so that not one packet may be missing."""
    _callers: "count[int]" = field(default_factory=lambda: count(81_000_000))
    _seen: set[str] = field(default_factory=set)
    _unread: defaultdict[str, list[Notification]] = field(default_factory=lambda: defaultdict(list))
    _told: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    """Set when something was told of a call: one for all would wake everybody for each."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _read: tuple[float, int] = (float("-inf"), 0)
    """When it was asked how many rounds were left out, and how many there were."""
    legs: list[CallLeg] = field(default_factory=list)
    """All calls of phones so far."""
    in_rooms: set[str] = field(default_factory=set)
    """The sessions of callers who were passed on to a room, not to a phone."""
    _members: "Counter[str]" = field(default_factory=Counter)
    """Of each room, by its destination."""

    _of_task: dict[object, list[CallLeg]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.customer.receiver.handler = self._take

    def _keep(self, leg: CallLeg) -> None:
        self.legs.append(leg)
        self._of_task.setdefault(asyncio.current_task(), []).append(leg)

    @property
    def at_hand(self) -> int:
        """How many phones have a call."""
        return sum(not leg.is_over() for legs in self._of_task.values() for leg in legs)

    async def clear(self) -> None:
        """Whoever calls this is through with its calls: they end, and their ports and their sound go."""
        for leg in self._of_task.pop(asyncio.current_task(), []):
            if not leg.is_over():
                with suppress(PhoneError):
                    await leg.leave()
            if leg.is_over():
                leg.close()
            leg.recording.forget()

    async def lived(self, name: str, life: Awaitable[None], longest_s: float | None = None) -> None:
        """Somebody's life: what is lost in it is written down, and what its phones have heard."""
        self.losses.calls[name] += 1
        who = Who(name)
        LIVES_NOW.set(who)
        try:
            async with asyncio.timeout(longest_s):
                await life
        except Lost as lost:
            if not str(lost).startswith(("the call", "ivr/")):  # noted where it was seen
                self.losses.note("calls_lost", str(lost))
        except (PhoneError, AssertionError, TimeoutError) as error:
            self.losses.note("calls_lost", f"{type(error).__name__}: {error}")
        if who.lost:
            for leg in self._of_task.get(asyncio.current_task(), []):
                await asyncio.to_thread(self._keep_heard, who, leg)

    def _keep_heard(self, who: Who, leg: CallLeg) -> None:
        """All that passed at a phone: its messages, and a line for each packet."""
        packets = "".join(
            f"{one.seq} {one.timestamp} {one.ssrc:08x} {one.payload_type} {one.payload[:8].hex()} "
            f"{self.losses.moment(one.at_s)}\n"
            for one in leg.recording.packets
        )
        name = "-".join([who.name, *who.sessions, leg.call_id.partition("@")[0]])
        self.keep(name, f"{leg.log.ladder()}\n\n{packets}")

    def keep(self, name: str, text: str) -> None:
        """Writes down what is known of a call in which something was lost."""
        self.kept.mkdir(exist_ok=True)
        (self.kept / name).write_text(text)

    def place_in_a_room(self) -> str:
        """The destination of the first room that is not full; `leaves_room` gives the place back."""
        rooms = (f"room:lasting-{number}" for number in count())
        found = next(room for room in rooms if self._members[room] < MEMBERS_MAX)
        self._members[found] += 1
        return found

    def leaves_room(self, destination: str) -> None:
        """Somebody is not in a room any more."""
        self._members[destination] -= 1

    # The application ------------------------------------------------------------------------------

    async def _take(self, told: Notification) -> Reply | None:
        """Keeps what is told until somebody asks for it; what comes again under its id is known."""
        identity = told.headers["webhook-id"]
        if identity in self._seen:
            self.losses.repeated += 1
            return None
        self._seen.add(identity)
        for key in {
            told.get("txn_ref"),
            told.get("from") if told.get("call_state") == "ringing" else None,
        }:
            if key:
                self._unread[key].append(told)
                self._told[key].set()
        return None

    async def told(self, key: str, timeout_s: float = PATIENCE_S, **fields: str) -> Notification:
        """The next notification of a call that has these fields: by its reference, or by who calls."""
        until_s = time.monotonic() + timeout_s
        while True:
            for at, one in enumerate(self._unread[key]):
                if all(one.get(name) == value for name, value in fields.items()):
                    self._lives_in(one["session"])
                    return self._unread[key].pop(at)
            self._told[key].clear()
            try:
                async with asyncio.timeout(until_s - time.monotonic()):
                    await self._told[key].wait()
            except TimeoutError:
                got = [
                    f"{one.get('ivr_block')} {one.get('call_state')}" for one in self._unread[key]
                ]
                raise Lost(f"{key}: nobody was told of {fields}; but {got}") from None

    @staticmethod
    def _lives_in(session: str) -> None:
        who = LIVES_NOW.get()
        if who is not None and session not in who.sessions:
            who.sessions.append(session)

    async def ask(self, path: str, **params: str) -> dict[str, Any]:
        """A request that is accepted; what gets no answer is asked again under its key."""
        reply = await self.asked(path, **params)
        if reply.status != "success_ok":
            self.losses.note("refused", f"{path}: {reply.json}")
            raise Lost(f"{path} was refused")
        return reply.json

    async def asked(self, path: str, **params: str) -> ApiReply:
        """The reply to a request, whatever it is; one without an answer is made again under its key."""
        self.losses.requests += 1
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        began_s = time.monotonic()
        until_s = began_s + PATIENCE_S
        while True:
            try:
                async with self.customer.api as api:
                    reply = await api.request("POST", path, dict(params), headers=headers)
                self.losses.took_s.append(time.monotonic() - began_s)
                return reply
            except (aiohttp.ClientError, ApiReplyError, TimeoutError) as error:
                if time.monotonic() > until_s:
                    raise Lost(f"{path} got no answer: {error!r}") from None
                self.losses.repeated += 1
            await asyncio.sleep(TRY_AGAIN_S)

    def url(self, path: str) -> str:
        """Where a block is told."""
        return self.customer.receiver.url("/" + path.rpartition("/")[2])

    def says(self, name: str, pcm: Pcm) -> str:
        """The markup of a message with these samples."""
        return f"<url>{self.files.serve(f'{name}.wav', wav(pcm))}</url>"

    async def skipped(self, lately: bool = False) -> int:
        """How many rounds the media thread left out until now, or until a moment ago."""
        wanted_s = time.monotonic() - lately * LATELY_S
        async with self._reading:
            while self._read[0] < wanted_s:
                await asyncio.sleep(self._read[0] + READ_AGAIN_S - time.monotonic())
                asked_s = time.monotonic()
                try:
                    [value] = _SKIPPED.findall(await self._metrics())
                except (aiohttp.ClientError, ValueError):
                    await asyncio.sleep(TRY_AGAIN_S)
                else:
                    self._read = asked_s, round(float(value))
            return self._read[1]

    async def _metrics(self) -> str:
        url = f"{self.customer.server.url}/metrics"
        async with aiohttp.ClientSession() as http, http.get(url) as reply:
            return await reply.text()

    async def moment(self, longest_s: float) -> None:
        """Somebody takes a while."""
        await asyncio.sleep(self.random.uniform(0.05, longest_s))

    # Phones ---------------------------------------------------------------------------------------

    async def calls(self, way: str = "", **options: object) -> tuple[PhoneCall, Notification]:
        """A call that rings, from a phone of some kind; and what the application was told of it."""
        way = way or self.random.choice(list(self.phones))
        phone, caller = self.phones[way], f"+65{next(self._callers)}"
        server = self.customer.server.sip_over(getattr(phone.address, "transport", "UDP").lower())
        while True:
            headers = await self._proof(phone) if way == "digest" else ()
            call = await phone.call(
                self.customer.number,
                server=server,
                caller=caller,
                headers=headers,
                **options,  # type: ignore[arg-type]
            )
            told = asyncio.ensure_future(self.told(caller, call_state="ringing"))
            over = asyncio.ensure_future(call.ended(2 * PATIENCE_S))
            await asyncio.wait((told, over), return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)
            if told.done():
                break
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
            if (
                call.log.received(401) == []
            ):  # its proof is of a process that is gone: it tries again
                raise Lost(f"a call that rang nowhere\n{call.log.ladder()}")
        self._keep(call)
        return call, told.result()

    async def _proof(self, phone: Phone) -> list[tuple[str, str]]:
        call = await phone.call(self.customer.number, server=self.customer.server.sip)
        await call.ended(PATIENCE_S)
        return answer(call.log.received(401)[-1].message, self.customer)

    async def rings(self, number: str) -> IncomingPhoneCall:
        """The phone with this number rings."""
        call = await self.callee.phone.incoming(PATIENCE_S, called=number)
        self._keep(call)
        call.ring()
        return call


@asynccontextmanager
async def phones_of_every_kind(
    server: Onhook, authority: Authority
) -> AsyncIterator[dict[str, Phone]]:
    """Callers: in the clear, encrypted, over TCP, an exchange over TLS with SRTP, one known by a password."""
    plain, srtp, tcp, exchange = TRUSTED
    issued = authority.issue(exchange)
    line = await asyncio.to_thread(
        lay_trunk,
        server,
        host=exchange,
        transport="tls",
        ca_file=authority.file,
        srtp="require",
        prefix="+6593",
    )
    made = {
        "udp": Phone(host=plain),
        "srtp": Phone(host=srtp, srtp="require"),
        "tcp": Phone(host=tcp, transport="tcp"),
        "tls": Phone(
            host=exchange,
            port=line.port,
            transport="tls",
            tls=PhoneTls(issued.certificate, issued.key, authority.file),
            srtp="require",
        ),
        "digest": Phone(host=STRANGER),
    }
    async with AsyncExitStack() as stack:
        for phone in made.values():
            await stack.enter_async_context(phone)
        yield made


@dataclass
class Life:
    """One call of a phone, from outside: what it hears is counted from the answer to the end."""

    world: World
    call: CallLeg
    told: Notification
    relayed: bool = False
    """Whether others are heard, whose timestamps are theirs, or who are late as they like."""
    _since: tuple[float, int] = (0.0, 0)

    @property
    def key(self) -> str:
        """The reference of the call."""
        return self.told["txn_ref"]

    @property
    def session(self) -> str:
        """Its session."""
        return self.told["session"]

    @classmethod
    async def up(cls, world: World, path: str, way: str = "", **params: str) -> "Life":
        """A call that a block answered."""
        call, told = await world.calls(way)
        life = cls(world, call, told)
        await life.block(path, **params)
        await call.answered(PATIENCE_S)
        await life.begin()
        return life

    async def begin(self) -> None:
        """From here on packets are counted."""
        skipped = await self.world.skipped(lately=True) if self.world.keeps_sound else 0
        self._since = time.monotonic(), skipped  # in this order: no round is missed

    async def left_out(self) -> int:
        """How many rounds the media thread has left out since then: where the machine stood still, the plane
        leaves the time out, and says so."""
        return await self.world.skipped() - self._since[1]

    async def block(self, path: str, **params: str) -> dict[str, Any]:
        """A block that is accepted."""
        url = self.world.url(path)
        return await self.world.ask(
            f"ivr/{path}", **{"session": self.session, "notify_url": url, **params}
        )

    async def hears_of(self, **fields: str) -> Notification:
        """The next notification with these fields."""
        return await self.world.told(self.key, PATIENCE_S, **fields)

    async def good_bye(self, msg: str) -> None:
        """It is hung up with a message."""
        await self.block("end/hangup", msg=msg)
        await self.hung_up("hangup")

    async def hung_up(self, cause: str, ended_by: str = "application") -> Notification:
        """The server hangs up, and tells why."""
        ended = await self.call.ended(PATIENCE_S)
        return await self.over(cause, ended_by, ended.how is How.BYE_RECEIVED)

    async def leaves(self, ended_by: str = "caller") -> Notification:
        """The phone hangs up."""
        ended = await self.call.hang_up(timeout_s=PATIENCE_S)
        return await self.over("hangup", ended_by, ended.how is How.BYE_SENT)

    async def over(self, cause: str, ended_by: str, as_expected: bool) -> Notification:
        """The call has ended; the application is told why, and all that was heard is counted."""
        last = await self.hears_of(call_state="ended")
        told = (last["cause"], last["ended_by"])
        if not as_expected or told != (cause, ended_by):
            self.world.losses.note(
                "calls_lost",
                f"{told}, not {(cause, ended_by)}\n{self.call.log.ladder()}",
            )
            raise Lost("the call")
        await self.count()
        return last

    async def count(self) -> None:
        """What arrived until the end, by the numbers of its packets."""
        losses, since_s = self.world.losses, self._since[0]
        packets = [
            one for one in self.call.recording.packets if since_s <= one.at_s < self._end_s()
        ]
        losses.packets += len(packets)
        for before, after in pairwise(packets) if not self.relayed else ():
            if before.ssrc != after.ssrc:
                losses.silent(before.at_s, after.at_s)
        if not packets or not self.world.keeps_sound:
            return
        books = Books.of(packets)
        leaps = 0 if self.relayed else books.leaps
        if leaps:
            leaps = max(0, leaps - await self.left_out())
        wrong = books.missing + books.changes + books.doubled + leaps
        if wrong:
            sides = first_break(packets, stamped=not self.relayed) or ()
            places = "".join(f"\n{losses.place(side)}" for side in sides)
            losses.note("packets_lost", f"{books} over {self.call.call_id}{places}", wrong)
        stood_ms = stood_still_ms(packets)
        if not self.relayed and stood_ms > FRAME_MS:
            stood_ms -= FRAME_MS * await self.left_out()
            if stood_ms > FRAME_MS:
                _, longest = max(pairwise(packets), key=lambda two: two[1].at_s - two[0].at_s)
                losses.note(
                    "packets_lost",
                    f"{stood_ms:.0f} ms of standing still\nbefore {losses.place(longest)}",
                    round(stood_ms / 20),
                )

    def _end_s(self) -> float:
        ends = [event.at_s for event in self.call.events if event.name.startswith("bye_")]
        return min(ends, default=float("inf"))

    async def heard_by_now(self) -> None:
        """Returns once what has arrived is read: whoever counts may have stood still, and is told of the end
        of a message before it has read that. A server goes on sending until the end of the call."""
        now_s, packets = time.monotonic(), self.call.recording.packets
        until_s = now_s + PATIENCE_S
        while not self.call.is_over() and (not packets or packets[-1].at_s < now_s):
            if time.monotonic() > until_s:
                return  # it is counted as what it is
            await asyncio.sleep(FRAME_MS / 1000)
        before = -1
        while self.call.is_over() and before != len(packets):
            before = len(packets)
            await asyncio.sleep(5 * FRAME_MS / 1000)

    async def heard(self, pcm: Pcm) -> None:
        """A message was heard to the sample, once."""
        if not self.world.keeps_sound:
            return
        await self.heard_by_now()
        said = payloads(self.call.recording.packets)
        heard_s = first_difference(said, pcm)
        if heard_s is None:
            return
        code = g711.encode("PCMU", pcm)
        begun = re.findall(re.escape(code[:FRAME]), said)
        self.world.losses.note(
            "packets_lost",
            f"{heard_s:.2f} s of a message in one piece; it began {len(begun)} times"
            f"{self.world.losses.heard_of(self.call.recording.packets, code)}",
        )

    def typed(self, wanted: str, got: str, *, from_here: bool = False) -> None:
        """Keys were pressed, and these were understood. Those ``from_here`` are all heard, whatever dies; of
        those that the server sends one may be cut off with its plane."""
        if wanted == got or not (self.world.keeps_sound or from_here):
            return
        lost, doubled = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
        order = not lost and not doubled
        self.world.losses.note(
            "digits_lost", f"{len(wanted)} pressed, {len(got)} understood", lost.total() + order
        )
        self.world.losses.digits_doubled += doubled.total()
