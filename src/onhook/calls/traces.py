"""What passes of each call, remembered until it is written, a second later and off the way of all calls.

On that way it is put aside as it is met; trace_entries.py makes entries of it, in the thread that writes.

SIP messages are seen by their Call-ID; whose call it is says the record, which has the Call-IDs of its
dialogs. Until there is one, what came is kept of so many Call-IDs only, so noise of strangers takes no
memory, and nothing of calls that go on.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import time_ns
from typing import Final

from onhook import call as machine
from onhook.call import Event, State
from onhook.calls.sampling import Sampler
from onhook.calls.trace_entries import Entries, Met, Said
from onhook.calls.trace_entries import State as StateSaid
from onhook.media.measured import Measured
from onhook.phone.message import Address
from onhook.store import CallRecord, Writes
from onhook.store.traces import Part

_STRANGERS: Final = 1024
_OF_A_STRANGER: Final = 8
_STRANGE_BYTES: Final = 4_000_000
"""Of what may become a call, or never does: Call-IDs, messages of each, and bytes of all."""
MOST_ENTRIES: Final = 500
MOST_BYTES: Final = 200_000
"""Of a call; what is beyond is counted only."""
_SHORT: Final = 200
"""Bytes that what is not text yet counts for."""
_LOOKS: Final = 720
_THEN_EVERY: Final = 12
"""So many looks at the audio of a call are kept, an hour of one leg; then each twelfth."""
_LOOKS_TOGETHER: Final = 3
"""So many are written together, where nothing else is to be."""
_LINGER_S: Final = 40.0
"""What comes so long after the end of a call is still its own: a BYE is repeated for 32 s."""
_GOES_ON: Final = b"another process of Onhook goes on with it"
_ENDS: Final = b"another process of Onhook ends it"
_ENDED: Final = State.ENDED.value
_CALL_ID: Final = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+?)[ \t]*\r\n", re.IGNORECASE)
_OURS: Final = b"\r\nCall-ID: "
_VALUE_AT: Final = len(_OURS)
_KINDS: Final = {"in": "sip-in", "out": "sip-out"}

_EVENTS: Final[Mapping[type[Event], bytes]] = {
    machine.Digit: "key •".encode(),
    machine.PeerRang: b"the other phone rings",
    machine.PeerAnswered: b"the other phone answered",
    machine.PeerFailed: b"the other phone was not reached",
    machine.PeerLeft: b"the other phone hung up",
    machine.Kicked: b"put out of its room",
    machine.MessageBroken: b"the rest of the message cannot be made",
    machine.MediaLost: b"its audio is lost",
    machine.OutOfCredit: b"its credit is used up",
    machine.SessionExpired: b"it has lasted for as long as it may",
    machine.Shutdown: b"the server is to stop",
}
"""What is noted of them; which key it was is nobody's business, unless it may be kept."""

_Strange = tuple[int, str, Address, bytes]
"""A message as it was met (trace_entries.Met)."""


@dataclass(slots=True)
class _Trace:
    """Of one call: what was not written yet, and how much there was."""

    session: str
    met: list[Met] = field(default_factory=list)
    call_ids: dict[object, bytes] = field(default_factory=dict)
    """As the record has them, and as they stand in messages."""
    state: StateSaid | None = None
    count: int = 0
    size: int = 0
    told: bool = False
    """Whether what there is of it is to be written soon."""
    looks: int = 0
    waiting: int = 0
    """Looks of which it is not."""


class Recorder:
    """Takes what passes, and every second hands what there is to ``keep``. All of it on the event loop."""

    def __init__(self, keep: Callable[[Sequence[Part]], None], *, private: bool = False) -> None:
        """``private``: texts of messages and keys are kept, too."""
        self.private = private
        self.sampler = Sampler(self.measured)
        """Looks at the audio of calls."""
        self.watch, self.leave = self.sampler.watch, self.sampler.leave
        self._keep = keep
        self._traces: dict[str, _Trace] = {}
        self._by_call_id: dict[bytes, _Trace] = {}
        self._strangers: dict[bytes, list[_Strange]] = {}
        self._strange_bytes = 0
        self._told: list[_Trace] = []
        """Those of which there is something to be written."""
        self._over: deque[tuple[float, _Trace]] = deque()
        """Calls that have ended, with the time at which they are forgotten."""

    def sip(self, direction: str, data: bytes, peer: Address) -> None:
        """A message came (``in``) or leaves (``out``) (phone.OnMessage)."""
        call_id = _call_id(data)
        if call_id is None:
            return
        trace = self._by_call_id.get(call_id)
        if trace is not None:
            self._add(trace, _KINDS[direction], data, len(data), peer)
            return
        waiting = self._strangers.get(call_id)
        if waiting is None:
            waiting = self._strangers[call_id] = []
        elif len(waiting) >= _OF_A_STRANGER:
            return
        waiting.append((time_ns(), _KINDS[direction], peer, data))
        self._strange_bytes += len(data)
        while len(self._strangers) > _STRANGERS or self._strange_bytes > _STRANGE_BYTES:
            self._forget_stranger(next(iter(self._strangers)))

    def written(self, writes: Writes) -> None:
        """Something of calls is on its way to the disk: their states, and the Call-IDs of their dialogs."""
        for record in writes.calls:
            trace = self._traces.get(record.session)
            if trace is None:
                if record.ended_ms is not None and not record.dialog.several:
                    continue  # it is over, and was before there was anybody to see it
                trace = self._traces[record.session] = _Trace(record.session)
            self._note(trace, record)

    def left(self, going_on: Sequence[CallRecord], over: Sequence[CallRecord]) -> None:
        """Calls that another process had: those that this one goes on with, and those that it only ends at
        their phones."""
        for record in going_on:
            self._found(record, _GOES_ON)
        for record in over:
            self._found(record, _ENDS)

    def happened(self, session: str, event: Event) -> None:
        """Something happened to the call that no message and no state says."""
        said = _EVENTS.get(type(event))
        trace = self._traces.get(session) if said is not None else None
        if trace is not None and said is not None:
            if self.private and isinstance(event, machine.Digit):
                said = f"key {event.digit}".encode()
            self._add(trace, "event", said, len(said))

    def noted(self, session: str, kind: str, said: str | Callable[[], str]) -> None:
        """Something of a call that its machine does not know of (leg_trace.Tracer)."""
        trace = self._traces.get(session)
        if trace is not None:
            self._add(trace, kind, said, len(said) if isinstance(said, str) else _SHORT)

    def measured(self, session: str, leg: str, figures: Measured) -> None:
        """What its audio had come to (sampling.Measure)."""
        trace = self._traces.get(session)
        if trace is None:
            return
        trace.looks += 1
        if trace.looks > _LOOKS and trace.looks % _THEN_EVERY:
            return
        trace.met.append((time_ns(), "media", leg, figures))
        trace.waiting += 1
        if trace.waiting >= _LOOKS_TOGETHER:
            self._tell(trace)

    def asked(self, session: str, what: str, at_ns: int) -> None:
        """A request for the call that came then (since the epoch) was accepted."""
        trace = self._traces.get(session)
        if trace is not None:
            self._add(trace, "request", what, len(what), at_ns=at_ns)

    def replied(self, session: str, what: str, reply: Mapping[str, object]) -> None:
        """What it was answered with."""
        trace = self._traces.get(session)
        if trace is not None:
            self._add(trace, "reply", (what, dict(reply)), _SHORT)

    def flush(self, *, everything: bool = False) -> None:
        """Hands on what there is, and forgets calls that are over; ``everything`` says that nothing is to
        wait for more."""
        for trace in self._traces.values() if everything else ():
            if trace.met:
                self._tell(trace)
        told, self._told = self._told, []
        parts: list[Part] = []
        for trace in told:
            parts.append(Part(trace.session, trace.met[0][0] // 1_000_000, Entries(trace.met)))
            trace.met, trace.told, trace.waiting = [], False, 0
        now_s = time.monotonic()
        while self._over and self._over[0][0] <= now_s:
            _, trace = self._over.popleft()
            if self._traces.get(trace.session) is trace:
                del self._traces[trace.session]
            for call_id in trace.call_ids.values():
                self._by_call_id.pop(call_id, None)
        if parts:
            self._keep(parts)

    def _found(self, record: CallRecord, said: bytes) -> None:
        trace = self._traces[record.session] = _Trace(record.session)
        self._add(trace, "event", said, len(said))
        self._note(trace, record)

    def _note(self, trace: _Trace, record: CallRecord) -> None:
        for dialog in record.dialog.several:
            known = dialog.get("call_id")
            if known not in trace.call_ids:
                call_id = str(known).encode("utf-8", "surrogateescape")
                trace.call_ids[known] = call_id
                self._by_call_id[call_id] = trace
                for at_ns, kind, whom, said in self._forget_stranger(call_id):
                    self._add(trace, kind, said, len(said), whom, at_ns)
        over = record.ended_ms is not None
        block, cause = (record.ended_by, record.cause) if over else (record.contact_block, "")
        state = (record.state, block, cause)
        if state != trace.state:
            trace.state = state
            self._add(trace, "state", state, _SHORT)
            if record.state == _ENDED:
                self._over.append((time.monotonic() + _LINGER_S, trace))

    def _forget_stranger(self, call_id: bytes) -> Sequence[_Strange]:
        """What there was of it."""
        waiting = self._strangers.pop(call_id, ())
        for _, _, _, data in waiting:
            self._strange_bytes -= len(data)
        return waiting

    def _add(
        self,
        trace: _Trace,
        kind: str,
        said: Said,
        length: int,
        whom: str | Address = "",
        at_ns: int = 0,
    ) -> None:
        trace.count += 1
        trace.size += length
        if trace.count < MOST_ENTRIES and trace.size < MOST_BYTES:
            trace.met.append((at_ns or time_ns(), kind, whom, said))
            self._tell(trace)

    def _tell(self, trace: _Trace) -> None:
        """What there is of it is written with what is next."""
        if not trace.told:
            trace.told = True
            self._told.append(trace)


def asked_by(request: object, reply: Mapping[str, object], named: str = "") -> tuple[str, str]:
    """The session that a request was for, or made, and what was asked; that of its reference (``named``)
    where it has none, empty where there is none at all."""
    session = getattr(request, "session", "") or reply.get("session", "") or named
    return str(session), _what(type(request).__name__)


@lru_cache(maxsize=64)
def _what(request: str) -> str:
    return request.removesuffix("Request").lower()


def _call_id(data: bytes) -> bytes | None:
    """As every phone and we write it, or as RFC 3261 7.3.1 lets others."""
    at = data.find(_OURS)
    if at >= 0:
        at += _VALUE_AT
        return data[at : data.find(b"\r", at)].strip()
    found = _CALL_ID.search(data)
    return found[1] if found else None
