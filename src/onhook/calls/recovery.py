"""After a crash: the calls that a worker left behind are ended, billed and told of.

First on disk, then to anybody: a call's end, its debit and its terminal notification are one
transaction, and only afterwards a BYE or a notification leaves. The record keeps its ``dialog`` until
the call is ended at the phone too. So a crash during recovery costs nothing: the next start finds
what is still to be done, and does that and no more.

======================  ==================================================  ==========================
the record says         what may be true at the phone                       what the phone gets
======================  ==================================================  ==========================
dialling                the callee's phone rings; or our INVITE never left  CANCEL; a BYE if it answered
ringing, or answered    it rings; or our 200 left and has not arrived yet   480; a BYE if no ACK comes
and not acknowledged
ended by its caller,    it gave up, and may not have been told so           487
who rang
answered                it talks                                            BYE
closing, or ended       our BYE or rejection may be lost                    the same once more, with the
                                                                            application's headers
======================  ==================================================  ==========================

A call that was passed on has two phones, and each gets what it has to get.

A call that was going on is billed to the last moment at which it is known to have done so, the later
of its own last write and the worker's last heartbeat, and never beyond. All of them are moments of the
monotonic clock of one boot: whoever sets the wall clock changes dates, and no bill.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from onhook import call as machine
from onhook import urls
from onhook.billing import bill_ms
from onhook.call import Contact, EndedBy, Fields, Notification, State
from onhook.calls import bills, clock, dialogs, notices
from onhook.calls.dialogs import OpenDialog
from onhook.calls.poisonous import log_if_poisonous
from onhook.calls.trunks import WayOut
from onhook.phone.cause import SipCause
from onhook.phone.endpoint import SipEndpoint
from onhook.phone.trunk import Trunk
from onhook.store import NO_DIALOGS, NOT_GOING_ON, CallRecord, Store, WorkerAlive, Writes
from onhook.store.orphans import last_alive
from onhook.urls import UrlRefused

log = structlog.get_logger()

CAUSE = "crash"
_UNAVAILABLE = 480
_TERMINATED = 487
"""To a caller who gave up (RFC 3261 9.2)."""
_TOGETHER = 200
"""Calls whose ends share a transaction."""
_AT_ONCE = 20
_PAUSE_S = 0.02
"""So many calls are ended at the phone, then the others get a turn: 1,000 calls a second."""


async def settle(store: Store, owner: str, left: Sequence[CallRecord]) -> Sequence[CallRecord]:
    """Writes the ends of what this worker left behind and nobody goes on with; nothing leaves yet.

    Returns the calls that are still to be ended at the phone. Raises StoreError or SQLAlchemyError.
    """
    alive = await last_alive(store, owner) if left else None
    now_ms = clock.wall_ms(clock.now_s())
    open_calls = [record for record in left if record.state != State.ENDED.value]
    for record in open_calls:
        log_if_poisonous(record)
    settled = [ended(record, alive, now_ms) for record in open_calls]
    settled += [(record, ()) for record in left if record.state == State.ENDED.value]
    settled = [(_renumbered(record), told) for record, told in settled]
    for start in range(0, len(settled), _TOGETHER):
        part = settled[start : start + _TOGETHER]
        notified = [notification for _, told in part for notification in told]
        await store.submit(
            Writes(
                calls=tuple(record for record, _ in part),
                notifications=tuple(notified),
                debits=tuple(debit for record, _ in part for debit in bills.debits(record)),
            )
        )
    if left:
        log.warning("calls_recovered", ended=len(open_calls), to_hang_up=len(left))
    return [record for record, _ in settled]


def ended(
    record: CallRecord, alive: WorkerAlive | None, now_ms: int
) -> tuple[CallRecord, tuple[Notification, ...]]:
    """How a call that was going on is recorded to have ended, and the notification of it, if any. Pure.

    ``dialog`` stays: it is still to be ended at the phone. A call that was on its way out keeps the
    end that it had.
    """
    if record.ended_ms is None:
        record = _crashed(record, alive, now_ms)
    record = replace(record, state=State.ENDED.value, written_ms=now_ms)
    told = last_contacts(record)
    first = record.sequence + 1
    record = replace(record, sequence=record.sequence + len(told))
    return record, tuple(
        notices.notification(record, contact, "ended", sequence)
        for sequence, contact in enumerate(told, first)
    )


def last_contacts(record: CallRecord) -> tuple[Contact, ...]:
    """Who gets a terminal notification: one, and a second if the call was monitored for another URL."""
    return machine.last_contacts(_contact(record), record.facts.monitor)


def _contact(record: CallRecord) -> Contact | None:
    """Who was to be told, as it was written; nobody where that cannot be called any more."""
    if not record.contact_url:
        return None
    try:
        url = urls.parse(record.contact_url)
    except UrlRefused as error:
        log.error("contact_unusable", session=record.session, reason=error.detail)
        return None
    return Contact(record.contact_block, url, record.contact_tag, record.facts.fields)


def _crashed(record: CallRecord, alive: WorkerAlive | None, now_ms: int) -> CallRecord:
    if not _acknowledged(record):
        record = replace(record, answered_ms=None, answered_mono_ms=None)
    written_ms, answered_ms, alive_ms = _on_one_clock(record, alive)
    known_ms = max(0, alive_ms - written_ms)  # it went on for so long after its own last write
    duration_ms = None if answered_ms is None else max(0, written_ms + known_ms - answered_ms)
    record = _unreached(bills.billed(record, bill_ms(bills.rate_of(record), duration_ms)))
    ended_ms = max(record.began_ms, min(record.written_ms + known_ms, now_ms))
    return replace(
        record,
        ended_ms=ended_ms,
        ended_by=EndedBy.SYSTEM.value,
        cause=CAUSE,
        boot_id="",
        going_on=NOT_GOING_ON,
    )


def _acknowledged(record: CallRecord) -> bool:
    """Whether the caller can have heard anything: until its ACK, its INVITE is kept in the dialog."""
    try:
        return all(one.record.pending is None for one in dialogs.read(record.dialog))
    except ValueError:
        return True


def _on_one_clock(record: CallRecord, alive: WorkerAlive | None) -> tuple[int, int | None, int]:
    """When the call was written and answered last, and its worker alive: the monotonic clock, unless the
    record is of an Onhook that did not write that. A heartbeat of another boot says nothing."""
    if not record.boot_id:
        return record.written_ms, record.answered_ms, alive.alive_ms if alive else 0
    beat = alive is not None and alive.boot_id == record.boot_id
    alive_ms = alive.alive_mono_ms if alive and beat else 0
    return record.written_mono_ms, record.answered_mono_ms, alive_ms


def _unreached(record: CallRecord) -> CallRecord:
    """A callee who had not answered was not reached."""
    if record.state != State.DIALLING.value:
        return record
    return replace(record, facts=replace(record.facts, fields=(("dial_status", "failed"),)))


def _renumbered(record: CallRecord) -> CallRecord:
    return replace(record, dialog=dialogs.renumbered(record.dialog))


class PhoneRecovery:
    """Ends recovered calls at their phones, and notes in their records that this was done."""

    def __init__(
        self,
        store: Store,
        endpoint: SipEndpoint,
        ways_out: Callable[[], Awaitable[Sequence[WayOut]]],
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._ways_out = ways_out
        self._trunks: Mapping[str, Trunk] = {}

    async def run(self, calls: Sequence[CallRecord]) -> None:
        """Sends what each phone has to get, some at a time; repetitions go on afterwards."""
        if calls:
            self._trunks = {way.name: way.trunk for way in await self._ways_out()}
        for number, record in enumerate(calls):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(_PAUSE_S)
            try:
                self._end_all(record, dialogs.read(record.dialog))
            except ValueError:
                log.exception("dialog_not_readable", session=record.session)
                self._done(record)

    def _end_all(self, record: CallRecord, left: Sequence[OpenDialog]) -> None:
        """Its record is done when the last of its dialogs is."""
        open_dialogs = len(left)

        def one_done() -> None:
            nonlocal open_dialogs
            open_dialogs -= 1
            if open_dialogs <= 0:
                self._done(record)

        if not left:
            self._done(record)
        for number, dialog in enumerate(left):
            # What the application has to say is for the first leg, which was written first.
            self._end(record, dialog, record.facts.parting if number == 0 else (), one_done)

    def _end(
        self, record: CallRecord, left: OpenDialog, headers: Fields, on_done: Callable[[], None]
    ) -> None:
        dialog = left.record

        def hung_up(cause: SipCause) -> None:
            why = {"why": cause.text} if cause.text else {}
            log.info("orphan_hung_up", session=record.session, status=cause.status, **why)
            on_done()

        def hang_up() -> None:
            self._endpoint.hangup_orphan(dialog, hung_up, self._trunks.get(left.trunk), headers)

        if dialog.pending is None:
            hang_up()
        else:
            self._endpoint.reject_orphan(
                dialog,
                _rejection(record),
                lambda acknowledged: on_done() if acknowledged else hang_up(),
                headers,
            )

    def _done(self, record: CallRecord) -> None:
        """If this cannot be written, the phone gets its BYE once more after the next start."""
        facts = replace(record.facts, parting=())
        now_ms = clock.wall_ms(clock.now_s())
        record = replace(record, dialog=NO_DIALOGS, facts=facts, written_ms=now_ms)
        try:
            written = self._store.submit(Writes(calls=(record,)))
        except RuntimeError:  # the store is closed: the process ends
            return
        written.add_done_callback(_note_failure)


def _rejection(record: CallRecord) -> int:
    """The response that a caller who still waits was to get, where that was settled before the crash."""
    settled = record.direction == "in" and record.answered_ms is None
    if settled and record.ended_by == EndedBy.CALLER.value:
        return _TERMINATED
    return record.sip_code if settled and record.sip_code else _UNAVAILABLE


def _note_failure(written: "asyncio.Future[None]") -> None:
    if not written.cancelled() and written.exception() is not None:
        log.warning("orphan_not_noted", error=type(written.exception()).__name__)
