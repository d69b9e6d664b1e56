"""What happens to calls, as spans of traces (OpenTelemetry): a call, and within it its blocks, requests, legs
and attempts of notifications. No numbers, keys or texts are in them.

A trace's ids follow from the session, so a call that another process goes on with stays one trace, and
whatever comes after its end still finds it.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from secrets import token_bytes
from typing import Final, Literal, NamedTuple

from onhook import call as machine
from onhook.call import Event, State
from onhook.calls import clock
from onhook.notify.attempt import AttemptOutcome
from onhook.notify.handover import Tried
from onhook.store import CallRecord, Writes

Kind = Literal["internal", "server", "client"]
Attributes = Mapping[str, str | int | float | bool]

_MOST_UNDELIVERED: Final = 10_000
"""Notifications whose calls are remembered; of older ones no attempts are told."""
_IDLE: Final = frozenset({State.WAITING.value, State.CLOSING.value, State.ENDED.value})
"""No block is in progress."""
_FAULTS: Final = frozenset(
    {"crash", "media_lost", "no_ack", "failed", "message_incomplete", "forward_to_refused"}
)
"""Causes of an end that somebody should look at."""


class Span(NamedTuple):
    """A stretch of time of one call. A tuple, since a call has a dozen of them."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    """Empty for the call itself."""
    name: str
    kind: Kind
    begin_ns: int
    """Since the epoch, as ``end_ns``."""
    end_ns: int
    attributes: Attributes
    failed: str = ""
    """What went wrong, in a word; empty if nothing did."""


@dataclass(slots=True)
class _Open:
    """A span that has begun."""

    name: str
    begin_ns: int
    attributes: Attributes


@dataclass(slots=True)
class _Call:
    """Of a call that goes on."""

    block: _Open | None = None
    legs: dict[str, _Open] = field(default_factory=dict)
    """By Call-ID."""
    asked: dict[int, str] = field(default_factory=dict)
    """Blocks that were asked for, by the number of the request."""


class Spans:
    """Is told what happens, on the event loop, and gives ``keep`` each span as it ends."""

    def __init__(self, keep: Callable[[Span], None]) -> None:
        self._keep = keep
        self._calls: dict[str, _Call] = {}
        self._told: dict[str, tuple[str, str]] = {}
        """Session and block of notifications that are not delivered yet, the oldest first."""

    def written(self, writes: Writes) -> None:
        """Calls are as this says, and have caused these notifications."""
        for record in writes.calls:
            self._follow(record)
        for told in writes.notifications:
            self._told[told.notification_id] = told.session, told.fields.get("ivr_block", "")
            if len(self._told) > _MOST_UNDELIVERED:
                del self._told[next(iter(self._told))]

    def happened(self, session: str, event: Event) -> None:
        """A block was asked for, and begins when what it needs is ready."""
        match event:
            case machine.Requested():
                if (call := self._calls.get(session)) is not None:
                    call.asked[event.job.request_id] = event.job.block
            case machine.PreparationFailed():
                if (call := self._calls.get(session)) is not None:
                    call.asked.pop(event.request_id, None)
            case machine.Prepared():
                if (call := self._calls.get(session)) is not None:
                    now_ns = time.time_ns()
                    self._end_block(session, call, now_ns)
                    block = call.asked.pop(event.request_id, "block")
                    call.block = _Open(block, now_ns, {})

    def asked(self, session: str, what: str, arrived_s: float, status: str = "success_ok") -> None:
        """A request for the call (its block, or its path) was answered with this status; ``arrived_s`` is
        monotonic. What was accepted may have ended the call."""
        now_ns = time.time_ns()
        begin_ns = now_ns - round((clock.now_s() - arrived_s) * 1e9)
        failed = "" if status == "success_ok" else status
        attributes = {"onhook.status": status}
        self._child(
            session,
            f"request {what.rpartition('/')[2]}",
            "server",
            begin_ns,
            now_ns,
            attributes,
            failed,
        )

    def tried(self, several: Sequence[Tried]) -> None:
        """Attempts to deliver notifications were made."""
        for one in several:
            made, outcome = one.attempt, one.outcome
            known = self._told.get(one.notification_id)
            if known is None:
                continue
            if outcome is not AttemptOutcome.FAILED:
                del self._told[one.notification_id]
            session, block = known
            begin_ns = round(made.at * 1e9)
            attributes: dict[str, str | int] = {
                "onhook.notification_id": one.notification_id,
                "onhook.attempt": made.number,
                "onhook.outcome": outcome.value,
            }
            if made.status is not None:
                attributes["http.response.status_code"] = made.status
            self._child(
                session,
                f"notify {block}".rstrip(),
                "client",
                begin_ns,
                begin_ns + round(made.duration_ms * 1e6),
                attributes,
                "" if outcome is AttemptOutcome.DELIVERED else outcome.value,
            )

    def left(self, going_on: Sequence[CallRecord], over: Sequence[CallRecord]) -> None:
        """Calls that another process had: of those that this one goes on with what was open begins anew, and
        those that died with it are told of here."""
        for record in going_on:
            self._follow(record)
        for record in over:
            if record.cause == "crash":
                self._keep(_of_call(record))

    def _follow(self, record: CallRecord) -> None:
        over = record.ended_ms is not None and record.state == State.ENDED.value
        call = self._calls.get(record.session)
        if call is None:
            if over:
                return  # told of already; what is written now is about its peer
            call = self._calls[record.session] = _Call()
            call.block = _Open(record.contact_block or "dial", time.time_ns(), {})
        now_ns = time.time_ns()
        if record.state in _IDLE:
            self._end_block(record.session, call, now_ns)
        self._follow_legs(record, call, now_ns)
        if over:
            for leg in call.legs.values():
                self._end_leg(record.session, leg, now_ns)
            del self._calls[record.session]
            self._keep(_of_call(record))

    def _follow_legs(self, record: CallRecord, call: _Call, now_ns: int) -> None:
        """A leg is there as long as its dialog is."""
        there = {str(dialog.get("call_id")): dialog for dialog in record.dialog.several}
        for call_id in [one for one in call.legs if one not in there]:
            self._end_leg(record.session, call.legs.pop(call_id), now_ns)
        for call_id, dialog in there.items():
            if call_id not in call.legs:
                trunk = str(dialog.get("trunk") or "") or _trunk_of(record)
                outgoing = bool(dialog.get("trunk"))
                call.legs[call_id] = _Open(
                    "leg out" if outgoing else "leg in", now_ns, {"onhook.trunk": trunk}
                )

    def _end_leg(self, session: str, leg: _Open, now_ns: int) -> None:
        kind: Kind = "client" if leg.name == "leg out" else "server"
        self._child(session, leg.name, kind, leg.begin_ns, now_ns, leg.attributes)

    def _end_block(self, session: str, call: _Call, now_ns: int) -> None:
        block, call.block = call.block, None
        if block is not None:
            name = f"block {block.name}"
            self._child(session, name, "internal", block.begin_ns, now_ns, block.attributes)

    def _child(
        self,
        session: str,
        name: str,
        kind: Kind,
        begin_ns: int,
        end_ns: int,
        attributes: Attributes,
        failed: str = "",
    ) -> None:
        trace_id, of_call = ids(session)
        self._keep(
            Span(
                trace_id, token_bytes(8), of_call, name, kind, begin_ns, end_ns, attributes, failed
            )
        )


@lru_cache(maxsize=1024)
def ids(session: str) -> tuple[bytes, bytes]:
    """The trace of a session, and the span of its call: 16 and 8 bytes."""
    digest = hashlib.sha256(b"onhook call " + session.encode()).digest()
    return digest[:16], digest[16:24]


def _of_call(record: CallRecord) -> Span:
    trace_id, span_id = ids(record.session)
    attributes: dict[str, str | int | bool] = {
        "onhook.session": record.session,
        "onhook.txn_ref": record.txn_ref,
        "onhook.app_id": record.app_id,
        "onhook.direction": record.direction,
        "onhook.trunk": _trunk_of(record),
        "onhook.answered": record.answered_ms is not None,
        "onhook.ended_by": record.ended_by,
        "onhook.cause": record.cause,
        "onhook.duration_ms": record.duration_ms,
        "onhook.srtp": record.facts.srtp,
        **{f"onhook.media.{name}": value for name, value in record.facts.media},
    }
    if record.sip_code is not None:
        attributes["onhook.sip_code"] = record.sip_code
    return Span(
        trace_id,
        span_id,
        b"",
        f"call {record.direction}",
        "client" if record.direction == "out" else "server",
        record.began_ms * 1_000_000,
        (record.ended_ms or record.began_ms) * 1_000_000,
        attributes,
        record.cause if record.cause in _FAULTS else "",
    )


def _trunk_of(record: CallRecord) -> str:
    """The trunk that it came by, or left by; empty if it did by none."""
    return record.facts.trunk or dict(record.facts.always).get("trunk", "")
