"""The record of a call, and what is written with each change of it.

A change, the notifications that it caused and the replies that it promised are one transaction; only
when it is on disk do those leave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from onhook import call as machine
from onhook.call import Call, Fields, Notification, State
from onhook.calls import bills, call_record, clock, kept_replies, notices
from onhook.calls.call_metrics import CallMetrics
from onhook.calls.journal import Journal
from onhook.calls.pending_request import PendingRequest
from onhook.store import CallRecord, IdempotentReply, StoredDialogs, StoredGoingOn, Writes

log = structlog.get_logger()

_ENDED = State.ENDED.value


class BookOwner(Protocol):
    """The call whose book it is."""

    @property
    def srtp(self) -> str:
        """The suite by which its audio is encrypted; empty in the clear."""

    @property
    def logged(self) -> Mapping[str, object]:
        """What the log says of its first leg."""

    def recorded(self) -> None:
        """Its first state is on disk: from now on others may know of it."""

    def closed_book(self) -> None:
        """Its end is on disk."""

    def unrecorded(self) -> None:
        """Its first state cannot be written: it is as if it never came."""


class CallBook:
    """Writes one call. ``record`` is what was last submitted."""

    def __init__(
        self,
        record: CallRecord,
        owner: BookOwner,
        journal: Journal,
        metrics: CallMetrics,
        deliver: Callable[[Notification], None],
    ) -> None:
        self.record = record
        self._owner = owner
        self._journal = journal
        self._metrics = metrics
        self._deliver = deliver
        self._carried: dict[str, Mapping[str, int]] = {}
        """What the streams of its legs carried, as the log says it."""
        self._asked = False
        """A request was accepted: the tag of the first one is that of the call (reference, section 7)."""
        self._known = False
        """Its first state is on disk: a call that nobody knows of is turned away, not kept."""
        self._abandoned = False
        self._closed = False

    def take_over(self) -> None:
        """The call was an earlier process's, and is on disk since then."""
        record, self._known = self.record, True
        self._asked = record.direction == "out" or record.answered_ms is not None

    def abandon(self) -> None:
        """Nothing more is written of it here."""
        self._abandoned = True

    def write(
        self,
        call: Call,
        accepted: Sequence[PendingRequest],
        told: Sequence[machine.Notify],
        dialog: StoredDialogs | None,
        then: Callable[[], None] | None = None,
        going_on: StoredGoingOn | None = None,
    ) -> None:
        """Submits the call as it is now; of ``dialog`` and ``going_on`` each is None if nothing of it
        changed.

        ``then`` is called when it is on disk.
        """
        for pending in accepted:
            if pending.request.media:
                self.record = _tells_media(self.record)
        changes = call_record.changes(
            self.record, call, told=len(told), dialog=dialog, srtp=self._owner.srtp
        )
        if going_on is not None and call.end is None:
            changes["going_on"] = going_on
        if self._abandoned or not (changes or accepted or told):
            if then is not None:
                self._journal.behind(then)
            return
        if accepted and not self._asked:
            self._asked, changes["tag"] = True, accepted[0].request.tag
        before, record = self.record, _changed(self.record, changes)
        if record.ended_ms is not None and record.direction == "out":
            record = _left_by(record, str(self._owner.logged.get("trunk", "")))
        self.record = record
        if record.state == _ENDED and before.state != _ENDED:
            self._note_end()
        notifications = [
            notices.notification(record, effect.contact, effect.call_state, sequence)
            for sequence, effect in enumerate(told, before.sequence + 1)
        ]
        ended = call.state is State.ENDED
        writes = Writes(
            calls=(record,),
            notifications=tuple(notifications),
            debits=bills.debits(record) if ended else (),
            replies=_replies(record.app_id, accepted) if accepted else (),
        )
        self._journal.write(
            record.session,
            writes,
            on_disk=partial(self._on_disk, notifications, record.state, then),
            tried=partial(self._tried, accepted),
            # Of an ACK, say. What has become of the call is not kept waiting, though nobody asks for it.
            patient=self._known
            and record.state == before.state
            and not (accepted or told or ended or then),
        )

    def release(self) -> None:
        """Nothing more is written: the call is over."""
        del self._owner

    def note_sip_code(self, code: int | None) -> None:
        """Why somebody was not reached; written with what comes of it."""
        self.record = self.record.changed({"sip_code": code})

    def note_media(
        self, media: Fields, carried: Mapping[str, int], *, of_peer: bool = False
    ) -> None:
        """What the audio of its first leg was like, or that of its peer; written with what comes next."""
        if carried:
            self._carried["peer_media" if of_peer else "media"] = carried
        facts = self.record.facts
        if media and media is not (facts.peer_media if of_peer else facts.media):
            facts = replace(facts, peer_media=media) if of_peer else replace(facts, media=media)
            self.record = self.record.changed({"facts": facts})

    def _note_end(self) -> None:
        """The end is logged and counted once it is known: the answer to our BYE may show it to be another.

        It is the one line of a call that nothing went wrong with, so it says all that there is.
        """
        record = self.record
        log.info(
            "call_ended",
            session=record.session,
            txn_ref=record.txn_ref,
            direction=record.direction,
            **self._owner.logged,
            ended_by=record.ended_by,
            cause=record.cause,
            sip_code=record.sip_code,
            duration_ms=record.duration_ms,
            **notices.lost_fields(record),
            **self._carried,
            private=_numbers(record),
        )
        talked_s = None if record.answered_ms is None else record.duration_ms / 1000
        self._metrics.ended(record.ended_by, record.cause, record.direction, talked_s)

    def _tried(self, accepted: Sequence[PendingRequest], error: Exception | None) -> None:
        """Requests get their reply: what could not be written at once was not accepted."""
        for pending in accepted:
            if error is None:
                pending.accept()
            else:
                pending.fail(error)
        if error is not None and not self._known and not self._abandoned:
            self._abandon()

    def _on_disk(
        self,
        notifications: Sequence[Notification],
        state: str,
        then: Callable[[], None] | None,
    ) -> None:
        """It is written, and everything before it: now others are told."""
        if not self._known:
            self._known = True
            self._owner.recorded()
        if then is not None:
            then()
        for notification in notifications:
            self._deliver(notification)
        if state == _ENDED and not self._closed:
            self._closed = True  # what becomes of its peer may be written later
            self._owner.closed_book()

    def _abandon(self) -> None:
        """Nothing can be written, and nobody was told of the call."""
        self._abandoned = True
        log.error("call_abandoned", session=self.record.session)
        self._journal.forget(self.record.session)
        self._owner.unrecorded()


def _replies(app_id: str, accepted: Sequence[PendingRequest]) -> tuple[IdempotentReply, ...]:
    """What is written of the requests, so that each is answered the same when it is repeated."""
    return tuple(
        reply
        for pending in accepted
        for reply in kept_replies.accepted(app_id, pending.request.key, pending.reply)
    )


def _numbers(record: CallRecord) -> dict[str, str]:
    """Whom the log names, where it is allowed to."""
    if record.direction == "out":
        return {"dest": record.dest_number}
    return {"from": record.from_number, "to": record.to_number}


def _tells_media(record: CallRecord) -> CallRecord:
    return record.changed({"facts": replace(record.facts, tells_media=True)})


def _left_by(record: CallRecord, trunk: str) -> CallRecord:
    """The record of a call of ours that is over knows its trunk: its dialog, which says so, goes."""
    if record.facts.trunk == trunk:
        return record
    return record.changed({"facts": replace(record.facts, trunk=trunk)})


def _changed(record: CallRecord, changes: dict[str, object]) -> CallRecord:
    """The record as of now; a call that has ended needs no other clock than that of people."""
    changes["written_ms"], changes["written_mono_ms"] = clock.now_ms()
    ended_ms = changes.get("ended_ms", record.ended_ms)
    changes["boot_id"] = clock.boot_id() if ended_ms is None else ""
    return record.changed(changes)
