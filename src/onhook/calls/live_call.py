"""A call that is going on: it turns what happens into events, and performs the effects.

One object a call, on the event loop, without a task of its own: the phone, the media plane, requests
and timers call in; every change goes through :func:`onhook.call.step`. What changed is written in one
transaction with the notifications it caused, and only then do those leave and requests get their reply
(:mod:`onhook.calls.call_book`).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import structlog

from onhook import call as machine
from onhook.blocks import BlockRequest, Refused
from onhook.call import Call, Effect, Event, Job, State
from onhook.calls import bills, clock, dialogs
from onhook.calls.call_book import CallBook
from onhook.calls.call_media import CallMedia
from onhook.calls.credit import Meter
from onhook.calls.dialogs import OpenDialog
from onhook.calls.keypad import Keypad
from onhook.calls.legs import Leg, PlacedLeg, latching_of
from onhook.calls.outcomes import outcome_of
from onhook.calls.peer import Peer, digits_after
from onhook.calls.pending_request import PendingRequest
from onhook.calls.presence import Presence
from onhook.calls.rooms import Seat
from onhook.calls.services import CallServices
from onhook.calls.silence import SilenceWatch
from onhook.calls.works import work_of
from onhook.media.stream import Latching, StreamStats
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallState
from onhook.phone.sdp import RemoteMedia
from onhook.store import CallRecord

log = structlog.get_logger()

RETRY_LATER = (("Retry-After", "10"),)
"""Beside the 503 of a call that could not be taken now."""


class LiveCall:
    """The owner of one call. Listens to its SIP dialog and to its media stream."""

    def __init__(
        self,
        record: CallRecord,
        call: Call,
        leg: Leg,
        services: CallServices,
        on_over: Callable[["LiveCall"], None],
        meter: Meter,
    ) -> None:
        self._call = call
        self._leg = leg
        self._services = services
        self._on_over = on_over
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self._book = CallBook(record, self, services.journal, services.metrics, services.deliver)
        self._requests: dict[int, PendingRequest] = {}
        self._request_ids = count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._silence = SilenceWatch(leg.probe, self._gone, services.silence_s)
        self._media = CallMedia(services.plane, services.spools, self)
        self._presence = Presence()
        leg.on_heard = self._presence.signalled
        self._keypad = Keypad(self._key, self._pass_on)
        self._peer: Peer | None = None
        self._launch: Callable[[], None] | None = None
        """Sends the INVITE that is waiting for its record to be written."""
        self._dialog_changed = True
        self._log = log.bind(session=record.session)

    @property
    def record(self) -> CallRecord:
        """The record of the call as it is now."""
        return self._book.record

    @property
    def state(self) -> State:
        """Where the call is in its life."""
        return self._call.state

    @property
    def hung_up_by_application(self) -> bool:
        """Whether the call is over, or on its way out, because the application hung it up."""
        end = self._call.end
        return end is not None and end.by is machine.EndedBy.APPLICATION

    def reserve(self) -> None:
        """Gets a port for the audio. Raises RuntimeError if there is none left."""
        self._media.reserve()

    def begin(self, effects: Sequence[Effect], placed: PendingRequest | None = None) -> None:
        """Performs the effects of the call's beginning; it rings as soon as that is on disk.

        Until then the caller hears nothing, and repeats its INVITE: should this process die, then to
        the next one, for which it is a new call. So no caller waits on a call that is forgotten.
        A call that we place has the request for it: ``placed`` is answered once it is on disk.
        """
        if placed is not None:
            self._requests[placed.job.request_id] = placed
            next(self._request_ids)
        if isinstance(self._leg, PlacedLeg):
            self._leg.prepare(self._media.port, self)
        self._perform_all(effects, before=None, accepted=[placed] if placed else [])

    def turn_away(self) -> None:
        """Rejects the call, which its account cannot pay for; the application is told of its end only."""
        self.out_of_credit(clock.now_s())

    # Requests ---------------------------------------------------------------------------------

    async def run(self, request: BlockRequest, arrived_s: float) -> PendingRequest:
        """Returns when the request may be answered with success_ok. Raises :class:`Refused`."""
        pending = self._admit(request, arrived_s)
        try:
            if not pending.answer.done():
                await self._prepare(pending)
            await pending.answer
        finally:
            self._drop_answered()
        return pending

    def kick(self) -> None:
        """Puts the call out of its room."""
        self._seat().leave()
        self._feed(machine.Kicked(clock.now_s()))

    def mute(self, muted: bool) -> None:
        """Whether the others in its room hear it."""
        self._seat().mute(muted)

    def _seat(self) -> Seat:
        job = self._call.job
        pending = self._requests.get(job.request_id) if job else None
        seat = pending.resources.seat if pending else None
        if seat is None or not seat.seated:
            raise Refused("error_not_in_conference")
        return seat

    def _drop_answered(self) -> None:
        """Of the answered requests only those whose block is in progress, or loops, are still needed."""
        job = self._call.job
        for request_id, pending in list(self._requests.items()):
            if pending.answer.done() and (job is None or job.request_id != request_id):
                pending.resources.release()
                del self._requests[request_id]

    def _admit(self, request: BlockRequest, arrived_s: float) -> PendingRequest:
        job = Job(
            request_id=next(self._request_ids),
            block=request.block.name,
            notify_url=request.notify_url,
            tag=request.tag,
            speaks=request.message is not None,
            hangs_up=request.block.hangs_up,
            force=request.force,
            work=work_of(request, self._services.means),
        )
        pending = PendingRequest(job, request, arrived_s, self._loop.create_future())
        self._requests[job.request_id] = pending
        self._feed(machine.Requested(clock.now_s(), job))
        return pending

    async def _prepare(self, pending: PendingRequest) -> None:
        """Gets ready what the request needs, unless the call goes to its end meanwhile."""
        request_id = pending.job.request_id
        try:
            if pending.job.answers and not self._call.answered:
                self._media.reserve()  # better known before the answer than after
            pending.resources = await self._services.allocator.allocate(
                pending.request, self.record, pending.answer
            )
            pending.reply = pending.resources.reply
            await self._afford(pending)
        except BaseException as error:
            # Whatever went wrong, the reservation must not outlive its request.
            self._feed(machine.PreparationFailed(clock.now_s(), request_id))
            pending.fail(error)
            raise
        if not pending.answer.done():
            self._feed(machine.Prepared(clock.now_s(), request_id))

    async def _afford(self, pending: PendingRequest) -> None:
        """Whom the call is passed on to makes it dearer: the account must be able to pay for that."""
        rate = pending.resources.rate
        if rate is None:
            return
        if not await self._meter.reserve(rate):
            raise Refused("error_insufficient_credit")
        pending.resources.on_release = self._meter.drop

    # What the phone says (phone.CallListener, phone.OutgoingListener) ------------------------------

    def cancelled(self) -> None:
        """CANCEL while it rang."""
        self._feed(machine.Cancelled(clock.now_s()))

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """The ACK to our 200; with the SDP answer if the INVITE had no offer."""
        self._dialog_changed = True
        if answer is not None:
            self._guarded(lambda: self._media.open(answer, self._latching()))
        self._feed(machine.Acknowledged(clock.now_s()))

    def trunk_changed(self) -> None:
        """Another trunk is tried; its INVITE leaves when it could be taken back after a crash."""
        self._dialog_changed = True
        self._save(then=self._place)

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """The callee's phone rings. What can be heard of it is heard by nobody."""
        self._dialog_changed = True
        self._save()

    def answered(self, media: RemoteMedia) -> None:
        """The callee answered."""
        self._dialog_changed = True
        self._guarded(lambda: self._media.open(media, self._latching()))
        self._feed(machine.Connected(clock.now_s()))

    def failed(self, cause: SipCause) -> None:
        """The callee did not answer."""
        code = cause.status
        self._feed(machine.Unreached(clock.now_s(), outcome_of(code), code, cause.text))

    def hung_up(self, cause: SipCause) -> None:
        """The far end's BYE."""
        self._feed(machine.HungUp(clock.now_s(), cause.text))

    def hangup_done(self, cause: SipCause) -> None:
        """The transaction of our BYE is over."""
        end = self._call.end
        since = self._presence.gone_since(cause, end.at) if end else None
        gone = machine.Gone(since, self._presence.received_s) if since is not None else None
        self._feed(machine.HangupDone(clock.now_s(), gone))

    def no_ack(self) -> None:
        """Our 200 was never acknowledged; the phone has sent the BYE."""
        self._feed(machine.Unacknowledged(clock.now_s()))

    def media_moved(self, media: RemoteMedia) -> None:
        """A re-INVITE gave another address for the audio."""
        self._dialog_changed = True
        self._media.move(media, self._latching())

    def digit(self, digit: str) -> None:
        """A key, by SIP INFO."""
        self._keypad.by_info(digit, events=self._media.takes_events)

    def pressed(self, digit: str) -> None:
        """A key went down, as RTP says."""
        self._keypad.in_rtp(digit)

    def _key(self, digit: str) -> None:
        self._feed(machine.Digit(clock.now_s(), digit))

    def _pass_on(self, digit: str) -> None:
        """Unlike what comes in RTP, the peer does not get it by itself."""
        if self._peer is not None:
            self._peer.pass_on(digit)

    # What the media plane says (media.StreamListener, by way of _Ears) ---------------------------------

    def silent(self) -> None:
        """No audio arrives. Callers may be silent (they need not send), so the phone is asked."""
        if self._silence.silent():
            self._log.info("caller_silent")
            self._dialog_changed = True  # the question took a number of the dialog
            self._save()

    def media_closed(self, stats: StreamStats) -> None:
        """The stream is gone; what it carried goes into the log."""
        self._log.info(
            "media_closed",
            sent=stats.sent_packets,
            silent=stats.silent_packets,
            received=stats.received_packets,
            lost=stats.lost,
            foreign=stats.foreign,
            send_errors=stats.send_errors,
            reports=stats.reports,
            reported_lost=stats.reported_lost,
        )

    def _gone(self) -> None:
        """The phone does not know the call any more, or there is no phone."""
        self._note_signs()
        now_s, last_s = clock.now_s(), self._presence.last_s
        gone = machine.Gone(now_s if last_s is None else last_s, self._presence.received_s)
        self._feed(machine.MediaLost(now_s, gone))

    def _note_signs(self) -> None:
        signs = self._media.signs
        if signs is not None:
            self._presence.media(signs)

    # What the peer says (PeerOwner) ---------------------------------------------------------------

    def peer_rang(self, audible: bool) -> None:
        """It rings."""
        self._feed(machine.PeerRang(clock.now_s(), audible))

    def peer_answered(self) -> None:
        """It answered: from now on both legs are charged."""
        resources = self._running_request().resources
        if resources.rate is not None:
            self._book.record = bills.priced(self.record, resources.rate)
            self._meter.reprice(resources.rate)
            resources.on_release = None
        self._feed(machine.PeerAnswered(clock.now_s()))

    def peer_failed(self, outcome: str, sip_code: int | None) -> None:
        """It was not reached."""
        self._log.info("peer_failed", outcome=outcome, sip_code=sip_code)
        self._book.note_sip_code(sip_code)
        self._feed(machine.PeerFailed(clock.now_s(), outcome, sip_code))

    def peer_left(self, sip_cause: str) -> None:
        """It hung up."""
        self._feed(machine.PeerLeft(clock.now_s(), sip_cause))

    def peer_changed(self, then: Callable[[], None] | None = None) -> None:
        """What it takes to end it is another now; ``then`` is called when that is on disk."""
        self._dialog_changed = True
        self._save(then)

    # What others say ------------------------------------------------------------------------------

    def out_of_credit(self, at_s: float) -> None:
        """The account's credit covers the call until ``at_s`` (credit.MeterListener)."""
        self._feed(machine.OutOfCredit(at_s))

    def untold(self) -> None:
        """Its application may not be told of it."""
        self._feed(machine.Untold(clock.now_s()))

    def shut_down(self) -> None:
        """The process ends."""
        self._feed(machine.Shutdown(clock.now_s()))

    # The machine --------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        before = self._call
        self._call, effects = machine.step(before, event)
        if self._call is not before or effects:
            self._perform_all(effects, before)

    def _perform_all(
        self,
        effects: Sequence[Effect],
        before: Call | None,
        accepted: Sequence[PendingRequest] = (),
    ) -> None:
        """Performs the effects, sets the timers, and writes what changed with what it caused."""
        taken = list(accepted)
        told: list[machine.Notify] = []
        for effect in effects:
            match effect:
                case machine.Accept(request_id):
                    taken.append(self._requests[request_id])
                case machine.Notify():
                    told.append(effect)
                case _:
                    self._guarded(partial(self._perform, effect))
        for pending in taken:
            self._measure(pending)
        self._arm(before)
        self._meter.follow(self._call, self)
        if self._call.state in (State.CLOSING, State.ENDED):
            self._leave()
        then, self._launch = self._launch, None
        self._book.write(self._call, taken, told, self._dialog(), then)
        self._drop_answered()

    def _perform(self, effect: Effect) -> None:
        perform = _PERFORM.get(type(effect))
        if perform is not None:  # a Reserve asks nothing: whoever asked goes on to prepare
            perform(self, effect)

    def _caller(self) -> IncomingCall:
        """The leg of a call that came in: only such a one is answered, rejected or rung."""
        if isinstance(self._leg, PlacedLeg):
            raise AssertionError("a call that we place is never answered by us")
        return self._leg

    def _refuse(self, effect: machine.Refuse | machine.Overtake) -> None:
        self._requests[effect.request_id].refuse(effect.status)

    def _answer(self, effect: machine.Answer) -> None:
        leg, port = self._caller(), self._media.port
        if leg.offer is not None:
            self._media.open(leg.offer, self._latching())
        leg.answer(ip=self._services.local_ip(leg.source[0]), port=port)

    def _latching(self) -> Latching:
        return latching_of(self._leg, anybody=self._services.audio_from_anywhere)

    def _reject(self, effect: machine.Reject) -> None:
        self._caller().reject(effect.code)
        self._loop.call_soon(lambda: self._feed(machine.HangupDone(clock.now_s())))

    def _hang_up(self, effect: machine.HangUp) -> None:
        self._leg.hangup()

    def _play(self, effect: machine.Play) -> None:
        self._media.say(
            self._requests[effect.request_id].resources,
            on_said=lambda at_s: self._feed(machine.Played(at_s, effect.request_id)),
            on_failed=lambda: self._feed(machine.MessageBroken(clock.now_s(), effect.request_id)),
            beep=effect.beep,
        )

    def _loop_message(self, effect: machine.Loop) -> None:
        self._media.loop_message(self._requests[effect.request_id].resources)

    def _ring_back(self, effect: machine.RingBack) -> None:
        self._media.ring_back()

    def _stop(self, effect: machine.StopMedia | machine.StopPlaying) -> None:
        self._media.stop_playing()

    def _start_recording(self, effect: machine.StartRecording) -> None:
        self._media.record(effect.name)

    def _stop_recording(self, effect: machine.StopRecording) -> None:
        self._media.stop_recording(effect.name)

    def _reach(self, effect: machine.Reach) -> None:
        pending = self._requests[effect.request_id]
        if pending.resources.callee is None:
            raise AssertionError("nobody to be reached was resources")
        self._peer = Peer(
            self,
            pending.resources.callee,
            digits_after(pending.request.options.get("dest")),
            plane=self._services.plane,
            spools=self._services.spools,
            silence_s=self._services.silence_s,
        )
        self._peer.reach(self._services.outbound)
        self._dialog_changed = True
        self._launch = self._peer.launch

    def _bridge(self, effect: machine.Bridge) -> None:
        if self._peer is not None:
            self._media.join(self._peer.media)

    def _drop_peer(self, effect: machine.DropPeer) -> None:
        if self._peer is not None:
            self._peer.drop()

    def _join_room(self, effect: machine.JoinRoom) -> None:
        seat = self._requests[effect.request_id].resources.seat
        if seat is not None and self._media.stream is not None:
            seat.sit(self._media.stream)

    def _running_request(self) -> PendingRequest:
        if self._call.job is None:
            raise AssertionError("a call has a peer only while its block runs")
        return self._requests[self._call.job.request_id]

    def _guarded(self, work: Callable[[], None]) -> None:
        """Does what the machine takes for done. If it cannot be, the call ends: nothing else of it
        would ever happen, no message would be through and no hangup."""
        try:
            work()
        except Exception:  # noqa: BLE001  # whatever it is, it is logged and ends the call
            self._log.exception("call_broken", state=self._call.state.value)
            self._loop.call_soon(self._break_off)

    def _break_off(self) -> None:
        """The caller of an unanswered call gets its rejection, a callee its CANCEL."""
        if isinstance(self._leg, PlacedLeg):
            broken = machine.Shutdown if not self._call.answered else machine.MediaLost
            self._feed(broken(clock.now_s()))
            return
        unanswered = self._leg.state is CallState.OFFERED
        if unanswered:
            self._leg.reject(500)
        self._feed(machine.MediaLost(clock.now_s()))
        if unanswered:
            self._feed(machine.HangupDone(clock.now_s()))

    def _measure(self, pending: PendingRequest) -> None:
        """How long a forced Hangup took, its BYE or rejection having left in this very step.

        Before the ACK, the BYE has to wait for the caller (RFC 3261, 15): that time is not ours.
        """
        if pending.job.force and (self._call.acknowledged or not self._call.answered):
            self._services.metrics.forced_hangup(clock.now_s() - pending.arrived_s)

    def _arm(self, before: Call | None) -> None:
        """Two timers a call: what the present state asks for, and its longest life."""
        due_at, expires_at = self._call.due_at, self._call.expires_at
        if before is None or due_at != before.due_at:
            self._timer = self._set(self._timer, due_at, machine.Due)
        if before is None or expires_at != before.expires_at:
            self._expiry = self._set(self._expiry, expires_at, machine.SessionExpired)

    def _set(
        self,
        timer: asyncio.TimerHandle | None,
        at_s: float | None,
        event: type[machine.Due] | type[machine.SessionExpired],
    ) -> asyncio.TimerHandle | None:
        if timer is not None:
            timer.cancel()
        if at_s is None:
            return None
        # Loops round to their own tick; an event that came a hair early would be ignored.
        return self._loop.call_later(
            max(0.0, at_s - clock.now_s()), lambda: self._feed(event(max(at_s, clock.now_s())))
        )

    def _leave(self) -> None:
        """The call is on its way out: nothing is heard, watched or held any more."""
        self._note_signs()
        self._silence.stop()
        self._expiry = self._set(self._expiry, None, machine.SessionExpired)
        if self._peer is not None:
            self._peer.drop()
        for pending in self._requests.values():
            pending.resources.release()
        self._media.close()

    # What is written (BookOwner) ----------------------------------------------------------------

    def _save(self, then: Callable[[], None] | None = None) -> None:
        self._book.write(self._call, (), (), self._dialog(), then)

    def _dialog(self) -> str | None:
        """What it takes to end the call at the phones after a restart; None if nothing changed.

        Of a call that is over this can be its peer: the BYE or CANCEL to it is still under way.
        """
        over = self._call.state is State.ENDED
        if not (self._dialog_changed or over):
            return None
        self._dialog_changed = False
        first = None if over else self._first_dialog()
        second = self._peer.dialog() if self._peer is not None else None
        left = [one for one in (first, second) if one is not None]
        return "" if over and not left else dialogs.written(left)

    def _first_dialog(self) -> OpenDialog | None:
        leg = self._leg
        return leg.dialog() if isinstance(leg, PlacedLeg) else OpenDialog(leg.record())

    def recorded(self) -> None:
        """Its beginning is on disk: now it rings, here or at the callee's."""
        if self._call.state is State.DIALLING:
            self._guarded(self._place)
            private = {"dest": self.record.dest_number}
            self._log.info("call_placed", txn_ref=self.record.txn_ref, private=private)
        elif self._call.state is State.RINGING:
            leg = self._caller()
            leg.ring()
            self._log.info(
                "call_ringing",
                txn_ref=self.record.txn_ref,
                sip_call_id=leg.sip_call_id,
                peer=leg.source[0],
                private={"from": self.record.from_number, "to": self.record.to_number},
            )

    def _place(self) -> None:
        if isinstance(self._leg, PlacedLeg):
            self._leg.launch()

    def closed_book(self) -> None:
        """Its end is on disk."""
        self._meter.release()
        self._on_over(self)

    def unrecorded(self) -> None:
        """Nothing can be written, and nobody was told of the call: it is as if it never came."""
        if self._call.state is State.RINGING:
            self._caller().reject(503, headers=RETRY_LATER)
        self._leave()
        self._timer = self._set(self._timer, None, machine.Due)
        self._meter.release()
        self._on_over(self)


_PERFORM: dict[type, Callable[[LiveCall, Any], None]] = {
    machine.Refuse: LiveCall._refuse,
    machine.Overtake: LiveCall._refuse,
    machine.Answer: LiveCall._answer,
    machine.Reject: LiveCall._reject,
    machine.HangUp: LiveCall._hang_up,
    machine.Play: LiveCall._play,
    machine.Loop: LiveCall._loop_message,
    machine.RingBack: LiveCall._ring_back,
    machine.StopPlaying: LiveCall._stop,
    machine.StopMedia: LiveCall._stop,
    machine.StartRecording: LiveCall._start_recording,
    machine.StopRecording: LiveCall._stop_recording,
    machine.Reach: LiveCall._reach,
    machine.Bridge: LiveCall._bridge,
    machine.DropPeer: LiveCall._drop_peer,
    machine.JoinRoom: LiveCall._join_room,
}
