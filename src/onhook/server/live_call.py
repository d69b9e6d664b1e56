"""A call that is going on: it turns what happens into events, and performs the effects.

One object a call, on the event loop, without a task of its own: the phone, the media plane, requests
and timers call in; every change goes through :func:`onhook.call.step`. What changed is written in one
transaction with the notifications it caused, and only then do those leave and requests get their reply.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import structlog

from onhook import call as machine
from onhook.billing import Bill, Rate, bill, money
from onhook.blocks import BlockRequest
from onhook.call import Call, Contact, Effect, Event, Job, State
from onhook.media.errors import NoPortLeft
from onhook.media.g711 import Codec
from onhook.media.plane import MediaPlane, PortReservation
from onhook.media.stream import Stream, StreamStats
from onhook.notify.notification import Notification
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.sdp import RemoteMedia
from onhook.server import clock, notices
from onhook.server.identifiers import new_notification_id
from onhook.server.metrics import Metrics
from onhook.server.preparation import Preparation
from onhook.server.ticket import Ticket
from onhook.store import CallRecord, NotificationRecord, Store, Writes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a process uses."""

    store: Store
    plane: MediaPlane
    preparation: Preparation
    metrics: Metrics
    deliver: Callable[[Notification], None]
    rate: Rate
    local_ip: Callable[[str], str]
    """The address of ours to which a peer is to send audio."""


class LiveCall:
    """The owner of one incoming call. Listens to its SIP dialog and to its media stream."""

    def __init__(
        self,
        record: CallRecord,
        call: Call,
        leg: IncomingCall,
        around: Surroundings,
        on_over: Callable[["LiveCall"], None],
    ) -> None:
        self.record = record
        self._call = call
        self._leg = leg
        self._around = around
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._tickets: dict[int, Ticket] = {}
        self._request_ids = count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._port: PortReservation | None = None
        self._stream: Stream | None = None
        self._log = log.bind(session=record.session)

    @property
    def state(self) -> State:
        """Where the call is in its life."""
        return self._call.state

    def begin(self, effects: Sequence[Effect]) -> None:
        """Rings, and performs the effects of the call's arrival."""
        self._leg.ring()
        self._log.info("call_ringing", txn_ref=self.record.txn_ref)
        self._perform_all(effects, before=None)

    # Requests ---------------------------------------------------------------------------------

    async def run(self, request: BlockRequest, arrived_s: float) -> None:
        """Returns when the request may be answered with success_ok. Raises :class:`Refused`."""
        ticket = self._admit(request, arrived_s)
        try:
            if not ticket.answer.done():
                await self._prepare(ticket)
            await ticket.answer
        finally:
            if ticket.answer.done() and ticket.job != self._call.job:
                self._tickets.pop(ticket.job.request_id, None)

    def _admit(self, request: BlockRequest, arrived_s: float) -> Ticket:
        job = Job(
            request_id=next(self._request_ids),
            block=request.block.name,
            notify_url=request.notify_url,
            tag=request.tag,
            speaks=request.message is not None,
            hangs_up=request.block.hangs_up,
            force=request.force,
        )
        ticket = Ticket(job, request, arrived_s, self._loop.create_future())
        self._tickets[job.request_id] = ticket
        self._feed(machine.Requested(clock.now_s(), job))
        return ticket

    async def _prepare(self, ticket: Ticket) -> None:
        """Gets ready what the request needs, unless the call goes to its end meanwhile."""
        request_id = ticket.job.request_id
        try:
            self._take_port(ticket.job)
            ticket.prompts = await self._around.preparation.prepare(ticket.request, ticket.answer)
        except BaseException as error:
            # Whatever went wrong, the reservation must not outlive its request.
            self._feed(machine.PreparationFailed(clock.now_s(), request_id))
            ticket.fail(error)
            raise
        if not ticket.answer.done():
            self._feed(machine.Prepared(clock.now_s(), request_id))

    def _take_port(self, job: Job) -> None:
        """A call that is to be answered needs a port for its audio; better known before than after."""
        if not job.speaks or self._call.answered or self._port is not None:
            return
        try:
            self._port = self._around.plane.reserve()
        except NoPortLeft as error:
            self._log.error("no_rtp_port_left")
            raise RuntimeError("every port of --rtp-ports is in use") from error

    # What the phone says (phone.CallListener) ---------------------------------------------------

    def cancelled(self) -> None:
        """CANCEL while it rang."""
        self._feed(machine.Cancelled(clock.now_s()))

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """The ACK to our 200; with the SDP answer if the INVITE had no offer."""
        if answer is not None and self._stream is None:
            self._open_stream(answer)
        self._feed(machine.Acknowledged(clock.now_s()))

    def hung_up(self, cause: SipCause) -> None:
        """The far end's BYE."""
        self._feed(machine.HungUp(clock.now_s(), cause.text))

    def hangup_done(self, cause: SipCause) -> None:
        """The transaction of our BYE is over."""
        self._feed(machine.HangupDone(clock.now_s()))

    def no_ack(self) -> None:
        """Our 200 was never acknowledged; the phone has sent the BYE."""
        self._feed(machine.Unacknowledged(clock.now_s()))

    def media_moved(self, media: RemoteMedia) -> None:
        """A re-INVITE gave another address for the audio."""
        if self._stream is not None:
            self._stream.set_remote((media.ip, media.port))

    def digit(self, digit: str) -> None:
        """A digit, by SIP INFO or RFC 4733. No block gathers digits yet."""

    # What the media plane says (media.StreamListener) -------------------------------------------

    def rtp_started(self) -> None:
        """The caller's first audio arrived."""

    def rtp_timeout(self) -> None:
        """No audio arrives. Callers may be silent (they need not send), so this alone ends nothing."""

    def closed(self, stats: StreamStats) -> None:
        """The stream is gone; what it carried goes into the log."""
        self._log.info(
            "media_closed",
            sent=stats.sent_packets,
            received=stats.received_packets,
            lost=stats.lost,
            send_errors=stats.send_errors,
        )

    def shut_down(self) -> None:
        """The process ends."""
        self._feed(machine.Shutdown(clock.now_s()))

    # The machine --------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        before = self._call
        self._call, effects = machine.step(before, event)
        if self._call is not before or effects:
            self._perform_all(effects, before)

    def _perform_all(self, effects: Sequence[Effect], before: Call | None) -> None:
        """Performs the effects, sets the timer, and writes what changed with what it caused."""
        accepted: list[Ticket] = []
        told: list[machine.Notify] = []
        for effect in effects:
            match effect:
                case machine.Accept(request_id):
                    accepted.append(self._tickets[request_id])
                case machine.Notify():
                    told.append(effect)
                case _:
                    self._perform(effect)
        self._arm(before)
        if self._call.state in (State.CLOSING, State.ENDED):
            self._close_media()
        self._write(accepted, told)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case machine.Reserve():
                pass  # whoever asked goes on to prepare it
            case machine.Refuse(request_id, status) | machine.Overtake(request_id, status):
                self._tickets[request_id].refuse(status)
            case machine.Answer():
                self._answer()
            case machine.Reject(code):
                self._leg.reject(code)
                self._loop.call_soon(lambda: self._feed(machine.HangupDone(clock.now_s())))
            case machine.Play(request_id):
                self._play(request_id)
            case machine.StopMedia():
                if self._stream is not None:
                    self._stream.stop()
            case machine.HangUp():
                self._leg.hangup()

    def _answer(self) -> None:
        if self._port is None:
            raise AssertionError("a call is answered only after it was given a port")
        port = self._port.port
        if self._leg.offer is not None:
            self._open_stream(self._leg.offer)
        self._leg.answer(ip=self._around.local_ip(self._leg.source[0]), port=port)

    def _open_stream(self, media: RemoteMedia) -> None:
        if self._port is None:
            return
        self._stream = self._around.plane.open(
            self._port,
            remote=(media.ip, media.port),
            codec=Codec(media.codecs[0]),
            dtmf_payload_type=media.dtmf_payload_type,
            listener=self,
        )
        self._port = None

    def _play(self, request_id: int) -> None:
        if self._stream is None:
            return
        self._stream.play(
            self._tickets[request_id].prompts,
            lambda sent_s: self._feed(machine.Played(sent_s, request_id)),
        )

    def _arm(self, before: Call | None) -> None:
        """One timer a call: the one that the present state asks for."""
        due_at = self._call.due_at
        if before is not None and due_at == before.due_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_at is not None:
            delay_s = max(0.0, due_at - clock.now_s())
            # Loops round to their own tick; an event that came a hair early would be ignored.
            self._timer = self._loop.call_later(
                delay_s, lambda: self._feed(machine.Due(max(due_at, clock.now_s())))
            )

    def _close_media(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._port is not None:
            self._port.release()
            self._port = None

    # What is written ----------------------------------------------------------------------------

    def _write(self, accepted: Sequence[Ticket], told: Sequence[machine.Notify]) -> None:
        record = self._record(len(told))
        if record == self.record and not accepted and not told:
            return
        first = self.record.sequence + 1
        self.record = record
        notifications = [
            self._notification(effect, sequence) for sequence, effect in enumerate(told, first)
        ]
        writes = Writes(calls=(record,), notifications=tuple(notifications))
        written = self._around.store.submit(writes)
        written.add_done_callback(
            lambda future: self._written(future, accepted, notifications, record.state)
        )

    def _written(
        self,
        future: "asyncio.Future[None]",
        accepted: Sequence[Ticket],
        notifications: Sequence[NotificationRecord],
        state: str,
    ) -> None:
        """It is on disk: now requests get their reply and notifications leave."""
        error = future.exception()
        if error is not None:
            self._log.error("write_failed", error=type(error).__name__)
        for ticket in accepted:
            if error is None:
                ticket.accept()
            else:
                ticket.fail(error)
        if error is None:
            for notification in notifications:
                self._around.deliver(outgoing(notification))
        if state == State.ENDED.value:
            self._on_over(self)

    def _record(self, told: int) -> CallRecord:
        """The call as it is to be stored. A reservation is not: it does not survive a restart."""
        call = self._call
        state = call.state
        if state is State.PREPARING:
            state = State.WAITING if call.answered else State.RINGING
        contact = call.contact or Contact("", "")
        record = replace(
            self.record,
            state=state.value,
            answered_ms=self._wall_ms(self.record.answered_ms, call.answered_at),
            contact_block=contact.block,
            contact_url=contact.url,
            contact_tag=contact.tag,
            sequence=self.record.sequence + told,
        )
        if call.answered and not record.dialog:
            record = replace(record, dialog=json.dumps(self._leg.record().as_dict()))
        if call.end is None or record.ended_ms is not None:
            return record
        came_to = self._bill()
        self._log.info(
            "call_ended",
            txn_ref=record.txn_ref,
            ended_by=call.end.by.value,
            cause=call.end.cause,
            duration_ms=came_to.duration_ms,
        )
        self._around.metrics.ended(call.end.by.value, call.end.cause)
        return replace(
            record,
            ended_ms=clock.wall_ms(call.end.at),
            duration_ms=came_to.duration_ms,
            minutes=came_to.minutes,
            debit=money(came_to.debit),
            ended_by=call.end.by.value,
            cause=call.end.cause,
            sip_cause=call.end.sip_cause,
        )

    @staticmethod
    def _wall_ms(known_ms: int | None, at_s: float | None) -> int | None:
        """Translated once: the wall clock may be set while the call goes on."""
        return known_ms if known_ms is not None or at_s is None else clock.wall_ms(at_s)

    def _bill(self) -> Bill:
        if self._call.end is None:
            raise AssertionError("only a call that ended has a bill")
        return bill(self._around.rate, self._call.answered_at, self._call.end.at)

    def _notification(self, effect: machine.Notify, sequence: int) -> NotificationRecord:
        fields = notices.fields(self.record, effect.contact, effect.call_state)
        if self._call.state is State.ENDED and self._call.end is not None:
            fields |= notices.ended_fields(self.record, self._bill(), self._call.end)
        return NotificationRecord(
            notification_id=new_notification_id(),
            session=self.record.session,
            app_id=self.record.app_id,
            sequence=sequence,
            url=effect.contact.url,
            fields=json.dumps(fields, ensure_ascii=False),
            created_ms=clock.wall_ms(clock.now_s()),
        )


def outgoing(record: NotificationRecord) -> Notification:
    """A stored notification as the outbox takes it."""
    return Notification(
        id=record.notification_id,
        session=record.session,
        sequence=record.sequence,
        app_id=record.app_id,
        url=record.url,
        fields=json.loads(record.fields),
        first_attempt_at=_seconds(record.first_attempt_ms),
        attempts=record.attempts,
        next_at=_seconds(record.next_ms),
    )


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
