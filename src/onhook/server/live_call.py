"""A call that is going on: it turns what happens into events, and performs the effects.

One object a call, on the event loop, without a task of its own: the phone, the media plane, requests
and timers call in; every change goes through :func:`onhook.call.step`. What changed is written in one
transaction with the notifications it caused, and only then do those leave and requests get their reply.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import structlog

from onhook import call as machine
from onhook.blocks import BlockRequest
from onhook.call import Call, Effect, Event, Job, State
from onhook.media.errors import NoPortLeft
from onhook.media.g711 import Codec
from onhook.media.plane import MediaPlane, PortReservation
from onhook.media.stream import Stream, StreamStats
from onhook.notify.notification import Notification
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallState
from onhook.phone.sdp import NOBODY, RemoteMedia
from onhook.server import bills, call_record, clock, idempotency, notices
from onhook.server.credit import Meter
from onhook.server.journal import Journal
from onhook.server.metrics import Metrics
from onhook.server.preparation import Preparation
from onhook.server.pricing import Pricing
from onhook.server.silence import SilenceWatch
from onhook.server.speaking import Speaking
from onhook.server.ticket import Ticket
from onhook.store import CallRecord, NotificationRecord, Store, Writes

log = structlog.get_logger()

_RETRY_LATER = (("Retry-After", "10"),)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a process uses."""

    store: Store
    journal: Journal
    plane: MediaPlane
    preparation: Preparation
    metrics: Metrics
    deliver: Callable[[Notification], None]
    pricing: Pricing
    local_ip: Callable[[str], str]
    """The address of ours to which a peer is to send audio."""
    silence_s: float
    """How long a caller may send no audio before it is asked whether it is still there."""


class LiveCall:
    """The owner of one incoming call. Listens to its SIP dialog and to its media stream."""

    def __init__(
        self,
        record: CallRecord,
        call: Call,
        leg: IncomingCall,
        around: Surroundings,
        on_over: Callable[["LiveCall"], None],
        meter: Meter,
    ) -> None:
        self.record = record
        self._call = call
        self._leg = leg
        self._around = around
        self._on_over = on_over
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self._tickets: dict[int, Ticket] = {}
        self._request_ids = count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._silence = SilenceWatch(leg.probe, self._gone, around.silence_s)
        self._dialog_changed = True
        self._known = False
        """Its first state is on disk: a call that nobody knows of is turned away, not kept."""
        self._abandoned = False
        self._port: PortReservation | None = None
        self._stream: Stream | None = None
        self._speaking: Speaking | None = None
        self._log = log.bind(session=record.session)

    @property
    def state(self) -> State:
        """Where the call is in its life."""
        return self._call.state

    @property
    def hung_up_by_application(self) -> bool:
        """Whether the call is over, or on its way out, because the application hung it up."""
        end = self._call.end
        return end is not None and end.by is machine.EndedBy.APPLICATION

    def begin(self, effects: Sequence[Effect]) -> None:
        """Performs the effects of the call's arrival; it rings as soon as that is on disk.

        Until then the caller hears nothing, and repeats its INVITE: should this process die, then to
        the next one, for which it is a new call. So no caller waits on a call that is forgotten.
        """
        if self._call.expires_at is not None:
            delay_s = max(0.0, self._call.expires_at - clock.now_s())
            self._expiry = self._loop.call_later(
                delay_s, lambda: self._feed(machine.SessionExpired(clock.now_s()))
            )
        self._perform_all(effects, before=None)

    def turn_away(self) -> None:
        """Rejects the call, which its account cannot pay for; the application is told of its end only."""
        self.out_of_credit(clock.now_s())

    # Requests ---------------------------------------------------------------------------------

    async def run(self, request: BlockRequest, arrived_s: float) -> None:
        """Returns when the request may be answered with success_ok. Raises :class:`Refused`."""
        ticket = self._admit(request, arrived_s)
        try:
            if not ticket.answer.done():
                await self._prepare(ticket)
            await ticket.answer
        finally:
            self._drop_answered()

    def _drop_answered(self) -> None:
        """Of the answered requests only the one whose block is in progress is still needed."""
        self._tickets = {
            request_id: ticket
            for request_id, ticket in self._tickets.items()
            if not ticket.answer.done() or ticket.job == self._call.job
        }

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
            ticket.message = await self._around.preparation.prepare(ticket.request, ticket.answer)
        except BaseException as error:
            # Whatever went wrong, the reservation must not outlive its request.
            self._feed(machine.PreparationFailed(clock.now_s(), request_id))
            ticket.fail(error)
            raise
        if ticket.answer.done():
            ticket.message.close()
        else:
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
        self._dialog_changed = True
        if answer is not None and self._stream is None:
            self._guarded(lambda: self._open_stream(answer))
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
        """A re-INVITE gave another address for the audio.

        One that holds the call by 0.0.0.0 gives none: what plays goes on to where it went.
        """
        self._dialog_changed = True
        if self._stream is not None and media.ip != NOBODY:
            self._stream.set_remote((media.ip, media.port))

    def digit(self, digit: str) -> None:
        """A digit, by SIP INFO or RFC 4733. No block gathers digits yet."""

    # What the media plane says (media.StreamListener) -------------------------------------------

    def rtp_started(self) -> None:
        """The caller's first audio arrived."""

    def rtp_timeout(self) -> None:
        """No audio arrives. Callers may be silent (they need not send), so the phone is asked."""
        if self._silence.silent():
            self._log.info("caller_silent")
            self._dialog_changed = True  # the question took a number of the dialog
            self._write((), ())

    def _gone(self) -> None:
        """The phone does not know the call any more, or there is no phone."""
        self._feed(machine.MediaLost(clock.now_s()))

    def closed(self, stats: StreamStats) -> None:
        """The stream is gone; what it carried goes into the log."""
        self._log.info(
            "media_closed",
            sent=stats.sent_packets,
            received=stats.received_packets,
            lost=stats.lost,
            send_errors=stats.send_errors,
        )

    def out_of_credit(self, at_s: float) -> None:
        """The account's credit covers the call until ``at_s`` (credit.MeterListener)."""
        self._feed(machine.OutOfCredit(at_s))

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
                    self._guarded(partial(self._perform, effect))
        for ticket in accepted:
            self._measure(ticket)
        self._arm(before)
        self._meter.follow(self._call, self)
        if self._call.state in (State.CLOSING, State.ENDED):
            self._stop_watching()
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
                if self._speaking is not None:
                    self._speaking.forget()
                if self._stream is not None:
                    self._stream.stop()
            case machine.HangUp():
                self._leg.hangup()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Does what the machine takes for done. If it cannot be, the call ends: nothing else of it
        would ever happen, no message would be through and no hangup."""
        try:
            work()
        except Exception:  # noqa: BLE001  # whatever it is, it is logged and ends the call
            self._log.exception("call_broken", state=self._call.state.value)
            self._loop.call_soon(self._break_off)

    def _break_off(self) -> None:
        unanswered = self._leg.state is CallState.OFFERED
        if unanswered:
            self._leg.reject(500)
        self._feed(machine.MediaLost(clock.now_s()))
        if unanswered:
            self._feed(machine.HangupDone(clock.now_s()))

    def _measure(self, ticket: Ticket) -> None:
        """How long a forced Hangup took, its BYE or rejection having left in this very step.

        Before the ACK, the BYE has to wait for the caller (RFC 3261, 15): that time is not ours.
        """
        if ticket.job.force and (self._call.acknowledged or not self._call.answered):
            self._around.metrics.forced_hangup(clock.now_s() - ticket.arrived_s)

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
        self._speaking = Speaking(
            self._stream,
            self._tickets[request_id].message,
            on_played=lambda sent_s: self._feed(machine.Played(sent_s, request_id)),
            on_failed=lambda _: self._feed(machine.BrokenOff(clock.now_s(), request_id)),
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

    def _stop_watching(self) -> None:
        self._silence.stop()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _close_media(self) -> None:
        if self._speaking is not None:
            self._speaking.forget()
            self._speaking = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._port is not None:
            self._port.release()
            self._port = None

    # What is written ----------------------------------------------------------------------------

    def _write(self, accepted: Sequence[Ticket], told: Sequence[machine.Notify]) -> None:
        dialog = self._dialog() if self._dialog_changed else None
        record = call_record.advanced(self.record, self._call, told=len(told), dialog=dialog)
        if self._abandoned or (record is self.record and not accepted and not told):
            return
        self._note_end(record)
        tag = accepted[-1].request.tag if accepted else record.tag
        first = self.record.sequence + 1
        record = replace(record, tag=tag, written_ms=clock.wall_ms(clock.now_s()))
        self.record = record
        notifications = [
            notices.notification(record, effect.contact, effect.call_state, sequence)
            for sequence, effect in enumerate(told, first)
        ]
        replies = tuple(
            reply
            for ticket in accepted
            for reply in idempotency.accepted(record.app_id, ticket.request.key)
        )
        writes = Writes(
            calls=(record,),
            notifications=tuple(notifications),
            debits=bills.debits(record) if self._call.state is State.ENDED else (),
            replies=replies,
        )
        first_try = self._around.journal.write(
            record.session, writes, lambda: self._on_disk(notifications, record.state)
        )
        first_try.add_done_callback(lambda future: self._tried(future, accepted))

    def _dialog(self) -> str:
        """What it takes to end the call at the phone after a restart."""
        self._dialog_changed = False
        return json.dumps(self._leg.record().as_dict())

    def _note_end(self, record: CallRecord) -> None:
        """The end is logged and counted when it is first recorded."""
        if record.ended_ms is None or self.record.ended_ms is not None:
            return
        self._log.info(
            "call_ended",
            txn_ref=record.txn_ref,
            ended_by=record.ended_by,
            cause=record.cause,
            duration_ms=record.duration_ms,
        )
        self._around.metrics.ended(record.ended_by, record.cause)

    def _tried(self, future: "asyncio.Future[None]", accepted: Sequence[Ticket]) -> None:
        """Requests get their reply: what could not be written at once was not accepted."""
        error = future.exception()
        for ticket in accepted:
            if error is None:
                ticket.accept()
            else:
                ticket.fail(error)
        if error is not None and not self._known and not self._abandoned:
            self._abandon()

    def _on_disk(self, notifications: Sequence[NotificationRecord], state: str) -> None:
        """It is written, and everything before it: now a new call rings, and notifications leave."""
        if not self._known:
            self._known = True
            self._ring()
        for notification in notifications:
            self._around.deliver(notices.outgoing(notification))
        if state == State.ENDED.value:
            self._meter.release()
            self._on_over(self)

    def _ring(self) -> None:
        if self._call.state is State.RINGING:
            self._leg.ring()
            self._log.info(
                "call_ringing",
                txn_ref=self.record.txn_ref,
                sip_call_id=self._leg.sip_call_id,
                peer=self._leg.source[0],
            )

    def _abandon(self) -> None:
        """Nothing can be written, and nobody was told of the call: it is as if it never came."""
        self._abandoned = True
        self._log.error("call_abandoned")
        self._around.journal.forget(self.record.session)
        if self._call.state is State.RINGING:
            self._leg.reject(503, headers=_RETRY_LATER)
        self._stop_watching()
        if self._timer is not None:
            self._timer.cancel()
        self._meter.release()
        self._on_over(self)
